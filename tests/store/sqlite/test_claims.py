import pytest

from stepwell.model.change import Change
from stepwell.store.sqlite import SqliteStore
from stepwell.store.sqlite.connection import Db
from stepwell.testing.conformance.scene import Scene

pytestmark = pytest.mark.anyio


@pytest.fixture
async def scene(store: SqliteStore) -> Scene:
    scene = Scene(lambda namespace, clock: store)
    await scene.beat("w1")
    return scene


async def test_entries_whatever_they_contain(scene: Scene) -> None:
    texts = [
        b'[{"v":"\\u001e \\u001f \xc3\xa9"}]',
        b'[ {\n\t"k" : "\xe2\x80\xa8"\r} ]',
        b"[]",
        b'["' + b"x" * 300_000 + b'"]',
    ]
    rows = []
    for text in texts:
        row = await scene.running()
        for seq in (1, 2, 3):
            await scene.done(scene.entries(row, seq, data=text))
        rows.append(row)
    await scene.stop("w1")
    await scene.beat("w2")
    claimed = {c.row.key: c for c in await scene.claim("w2")}
    for row, text in zip(rows, texts, strict=True):
        assert claimed[row.key].journal == [(0, b'[{"k":"started"}]'), (1, text), (2, text), (3, text)]


async def test_more_than_a_chunk(scene: Scene) -> None:
    news = [scene.new(blobs=(("b", b"%d" % n),) if n % 100 == 0 else ()) for n in range(700)]
    await scene.store.commit([Change(run=new.row.key, create=new) for new in news])
    for n in range(0, 700, 50):
        await scene.send(target=news[n].row.key, id=f"m{n}")
    claimed = await scene.claim(limit=1000)
    assert [c.row.key for c in claimed] == [new.row.key for new in news]
    assert [len(c.inbox) for c in claimed] == [int(n % 50 == 0) for n in range(700)]
    assert [c.blobs for c in claimed] == [{"b": b"%d" % n} if n % 100 == 0 else {} for n in range(700)]


async def test_the_head_of_a_long_queue_is_found_without_sorting_it(scene: Scene, store: SqliteStore) -> None:
    plans: list[str] = []

    def explain(db: Db) -> None:
        def trace(cursor: object, sql: str, bindings: object) -> bool:
            db.conn.exec_trace = None
            plans.extend(detail for *_, detail in db.all(f"EXPLAIN QUERY PLAN {sql}", bindings))  # type: ignore[arg-type]
            db.conn.exec_trace = trace
            return True

        db.conn.exec_trace = trace

    assert store._writer is not None
    for n in range(3):
        await scene.queued(workflow=f"w{n}")
    store._writer.call(explain, writes=False)
    assert len(await scene.claim(workflows=("w0", "w1", "w2"))) == 3
    heads = [plan for plan in plans if "stepwell_runs_ready" in plan]
    assert len(heads) == 3
    assert all("workflow=?" in plan for plan in heads)
    assert "USE TEMP B-TREE FOR LAST TERM OF ORDER BY" not in plans
