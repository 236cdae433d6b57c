import pytest

from stepwell.ports.store import Retire
from stepwell.store.postgres import PostgresStore, retention
from stepwell.store.postgres.address import address
from stepwell.store.postgres.connection import Db, Home, connect
from stepwell.store.postgres.schema import enter, upgrade
from stepwell.testing.conformance.scene import Scene
from tests.store.postgres.conftest import undisturbed

pytestmark = pytest.mark.anyio
ALL = {("*", status): 0.0 for status in ("succeeded", "failed", "cancelled", "terminated")}


def _scene(store: PostgresStore) -> Scene:
    scene = Scene(lambda namespace, clock: store)
    assert isinstance(store.clock, type(scene.clock))
    scene.clock = store.clock
    return scene


async def test_a_run_that_somebody_holds_is_for_next_time(pg: PostgresStore, db: Db) -> None:
    scene = _scene(pg)
    rows = [await scene.ended() for _ in range(3)]
    which = Retire(now=scene.now, ages=ALL, keeps={})
    async with db.transaction():
        await db.value("SELECT 1 FROM {runs} WHERE ns = $1 AND key = $2 FOR UPDATE", db.ns, rows[1].key)
        assert await pg.retire(which) == 2
    assert await pg.rows([row.key for row in rows]) == [rows[1]]
    assert await pg.retire(which) == 1


async def test_a_run_that_was_opened_meanwhile_stays(pg: PostgresStore, db: Db) -> None:
    scene = _scene(pg)
    row = await scene.ended()
    await db.run("UPDATE {runs} SET status = 0 WHERE ns = $1 AND key = $2", db.ns, row.key)
    assert await retention._delete(db, [row.key]) == 0


async def test_transactions_are_short(pg: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 4)
    scene, sizes, delete = _scene(pg), [], retention._delete
    for _ in range(10):
        await scene.ended()

    async def noted(db: Db, keys: list[bytes]) -> int:
        sizes.append(len(keys))
        return await delete(db, keys)

    monkeypatch.setattr(retention, "_delete", noted)
    assert await pg.retire(Retire(now=scene.now, ages=ALL, keeps={})) == 10
    assert sizes == [4, 4, 2]


async def test_mailboxes_that_are_empty_go(pg: PostgresStore, db: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "OTHERS", 2)
    scene = _scene(pg)
    for key in "abcdef":
        await scene.send(key=key)
    taken = [await scene.armed(key=key) for key in "ace"]
    waiting = await scene.armed(key="waiting")
    count = "SELECT count(*) FROM {mailboxes} WHERE ns = $1"
    before = await db.value(count, db.ns)
    for _ in range(6):
        await pg.retire(Retire(now=scene.now, ages={}, keeps={}))
    assert await db.value(count, db.ns) <= before - len(taken) or before <= 4
    await scene.send(key="waiting")
    assert len(await scene.items(waiting)) == 1
    for key in "bdf":
        assert len(await scene.items(await scene.armed(key=key))) == 1


GENERATION = """
INSERT INTO {runs} (ns, key, workflow, queue, status, priority, epoch, generation, inbox, claimed_seq, deaths, rank,
    created_at, finished_at, digest, cancelling, tagged)
SELECT $1, decode(lpad(to_hex($2::integer * 2000 + i), 32, '0'), 'hex'), 'work', 'q', 1, 100, 1, 1, 0, 1, 0, i, i, NULL,
    md5(i::text), false, true FROM generate_series(1, 2000) i
"""
ENTRIES = "INSERT INTO {journal} SELECT ns, key, 1, 0, 1, 1, repeat('x', 300) FROM {runs} WHERE ns = $1 AND status = 1"
TAGS = "INSERT INTO {tags} SELECT ns, key, 'team', 2, 'red', false FROM {runs} WHERE ns = $1 AND status = 1"
END = "UPDATE {runs} SET status = 10, finished_at = $2 WHERE ns = $1 AND status = 1"
SIZES = (
    "SELECT c.relname, pg_total_relation_size(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname = $1 AND c.relname IN ('runs', 'journal', 'tags')"
)


async def test_what_retention_frees_is_used_again(schema_url: str) -> None:
    """Generations of runs come and go; the tables, once vacuumed, stay as large as two of them."""
    await upgrade(schema_url)
    home = Home(address(schema_url))
    db = await connect(home, plain=True)
    home.ns = await enter(db, "default")
    sizes: list[dict[str, int]] = []
    for generation in range(8):
        await db.run(GENERATION, home.ns, generation)
        await db.run(ENTRIES, home.ns)
        await db.run(TAGS, home.ns)
        await db.run(END, home.ns, float(generation))
        which = Retire(now=float(generation), ages={("*", "succeeded"): 1.0}, keeps={}, limit=5000)
        assert await retention.Retention().retire(db, which) == (2000 if generation else 0)
        await undisturbed(db)
        for table in ("runs", "journal", "tags"):
            await db.conn.execute(db.sql(f"VACUUM {{{table}}}"))
        sizes.append(dict(await db.all(SIZES, db.schema)))
    await db.close()
    assert all(sizes[-1][table] <= sizes[3][table] * 1.05 for table in sizes[3]), sizes
