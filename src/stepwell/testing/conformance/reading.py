"""Rows, pages, filters and counts (P15)."""

import asyncio

import msgspec

from stepwell.model.change import Change, Expect, Patch
from stepwell.model.options import Tag
from stepwell.model.run import RunFilter, RunRow
from stepwell.model.status import RunStatus
from stepwell.testing.conformance.scene import Scene, Suite


async def _keys(scene: Scene, which: RunFilter, **options: object) -> list[bytes]:
    page = await scene.store.list(which, **options)  # type: ignore[arg-type]
    assert sum((await scene.store.count(which)).values()) >= len(page)
    return [row.key for row in page]


class TestReading(Suite):
    """What is read is what was written, by whichever store."""

    async def test_pages_newest_first(self, scene: Scene) -> None:
        rows = [await scene.queued() for _ in range(7)]
        newest = [row.key for row in reversed(rows)]
        assert await _keys(scene, RunFilter()) == newest
        first = await scene.store.list(RunFilter(), limit=3)
        second = await scene.other.list(RunFilter(), after=first[-1].key, limit=3)
        third = await scene.store.list(RunFilter(), after=second[-1].key, limit=3)
        assert [row.key for row in (*first, *second, *third)] == newest
        assert await scene.store.list(RunFilter(), after=third[-1].key) == []
        assert await scene.store.list(RunFilter(), limit=0) == []

    async def test_filters(self, scene: Scene) -> None:
        a = await scene.queued(workflow="a", queue="slow")
        scene.pass_time(10)
        b = await scene.queued(workflow="b", parent=a.key)
        scene.pass_time(10)
        c = await scene.ended(workflow="b")
        start = a.created_at
        for which, expected in [
            (RunFilter(status=(RunStatus.QUEUED,)), [b, a]),
            (RunFilter(status=(RunStatus.QUEUED, RunStatus.SUCCEEDED)), [c, b, a]),
            (RunFilter(status=(RunStatus.FAILED,)), []),
            (RunFilter(workflow=("b",)), [c, b]),
            (RunFilter(workflow=("a", "b"), queue=("slow",)), [a]),
            (RunFilter(parent=a.key), [b]),
            (RunFilter(since=start + 10), [c, b]),
            (RunFilter(until=start + 10), [a]),
            (RunFilter(since=start + 10, until=start + 20, workflow=("b",)), [b]),
        ]:
            assert await _keys(scene, which) == [row.key for row in expected], which

    async def test_pinned_or_not(self, scene: Scene) -> None:
        free = await scene.queued(workflow="a")
        a, b = await scene.queued(workflow="a", pin="a1"), await scene.queued(workflow="b", pin="b1")
        ready = (RunStatus.QUEUED, RunStatus.WAITING)
        for which, expected in [
            (RunFilter(pinned=True), [b, a]),
            (RunFilter(pinned=False), [free]),
            (RunFilter(pinned=True, status=ready), [b, a]),
            (RunFilter(pinned=True, status=(RunStatus.WAITING,)), []),
            (RunFilter(pinned=False, status=ready), [free]),
            (RunFilter(pinned=True, status=ready, workflow=("b",)), [b]),
        ]:
            assert await _keys(scene, which) == [row.key for row in expected]
        page = await scene.store.list(RunFilter(pinned=True, status=ready), after=b.key, limit=1)
        assert [row.key for row in page] == [a.key]
        assert await scene.store.count(RunFilter(pinned=True)) == {"queued": 2}
        # What an operator takes off: the run is left alone but for that, whoever holds it.
        expect = Expect(b.epoch, b.status, b.generation, b.inbox)
        for _ in range(2):  # the first answer was lost (P6)
            assert (await scene.commit(Change(run=b.key, expect=expect, patch=Patch(pin="")))).ok
        assert await scene.row(b) == msgspec.structs.replace(b, pin=None)
        assert await _keys(scene, RunFilter(pinned=True)) == [a.key]

    async def test_ids_by_prefix(self, scene: Scene) -> None:
        names = ["order-1", "order-10", "order-2", "orde", "ORDER-3", "ordér", "order%", "order_"]
        rows = {name: await scene.queued(run_id=name) for name in names}
        plain = await scene.queued()
        for prefix in ("order", "order-1", "orde", "order%", "order_", "O", "ordé", "zzz"):
            expected = [rows[name].key for name in reversed(names) if name.startswith(prefix)]
            assert await _keys(scene, RunFilter(id_prefix=prefix)) == expected, prefix
        assert await _keys(scene, RunFilter(id_prefix=plain.id[:30])) == [plain.key]
        assert await _keys(scene, RunFilter(id_prefix=plain.id)) == [plain.key]

    async def test_text_wherever_it_is(self, scene: Scene) -> None:
        a = await scene.queued(run_id="Order-1")
        b = await scene.queued(workflow="order_ä", note="50% of\nÄrger")
        c = await scene.queued(reason="CardTimeout: no answer")
        d = await scene.queued(reason="CardTimeoutLater: Card_Timeout")
        for text, expected in [
            ("oRDer", [b, a]), ("order-", [a]), ("50%", [b]), ("%", [b]), ("Ärger", [b]), ("ärger", []), ("_ä", [b]),
            ("NO ANSWER", [c]), ("d_t", [d]), (a.key.hex(), []), (c.key.hex().upper(), [c]), ("1order", []),
        ]:  # fmt: skip
            assert await _keys(scene, RunFilter(text=text)) == [row.key for row in expected], text
        for reason, expected in [("CardTimeout", [d, c]), ("CardTimeout:", [c]), ("cardtimeout", []), ("no", [])]:
            assert await _keys(scene, RunFilter(reason=reason)) == [row.key for row in expected], reason
        both = RunFilter(text="card", reason="CardTimeoutL", status=(RunStatus.QUEUED,))
        assert await scene.other.count(both) == {"queued": 1}

    async def test_tags_by_type_and_value(self, scene: Scene) -> None:
        tags = [{"a": 1}, {"a": True}, {"a": "1"}, {"a": 1.5, "b": "x"}, {"b": "x"}, {"a": 0}, {"a": False}, {"a": 1.0}]
        rows = [await scene.queued(tags=one) for one in tags]
        cases: list[tuple[dict[str, Tag], list[int]]] = [
            ({"a": 1}, [7, 0]),
            ({"a": True}, [1]),
            ({"a": False}, [6]),
            ({"a": 0}, [5]),
            ({"a": "1"}, [2]),
            ({"a": 1.5}, [3]),
            ({"b": "x"}, [4, 3]),
            ({"b": "x", "a": 1.5}, [3]),
            ({"c": "x"}, []),
        ]
        for wanted, places in cases:
            assert await _keys(scene, RunFilter(tags=wanted)) == [rows[n].key for n in places], wanted

    async def test_counts(self, scene: Scene) -> None:
        assert await scene.store.count(RunFilter()) == {}
        for workflow in ("a", "a", "b"):
            await scene.queued(workflow=workflow)
        await scene.ended(workflow="a")
        await scene.ended(RunStatus.FAILED, workflow="a")
        assert await scene.store.count(RunFilter()) == {"queued": 3, "succeeded": 1, "failed": 1}
        assert await scene.other.count(RunFilter(workflow=("a",))) == {"queued": 2, "succeeded": 1, "failed": 1}
        assert await scene.store.count(RunFilter(status=(RunStatus.FAILED,))) == {"failed": 1}

    async def test_counts_equal_a_fold_over_the_rows(self, scene: Scene) -> None:
        for n in range(4):
            await scene.queued(tags={"n": n % 2})
            await scene.ended((RunStatus.SUCCEEDED, RunStatus.CANCELLED)[n % 2])
            await scene.waiting(due=scene.now + n)
        for which in (
            RunFilter(),
            RunFilter(tags={"n": 1}),
            RunFilter(status=(RunStatus.WAITING, RunStatus.SUCCEEDED)),
        ):
            fold: dict[str, int] = {}
            for row in await scene.store.list(which, limit=100):
                fold[row.status.value] = fold.get(row.status.value, 0) + 1
            assert await scene.store.count(which) == fold

    async def test_rows_of_keys(self, scene: Scene) -> None:
        rows = [await scene.queued(tags={"n": n}) for n in range(3)]
        keys = [rows[2].key, b"x" * 16, rows[0].key, rows[2].key]
        assert await scene.store.rows(keys) == [rows[0], rows[2]]
        assert await scene.store.rows([]) == []

    async def test_how_runs_closed(self, scene: Scene) -> None:
        last = b'[{"k":"finish","status":"succeeded","value":{"v":"\xc3\xa4"}}]'
        ended = await scene.running()
        await scene.done(scene.entries(ended))
        await scene.done(scene.finish(ended, seq=2, data=last))
        failed, live = await scene.ended(RunStatus.FAILED), await scene.queued()
        keys = [live.key, ended.key, b"x" * 16, failed.key, ended.key]
        both = {ended.key: last, failed.key: b'[{"k":"step","n":1}]'}
        assert await scene.other.closings(keys, 4096) == both
        assert await scene.store.closings([*keys, *(n.to_bytes(16, "big") for n in range(2000))], 4096) == both
        assert await scene.store.closings(keys, len(last)) == both
        assert await scene.store.closings(keys, len(last) - 1) == {failed.key: both[failed.key]}, "bytes, not letters"
        assert await scene.store.closings([], 4096) == {}
        assert await (await scene.namespace("elsewhere")).closings(keys, 4096) == {}

    async def test_a_run_that_was_opened_again_has_not_closed(self, scene: Scene) -> None:
        row = await scene.ended()
        patch = Patch(status=RunStatus.QUEUED, release=True, bump=True, reopen=True, generation=2)
        await scene.done(scene.seen(row, patch=patch, seq=2, count=1, data=b'[{"k":"continue"}]',
                                    opens=b'[{"k":"started"}]'))  # fmt: skip
        assert await scene.store.closings([row.key], 4096) == {}
        (claimed,) = await scene.claim()
        await scene.done(scene.finish(claimed.row, data=b'[{"k":"finish"}]'))
        assert await scene.store.closings([row.key], 4096) == {row.key: b'[{"k":"finish"}]'}

    async def test_reading_what_is_not_there(self, scene: Scene) -> None:
        key = b"x" * 16
        assert await scene.store.row(key) is None
        assert await scene.store.journal(key) == []
        assert await scene.store.inbox(key, 0) == []
        assert await scene.store.blobs(key) == {}

    async def test_namespaces_are_apart(self, scene: Scene) -> None:
        row = await scene.queued(run_id="one")
        elsewhere = await scene.namespace("elsewhere")
        assert await elsewhere.list(RunFilter()) == []
        assert await elsewhere.count(RunFilter()) == {}
        assert await elsewhere.row(row.key) is None
        assert await elsewhere.load(row.key) is None
        assert await elsewhere.next_due(("work",)) is None
        assert await elsewhere.workers() == []
        await scene.beat("w1", store=elsewhere)
        assert await scene.claim("w1", store=elsewhere) == []
        assert await scene.claim("w1") == []

    async def test_subscriptions(self, scene: Scene) -> None:
        await scene.store.subscribe([("paid", "b"), ("paid", "a"), ("sent", "c")])
        await scene.other.subscribe([("paid", "a")])
        await scene.store.subscribe([])
        assert await scene.store.subscribers("paid") == ["a", "b"]
        assert await scene.other.subscribers("nothing") == []
        assert await (await scene.namespace("elsewhere")).subscribers("paid") == []

    async def test_a_commit_is_heard_of_elsewhere(self, scene: Scene) -> None:
        if not scene.other.capabilities.hints:
            return
        await scene.other.wait_hint(0.05)
        waiting = asyncio.ensure_future(scene.other.wait_hint(20.0))
        await asyncio.wait([waiting], timeout=0.1)
        await scene.queued()
        assert await waiting is True

    async def test_one_s_own_commits_are_no_hint(self, scene: Scene) -> None:
        while await scene.store.wait_hint(0.1):
            pass
        waiting = asyncio.ensure_future(scene.store.wait_hint(0.15))
        new = scene.new()
        await scene.store.commit([Change(run=new.row.key, create=new)])
        assert await waiting is False

    async def test_reading_changes_nothing(self, scene: Scene) -> None:
        rows: list[RunRow] = [await scene.queued(), await scene.waiting(due=scene.now - 5)]
        scene.pass_time(100)
        before = await scene.store.dump()
        for row in rows:
            await scene.store.load(row.key)
        await scene.store.list(RunFilter())
        await scene.store.count(RunFilter())
        await scene.store.next_due(("work",))
        await scene.store.lonely(("work",), 5)
        await scene.store.closings([row.key for row in rows], 4096)
        await scene.store.workers()
        assert await scene.other.dump() == before
