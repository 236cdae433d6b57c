import pytest

from stepwell.model.change import Change
from stepwell.model.status import RunStatus
from stepwell.ports.store import Retire
from stepwell.store.sqlite import SqliteStore
from stepwell.store.sqlite.connection import Db
from stepwell.testing.conformance.scene import Scene

pytestmark = pytest.mark.anyio


@pytest.fixture
async def scene(store: SqliteStore) -> Scene:
    return Scene(lambda namespace, clock: store)


async def test_many_are_removed_at_once(scene: Scene) -> None:
    await scene.beat("w1")
    news = [scene.new(worker="w1", workflow=f"w{n % 3}", tags={"n": n}) for n in range(1200)]
    await scene.store.commit([Change(run=new.row.key, create=new) for new in news])
    await scene.store.commit([scene.finish(new.row) for new in news])
    every = Retire(now=scene.now, ages={("*", "succeeded"): 0.0}, keeps={}, limit=1100)
    assert await scene.store.retire(every) == 1100
    assert await scene.store.retire(every) == 100
    dump = await scene.store.dump()
    assert not dump["runs"]
    assert not dump["journal"]


async def test_what_is_kept_is_not_walked_through(scene: Scene, store: SqliteStore) -> None:
    """Deciding that nothing may go is a look at the indexes' ends."""
    for status in (RunStatus.SUCCEEDED, RunStatus.FAILED):
        await scene.ended(status)
    plans: list[str] = []

    def watch(db: Db) -> None:
        def trace(cursor: object, sql: str, bindings: object) -> bool:
            db.conn.exec_trace = None
            if sql.lstrip().startswith(("SELECT", "WITH")):
                plans.extend(detail for *_, detail in db.all(f"EXPLAIN QUERY PLAN {sql}", bindings))  # type: ignore[arg-type]
            db.conn.exec_trace = trace
            return True

        db.conn.exec_trace = trace

    assert store._writer is not None
    store._writer.call(watch, writes=False)
    keeps = {("*", "succeeded"): 5, ("*", "failed"): 5}
    assert await store.retire(Retire(now=scene.now, ages={("*", "succeeded"): 5.0}, keeps=keeps)) == 0
    reads = [plan for plan in plans if "stepwell_runs" in plan and "expiring" not in plan]
    assert reads
    assert all("COVERING INDEX" in plan for plan in reads), reads
    assert "USE TEMP B-TREE FOR ORDER BY" not in plans
