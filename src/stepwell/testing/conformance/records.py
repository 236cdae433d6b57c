"""Small records of the edges: written once or anew, read in pages, gone with their run or by age."""

from stepwell.model.record import Record
from stepwell.ports.store import Retire
from stepwell.testing.conformance.scene import Scene, Suite


def _record(id_: str, data: bytes = b"{}", *, kind: str = "key", owner: bytes = b"", at: float = 1.0) -> Record:
    return Record(kind=kind, id=id_, at=at, data=data, owner=owner)


class TestRecords(Suite):
    """`put`, `records` and `drop`."""

    async def test_the_first_stays_unless_replaced(self, scene: Scene) -> None:
        assert await scene.store.put([]) == []
        assert await scene.store.put([_record("a", b"1"), _record("b", b"2")]) == [True, True]
        assert await scene.other.put([_record("a", b"3"), _record("c", b'"\\u0000 \xc3\xa9"')]) == [False, True]
        assert [r.data for r in await scene.store.records("key")] == [b"1", b"2", b'"\\u0000 \xc3\xa9"']
        assert await scene.store.put([_record("a", b"4", at=9.0)], replace=True) == [True]
        assert (await scene.other.records("key", limit=1)) == [_record("a", b"4", at=9.0)]

    async def test_one_group_may_name_a_record_twice(self, scene: Scene) -> None:
        assert await scene.store.put([_record("a", b"1"), _record("a", b"2")]) == [True, False]
        assert await scene.store.put([_record("a", b"3"), _record("a", b"4")], replace=True) == [True, True]
        assert [r.data for r in await scene.store.records("key")] == [b"4"]

    async def test_pages_in_the_order_of_ids(self, scene: Scene) -> None:
        ids = ["a", "B", "ä", "b", "aa", "10", "9", ""]
        await scene.store.put([_record(one) for one in ids])
        ordered = sorted(ids)
        assert [r.id for r in await scene.other.records("key")] == ordered
        assert [r.id for r in await scene.store.records("key", after=ordered[2], limit=3)] == ordered[3:6]
        newest = list(reversed(ordered))
        assert [r.id for r in await scene.store.records("key", newest=True, limit=2)] == newest[:2]
        assert [r.id for r in await scene.store.records("key", newest=True, after=newest[1])] == newest[2:]

    async def test_kinds_and_owners_are_apart(self, scene: Scene) -> None:
        a, b = await scene.queued(), await scene.queued()
        await scene.store.put([_record("1", kind="log", owner=a.key), _record("1", kind="log", owner=b.key),
                               _record("1", kind="log"), _record("1", kind="audit", owner=a.key)])  # fmt: skip
        assert [r.owner for r in await scene.store.records("log", owner=a.key)] == [a.key]
        assert [r.owner for r in await scene.store.records("log")] == [b""]
        assert [r.owner for r in await scene.store.records("log", owner=None)] == [b"", a.key, b.key]
        assert [r.owner for r in await scene.store.records("log", owner=None, newest=True, limit=2)] == [b.key, a.key]
        assert await scene.store.records("nothing") == []

    async def test_drop(self, scene: Scene) -> None:
        run = await scene.queued()
        await scene.store.put([_record("a"), _record("b"), _record("a", owner=run.key)])
        assert await scene.other.drop("key", ["a", "z"]) == 1
        assert await scene.other.drop("key", ["a"]) == 0
        assert [(r.id, r.owner) for r in await scene.store.records("key", owner=None)] == [("b", b""), ("a", run.key)]

    async def test_they_go_with_their_run_or_by_age(self, scene: Scene) -> None:
        ended, live = await scene.ended(), await scene.queued()
        scene.pass_time(10)
        now = scene.now
        await scene.store.put([
            _record("1", kind="log", owner=ended.key), _record("1", kind="log", owner=live.key),
            _record("old", kind="audit", at=now - 5), _record("new", kind="audit", at=now - 4), _record("key", at=0.0),
        ])  # fmt: skip
        which = Retire(now=now, ages={("*", "succeeded"): 5.0}, keeps={}, records={"audit": 5.0, "log": 0.0})
        assert await scene.store.retire(which) == 1
        left = [r.id for kind in ("log", "audit", "key") for r in await scene.store.records(kind, owner=None)]
        assert left == ["1", "new", "key"]
        assert [r.owner for r in await scene.store.records("log", owner=None)] == [live.key]
