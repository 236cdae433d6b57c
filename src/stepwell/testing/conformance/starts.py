"""Starting runs: keys, ids, starts that are claimed at once."""

from msgspec.structs import replace

from stepwell.model.change import Change, NewRun
from stepwell.model.status import RunStatus
from stepwell.testing.conformance.scene import Scene, Suite


class TestStarts(Suite):
    """`create`, alone and in groups (P7)."""

    async def test_a_start_is_stored_as_given(self, scene: Scene) -> None:
        new = scene.new(
            "order-1", queue="slow", priority=7, rank=12.5, due=scene.now + 5.25, parent=b"p" * 16, parent_call="c",
            origin=b"o" * 16, options='{"retries":3}', tags={"n": 1, "x": 2.5, "ok": True, "s": "é"}, progress=0.25,
            note="n", reason="r", expires_at=scene.now + 99,
        )  # fmt: skip
        reply = await scene.create(new)
        assert reply.ok
        assert reply.row is None
        for store in (scene.store, scene.other):
            row = await store.row(new.row.key)
            assert row == new.row
            assert row is not None
            assert {name: type(value) for name, value in row.tags.items()} == {
                "n": int,
                "x": float,
                "ok": bool,
                "s": str,
            }
            assert await store.row_by_id("order-1") == new.row
            assert await store.journal(new.row.key) == [(1, 0, new.started)]

    async def test_a_run_without_an_id_is_found_by_its_key(self, scene: Scene) -> None:
        row = await scene.queued()
        assert row.id == row.key.hex()
        assert await scene.store.row_by_id(row.key.hex()) == row
        assert await scene.store.row_by_id(row.key.hex().upper()) is None
        assert await scene.store.row_by_id("nobody") is None

    async def test_a_taken_id_answers_with_its_run(self, scene: Scene) -> None:
        first, second = scene.new("one"), scene.new("one", workflow="another")
        assert (await scene.create(first)).ok
        reply = await scene.create(second, scene.other)
        assert (reply.ok, reply.why, reply.row) == (False, "exists", first.row)
        assert await scene.store.row(second.row.key) is None
        assert await scene.store.journal(second.row.key) == []

    async def test_a_taken_id_is_taken_also_after_the_end(self, scene: Scene) -> None:
        row = await scene.ended(run_id="one")
        reply = await scene.create(scene.new("one"))
        assert (reply.why, reply.row) == ("exists", row)

    async def test_ids_belong_to_their_namespace(self, scene: Scene) -> None:
        await scene.queued(run_id="one")
        elsewhere = await scene.namespace("elsewhere")
        new = scene.new("one")
        assert (await scene.create(new, elsewhere)).ok
        assert await elsewhere.row_by_id("one") == new.row
        assert (await scene.store.row_by_id("one")) != new.row
        assert len(await elsewhere.rows([new.row.key])) == 1
        assert await scene.store.rows([new.row.key]) == []

    async def test_one_id_twice_in_a_group(self, scene: Scene) -> None:
        news = [scene.new("one"), scene.new("two"), scene.new("one"), scene.new()]
        replies = await scene.store.commit([Change(run=n.row.key, create=n) for n in news])
        assert [(r.ok, r.why) for r in replies] == [(True, ""), (True, ""), (False, "exists"), (True, "")]
        assert replies[2].row == news[0].row

    async def test_taken_ids_among_many_new_ones(self, scene: Scene) -> None:
        taken = [await scene.queued(run_id=f"old-{n}") for n in range(3)]
        news = [scene.new(f"old-{n // 10}" if n % 10 == 0 else f"new-{n}") for n in range(30)]
        replies = await scene.store.commit([Change(run=n.row.key, create=n) for n in news])
        for n, reply in enumerate(replies):
            assert reply.ok == (n % 10 != 0)
            assert reply.row == (taken[n // 10] if n % 10 == 0 else None)
        for n, new in enumerate(news):
            assert bool(await scene.store.journal(new.row.key)) == (n % 10 != 0)

    async def test_a_start_may_be_claimed_at_once(self, scene: Scene) -> None:
        row = await scene.running("w1")
        stored = await scene.row(row)
        assert (stored.status, stored.worker, stored.epoch) == (RunStatus.RUNNING, "w1", 1)
        assert await scene.beat("w1") == {row.key}
        assert await scene.claim("w1") == []
        assert (await scene.done(scene.finish(row))).released

    async def test_a_start_for_a_worker_without_a_lease_is_queued(self, scene: Scene) -> None:
        await scene.beat("gone")
        await scene.stop("gone")
        await scene.beat("dead")
        await scene.die("dead")
        for worker in ("never seen", "gone", "dead"):
            for tags in ({}, {"a": 1}):
                new = scene.new(worker=worker, tags=tags)
                reply = await scene.create(new)
                stored = await scene.row(new.row)
                assert reply.ok
                assert reply.row == stored
                assert (stored.status, stored.worker, stored.epoch) == (RunStatus.QUEUED, None, 0)
                assert stored.started_at is None
                assert not (await scene.commit(scene.entries(new.row))).ok
        await scene.beat("w2")
        assert len(await scene.claim("w2")) == 6

    async def test_a_start_and_what_its_holder_does_in_one_group(self, scene: Scene) -> None:
        await scene.beat("w1")
        new = scene.new(worker="w1")
        replies = await scene.store.commit([Change(run=new.row.key, create=new), scene.finish(new.row)])
        assert [r.ok for r in replies] == [True, True]
        assert (await scene.row(new.row)).status is RunStatus.SUCCEEDED

    async def test_a_change_before_its_start_is_refused(self, scene: Scene) -> None:
        await scene.beat("w1")
        new = scene.new(worker="w1")
        replies = await scene.store.commit([scene.finish(new.row), Change(run=new.row.key, create=new)])
        assert [(r.ok, r.why) for r in replies] == [(False, "stale"), (True, "")]
        assert (await scene.row(new.row)).status is RunStatus.RUNNING

    async def test_blobs_come_with_the_run(self, scene: Scene) -> None:
        large = bytes(range(256)) * 2000
        new = scene.new(blobs=(("aa", large), ("bb", b"")))
        await scene.create(new)
        assert await scene.store.blobs(new.row.key) == {"aa": large, "bb": b""}
        await scene.beat("w1")
        (claimed,) = await scene.claim()
        assert claimed.blobs == {"aa": large, "bb": b""}

    async def test_text_of_every_kind(self, scene: Scene) -> None:
        for name in ("é", "日本語", "a'b\"c", "x\ny\tz", "\x1e\x1f", "🦆", " "):
            new = scene.new(f"id {name}", workflow=f"wf {name}", queue=name, note=name, tags={name: name})
            started = b'[{"k":"started","input":{"v":"' + name.encode().replace(b"\n", b"\\n") + b'"}}]'
            new = NewRun(new.row, started.replace(b"\t", b"\\t").replace(b"\x1e\x1f", b""), named=True)
            assert (await scene.create(new)).ok
            assert await scene.other.row_by_id(f"id {name}") == new.row
            await scene.beat("w1")
            (claimed,) = await scene.claim(workflows=(f"wf {name}",))
            assert claimed.journal == [(0, new.started)]
            assert replace(claimed.row, status=RunStatus.QUEUED).note == name

    async def test_a_first_row_with_several_entries(self, scene: Scene) -> None:
        new = scene.new(claimed_seq=3)
        await scene.create(new)
        await scene.beat("w1")
        (claimed,) = await scene.claim()
        assert claimed.row.claimed_seq == 3

    async def test_an_empty_group(self, scene: Scene) -> None:
        assert await scene.store.commit([]) == []
