"""Everything done twice: an operation that committed and reported failure is repeated (P6)."""

from msgspec.structs import replace

from stepwell.model.change import Change, Patch, Post, Reply, Wait
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus
from stepwell.testing.conformance.scene import Scene, Suite


async def _twice(scene: Scene, *changes: Change) -> list[Reply]:
    """Commit, and commit again elsewhere: the second time changes nothing, and is answered alike."""
    first = await scene.store.commit(changes)
    before = await scene.store.dump()
    second = await scene.other.commit(changes)
    assert await scene.store.dump() == before
    assert [(r.ok, r.released, r.children) for r in second] == [(r.ok, r.released, r.children) for r in first]
    return second


class TestRepeats(Suite):
    """P6: no operation has a second effect."""

    async def test_starts(self, scene: Scene) -> None:
        await scene.beat("w1")
        news = [
            scene.new(),
            scene.new("one"),
            scene.new(worker="w1"),
            scene.new("two", tags={"a": 1}, blobs=(("aa", b"1"),)),
        ]
        replies = await _twice(scene, *(Change(run=n.row.key, create=n) for n in news))
        assert [r.ok for r in replies] == [True] * 4

    async def test_a_start_whose_run_has_gone_on(self, scene: Scene) -> None:
        await scene.beat("w1")
        new = scene.new(worker="w1")
        await scene.create(new)
        await scene.done(scene.finish(new.row))
        reply = await scene.create(new, scene.other)
        assert reply.ok
        assert reply.row == await scene.row(new.row)

    async def test_a_start_among_new_ones(self, scene: Scene) -> None:
        news = [scene.new() for _ in range(10)]
        await scene.create(news[4])
        replies = await scene.store.commit([Change(run=n.row.key, create=n) for n in news])
        assert all(r.ok for r in replies)
        for new in news:
            assert len(await scene.store.journal(new.row.key)) == 1

    async def test_a_start_with_a_post(self, scene: Scene) -> None:
        target = await scene.waiting()
        new = scene.new()
        await _twice(scene, Change(run=new.row.key, create=new, post=(Post(target=target.key, item=scene.item()),)))
        assert len(await scene.items(target)) == 1

    async def test_entries(self, scene: Scene) -> None:
        row = await scene.running()
        await _twice(scene, scene.entries(row, 1))
        await _twice(scene, scene.entries(row, 2, count=2, blobs=(("aa", b"1"),), patch=Patch(progress=0.5)))
        await _twice(scene, scene.entries(row, 4))

    async def test_ends_and_suspensions(self, scene: Scene) -> None:
        rows = [await scene.running() for _ in range(4)]
        replies = await _twice(
            scene,
            scene.finish(rows[0]),
            scene.suspend(rows[1], due=scene.now + 5),
            scene.entries(rows[2], patch=Patch(status=RunStatus.QUEUED, release=True, rank=1.0)),
            scene.entries(rows[3]),
        )
        assert all(r.ok and r.released for r in replies)

    async def test_a_suspension_that_was_refused(self, scene: Scene) -> None:
        row = await scene.running()
        await scene.done(Change(post=(Post(target=row.key, item=scene.item()),)))
        (reply,) = await _twice(scene, scene.suspend(row, seen=0))
        assert (reply.released, reply.inbox) == (False, 1)

    async def test_a_release_without_entries(self, scene: Scene) -> None:
        for status in (RunStatus.QUEUED, RunStatus.WAITING, RunStatus.PARKED):
            row = await scene.running()
            change = Change(run=row.key, epoch=row.epoch, patch=Patch(status=status, release=True, rank=1.0))
            (reply,) = await _twice(scene, change)
            assert reply.ok

    async def test_a_change_after_whose_reply_the_run_was_claimed(self, scene: Scene) -> None:
        row = await scene.running()
        change = scene.entries(row, patch=Patch(status=RunStatus.QUEUED, release=True, rank=1.0))
        await scene.done(change)
        (claimed,) = await scene.claim()
        assert (await scene.commit(change, scene.other)).ok
        assert (await scene.row(row)) == claimed.row

    async def test_waits(self, scene: Scene) -> None:
        await scene.send(id="m1")
        row = await scene.running()
        waits = (Wait("a", "paid", "k"), Wait("b", "paid", "k"))
        await _twice(scene, scene.entries(row, 1, arm=waits))
        await _twice(scene, Change(run=row.key, epoch=row.epoch, arm=waits))
        await scene.send(id="m2")
        assert [(i.call, i.message_id) for i in await scene.items(row)] == [("a", "m1"), ("b", "m2")]
        await _twice(scene, scene.entries(row, 2, disarm=("a", "b"), took=(1, 2)))

    async def test_putting_back(self, scene: Scene) -> None:
        await scene.send(id="m1")
        row = await scene.running()
        await scene.done(scene.entries(row, 1, arm=(Wait("a", "paid", "k"),)))
        (item,) = await scene.items(row)
        heir = await scene.armed()
        await _twice(scene, scene.entries(row, 2, took=(1,), put_back=(item,)))
        await _twice(scene, Change(run=row.key, epoch=row.epoch, took=(1,), put_back=(item,)))
        assert len(await scene.items(heir)) == 1

    async def test_children(self, scene: Scene) -> None:
        there = await scene.queued(run_id="there")
        row = await scene.running()
        news = (scene.new(parent=row.key), scene.new("one", parent=row.key), scene.new("there", parent=row.key))
        (reply,) = await _twice(scene, scene.entries(row, start=news))
        assert reply.children == (there,)

    async def test_the_end_of_a_child(self, scene: Scene) -> None:
        parent, child = await scene.waiting(), await scene.running()
        post = (Post(target=parent.key, item=scene.item("child", call="c")),)
        await _twice(scene, scene.finish(child, post=post))
        assert len(await scene.items(parent)) == 1

    async def test_an_end_that_lets_go(self, scene: Scene) -> None:
        await scene.send(id="m1")
        row = await scene.running()
        await scene.done(scene.entries(row, 1, arm=(Wait("a", "paid", "k"), Wait("b", "paid", "k"))))
        heir = await scene.armed(call="x")
        await _twice(scene, scene.finish(row, seq=2))
        assert [(i.call, i.message_id) for i in await scene.items(heir)] == [("x", "m1")]

    async def test_messages_with_an_id(self, scene: Scene) -> None:
        row = await scene.armed()
        for target in (None, row.key):
            assert (await scene.send(target=target, id="m")).why == ""
            before = await scene.store.dump()
            assert (await scene.send(target=target, id="m")).why == "duplicate"
            assert await scene.store.dump() == before

    async def test_operators(self, scene: Scene) -> None:
        pause = Patch(status=RunStatus.PAUSED, release=True, bump=True)
        resume = Patch(status=RunStatus.QUEUED, release=True, bump=True, rank=1.0)
        terminate = Patch(status=RunStatus.TERMINATED, release=True, bump=True, finished_at=scene.now)
        row = await scene.waiting()
        await _twice(scene, scene.seen(row, patch=pause))
        await _twice(scene, scene.seen(await scene.row(row), patch=resume))
        row = await scene.row(row)
        cancel = (Post(target=row.key, item=scene.item("cancel")),)
        await _twice(scene, scene.seen(row, patch=Patch(cancelling=True), post=cancel))
        row = await scene.row(row)
        assert row.inbox == 1
        (reply,) = await _twice(scene, scene.seen(row, patch=terminate, seq=2, count=1, data=b"[2]", closes=True))
        assert reply.ok
        row = await scene.row(row)
        patch = replace(resume, reopen=True, generation=2)
        again = scene.seen(row, patch=patch, seq=3, count=1, data=b"[3]", opens=b"[0]", closes=True)
        (reply,) = await _twice(scene, again)
        assert reply.ok

    async def test_a_whole_group(self, scene: Scene) -> None:
        rows: list[RunRow] = [await scene.running() for _ in range(20)]
        parent = await scene.waiting()
        changes: list[Change] = []
        for n, row in enumerate(rows):
            post = (Post(target=parent.key, item=scene.item("child", call=f"c{n}")),) if n % 5 == 0 else ()
            changes += [scene.finish(row, post=post) if n % 2 else scene.suspend(row)]
            new = scene.new(f"new-{n}" if n % 3 else None)
            changes.append(Change(run=new.row.key, create=new))
        assert all(reply.ok for reply in await _twice(scene, *changes))

    async def test_a_beat_and_signing_off(self, scene: Scene) -> None:
        row = await scene.running("w1")
        assert await scene.beat("w1") == await scene.beat("w1") == {row.key}
        await scene.stop("w1")
        before = await scene.store.dump()
        await scene.stop("w1")
        assert await scene.store.dump() == before
