"""What others post to a run, and how its holder hears of it."""

import asyncio

from stepwell.core.admission import rank_of
from stepwell.model.change import Change, Patch, Post
from stepwell.model.status import RunStatus
from stepwell.testing.conformance.scene import Scene, Suite


class TestInboxes(Suite):
    """One writer per run: everybody else posts, and the mark tells the holder to look."""

    async def test_a_post_wakes_who_waits(self, scene: Scene) -> None:
        row = await scene.waiting(due=scene.now + 500, priority=2)
        scene.pass_time(3)
        await scene.done(Change(post=(Post(target=row.key, item=scene.item()),)))
        stored = await scene.row(row)
        assert (stored.status, stored.inbox, stored.due) == (RunStatus.QUEUED, 1, None)
        assert stored.rank == rank_of(scene.now, 2)
        await scene.beat("w1")
        (claimed,) = await scene.claim()
        assert [(i.n, i.kind, bytes(i.data)) for i in claimed.inbox] == [(1, "cancel", b'{"x":1}')]

    async def test_a_post_leaves_other_states_alone(self, scene: Scene) -> None:
        delayed = await scene.queued(due=scene.now + 60, rank=4.0)
        held = await scene.running()
        paused = await scene.running()
        await scene.done(scene.entries(paused, patch=scene.suspend(paused).patch))
        await scene.done(scene.seen(await scene.row(paused), patch=Patch(status=RunStatus.PAUSED, release=True)))
        for row in (delayed, held, await scene.row(paused)):
            before = await scene.row(row)
            await scene.done(Change(post=(Post(target=row.key, item=scene.item("child", call="c")),)))
            after = await scene.row(row)
            assert after.inbox == before.inbox + 1
            assert (after.status, after.due, after.rank, after.worker) == (
                before.status, before.due, before.rank, before.worker)  # fmt: skip

    async def test_every_fenced_write_tells_the_mark(self, scene: Scene) -> None:
        row = await scene.running()
        assert (await scene.done(scene.entries(row, 1))).inbox == 0
        for _ in range(2):
            await scene.done(Change(post=(Post(target=row.key, item=scene.item()),)), scene.other)
        assert (await scene.done(scene.entries(row, 2))).inbox == 2
        assert [i.n for i in await scene.items(row)] == [1, 2]
        assert [i.n for i in await scene.items(row, after=1)] == [2]
        assert (await scene.done(scene.entries(row, 3, took=(1,)))).inbox == 2
        assert [i.n for i in await scene.items(row)] == [2]

    async def test_suspending_is_refused_when_the_mark_has_moved(self, scene: Scene) -> None:
        row = await scene.running()
        await scene.done(Change(post=(Post(target=row.key, item=scene.item()),)), scene.other)
        reply = await scene.done(scene.suspend(row, seen=0, due=scene.now + 5))
        assert (reply.released, reply.inbox) == (False, 1)
        stored = await scene.row(row)
        assert (stored.status, stored.worker, stored.due) == (RunStatus.RUNNING, "w1", None)
        assert len(await scene.store.journal(row.key)) == 2
        reply = await scene.done(scene.suspend(row, seen=1, seq=2))
        assert (reply.released, reply.inbox) == (True, 1)
        assert (await scene.row(row)).status is RunStatus.WAITING

    async def test_a_post_and_a_suspend_in_one_group(self, scene: Scene) -> None:
        first, second = await scene.running(), await scene.running()
        post = Change(post=(Post(target=first.key, item=scene.item()), Post(target=second.key, item=scene.item())))
        replies = await scene.store.commit([scene.suspend(first, seen=0), post, scene.suspend(second, seen=0)])
        assert [r.released for r in replies] == [True, True, False]
        assert (await scene.row(first)).status is RunStatus.QUEUED
        assert (await scene.row(second)).status is RunStatus.RUNNING

    async def test_posts_and_suspends_of_two_processes(self, scene: Scene) -> None:
        rows = [await scene.running() for _ in range(12)]
        posts = [Change(post=(Post(target=row.key, item=scene.item()),)) for row in rows]
        suspends = [scene.suspend(row, seen=0) for row in rows]
        await asyncio.gather(
            *(scene.commit(change, scene.store) for change in suspends),
            *(scene.commit(change, scene.other) for change in posts),
        )
        for row in rows:
            stored = await scene.row(row)
            assert stored.inbox == 1
            assert stored.status is not RunStatus.WAITING, "a wake-up was lost"

    async def test_who_is_closed_or_missing_takes_nothing(self, scene: Scene) -> None:
        row = await scene.ended()
        posts = (Post(target=row.key, item=scene.item()), Post(target=b"x" * 16, item=scene.item()))
        await scene.done(Change(post=posts))
        assert (await scene.row(row)).inbox == 0
        assert await scene.items(row) == []

    async def test_a_holder_posts_to_another_run_with_its_own_end(self, scene: Scene) -> None:
        parent = await scene.waiting()
        child = await scene.running(parent=parent.key, parent_call="c")
        post = Post(target=parent.key, item=scene.item("child", call="c"))
        await scene.done(scene.finish(child, post=(post,)))
        assert (await scene.row(parent)).status is RunStatus.QUEUED
        (item,) = await scene.items(parent)
        assert (item.n, item.kind, item.call) == (1, "child", "c")

    async def test_a_stale_holder_posts_nothing(self, scene: Scene) -> None:
        parent, child = await scene.waiting(), await scene.running("w2")
        await scene.die("w2")
        post = Post(target=parent.key, item=scene.item("child", call="c"))
        assert (await scene.commit(scene.finish(child, post=(post,)))).why == "stale"
        assert (await scene.row(parent)).inbox == 0

    async def test_loading_from_a_mark_on(self, scene: Scene) -> None:
        row = await scene.waiting()
        for _ in range(3):
            await scene.done(Change(post=(Post(target=row.key, item=scene.item()),)))
        loaded = await scene.store.load(row.key, after_inbox=1)
        assert loaded is not None
        assert [i.n for i in loaded.inbox] == [2, 3]
        assert [seq for seq, _ in loaded.journal or []] == [0, 1]
        assert loaded.row.inbox == 3
        assert await scene.store.load(b"x" * 16) is None
