"""Which index answers; what the answers are is the conformance suite's."""

from typing import Any

import pytest

from stepwell.model.run import RunFilter
from stepwell.model.status import RunStatus
from stepwell.store.postgres.address import address
from stepwell.store.postgres.connection import Db, Home, connect
from stepwell.store.postgres.listing import NEWEST, count_runs, list_runs
from stepwell.store.postgres.reads import read_closings
from stepwell.store.postgres.schema import enter, upgrade
from tests import postgres
from tests.store.postgres.conftest import undisturbed

pytestmark = pytest.mark.anyio
COUNT = 20_000
FILL = """
INSERT INTO {runs} (ns, key, id, workflow, queue, status, priority, epoch, generation, inbox, worker, claimed_seq,
    deaths, due, rank, created_at, finished_at, digest, cancelling, tagged, pin, parent)
SELECT $1, decode(lpad(to_hex(i), 32, '0'), 'hex'), CASE WHEN i % 2 = 0 THEN 'order-' || i END, 'w' || i % 5, 'q',
    CASE WHEN i % 1000 = 0 THEN 11 WHEN i % 1000 = 1 THEN 1 ELSE 10 END, 100, 1, 1, 0,
    CASE WHEN i % 1000 = 1 THEN 'me' END, 1, 0, NULL, i, i, i + 1, 'd', false, i % 20 = 0,
    CASE WHEN i % 4000 = 0 THEN 'x' END,
    CASE WHEN i % 1000 = 2 THEN 'parent'::bytea END
FROM generate_series(1, $2::integer) i
"""
JOURNAL = """
INSERT INTO {journal} (ns, key, generation, seq, epoch, count, data)
SELECT ns, key, 1, seq, 1, 1, repeat('x', seq * 30) FROM {runs}, generate_series(0, 3) seq WHERE ns = $1
"""
TAG = """
INSERT INTO {tags} SELECT ns, key, 'team', 2, CASE WHEN rank::integer % 500 = 0 THEN 'red' ELSE 'blue' END, false
FROM {runs} WHERE tagged AND ns = $1
"""


class Watched(Db):
    """Remembers the plan of every statement."""

    def __init__(self, conn: Any, home: Home) -> None:
        super().__init__(conn, home, pinned=False)
        self.plans: list[str] = []

    async def _ask(self, method: Any, sql: str, params: tuple[Any, ...]) -> Any:
        plan = await self.conn.fetch(f"EXPLAIN (COSTS OFF) {self.home.sql(sql)}", *params)
        self.plans.append("\n".join(line for (line,) in plan))
        return await super()._ask(method, sql, params)


@pytest.fixture(scope="module")
async def many_url(server_url: str) -> str:
    url = f"{server_url}?schema={postgres.fresh()}"
    await upgrade(url)
    home = Home(address(url))
    db = await connect(home, plain=True)
    home.ns = await enter(db, "many")
    await db.run(FILL, home.ns, COUNT)
    await db.run(TAG, home.ns)
    await db.run(JOURNAL, home.ns)
    await undisturbed(db)
    await db.conn.execute(home.sql("VACUUM ANALYZE {runs}"))
    await db.conn.execute(home.sql("ANALYZE {tags}"))
    await db.conn.execute(home.sql("ANALYZE {journal}"))
    await db.close()
    return url


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def watched(many_url: str) -> Any:
    home = Home(address(many_url))
    inner = await connect(home, plain=True)
    home.ns = await enter(inner, "many")
    db = Watched(inner.conn, home)
    yield db
    await db.close()


@pytest.mark.parametrize(
    ("which", "index", "found"),
    [
        (RunFilter(), "runs_pkey", 50),
        (RunFilter(status=(RunStatus.FAILED,)), "runs_live", 20),
        (RunFilter(status=(RunStatus.RUNNING,)), "runs_live", 20),
        (RunFilter(status=(RunStatus.TERMINATED,)), "runs_live", 0),
        (RunFilter(status=(RunStatus.SUCCEEDED,)), "runs_pkey", 50),
        (RunFilter(workflow=("w3",)), "runs_pkey", 50),
        (RunFilter(workflow=("none",)), "runs_closed", 0),
        (RunFilter(id_prefix="order-1999"), "runs_id", 5),
        (RunFilter(parent=b"parent"), "runs_child", 20),
        (RunFilter(tags={"team": "red"}), "tags_value", 40),
        (RunFilter(status=(RunStatus.FAILED,), pinned=True), "runs_pinned", 5),
        (RunFilter(since=100.0, until=140.0), "runs_created", 40),
    ],
    ids=[
        "all",
        "failed",
        "running",
        "none",
        "succeeded",
        "workflow",
        "rare",
        "prefix",
        "children",
        "tag",
        "pinned",
        "window",
    ],
)
async def test_a_page_is_led_by_an_index(watched: Watched, which: RunFilter, index: str, found: int) -> None:
    rows = await list_runs(watched, which, None, 50)
    assert len(rows) == found
    assert [row.key for row in rows] == sorted((row.key for row in rows), reverse=True)
    assert any(index in plan for plan in watched.plans), "\n".join(watched.plans)
    assert not any("Seq Scan on runs" in plan for plan in watched.plans), "\n".join(watched.plans)


async def test_a_search_looks_at_the_newest_first(watched: Watched) -> None:
    rows = await list_runs(watched, RunFilter(text="ORDER-1"), None, 50)
    assert [row.id for row in rows] == [f"order-{n}" for n in range(19_998, 19_898, -2)]
    searches = [plan for plan in watched.plans if "strpos" in plan]
    assert len(searches) == 1, "\n".join(searches)
    assert "Index Scan Backward using runs_pkey" in searches[0], searches[0]


async def test_a_search_then_looks_everywhere(watched: Watched) -> None:
    """What fits among the newest does not fill the page, or nothing does; pages go on where the last one ended."""
    which = RunFilter(text="order-10", queue=("q",))
    wanted = [n for n in range(COUNT, 0, -1) if n % 2 == 0 and str(n).startswith("10")]
    assert [n for n in wanted if n > COUNT - NEWEST], "some are among the newest"
    found: list[str | None] = []
    after = None
    while page := await list_runs(watched, which, after, 100):
        found += [row.id for row in page]
        after = page[-1].key
    assert found == [f"order-{n}" for n in wanted]
    assert await list_runs(watched, RunFilter(queue=("none",)), None, 50) == []
    assert await count_runs(watched, which) == {"succeeded": len(wanted) - 2, "failed": 2}


@pytest.mark.parametrize("count", [1, 50, 1000])
async def test_how_a_page_closed_is_one_statement_along_two_keys(watched: Watched, count: int) -> None:
    # By their keys, then one step backwards into each journal: it costs the same however long journals and tables are.
    keys = [n.to_bytes(16, "big") for n in range(1001, 1001 + count)]
    found = await read_closings(watched, keys, 4096)
    assert found == dict.fromkeys([key for key in keys if key[-2:] != (1001).to_bytes(2, "big")], b"x" * 90)
    (plan,) = watched.plans
    assert "runs_pkey" in plan, plan
    assert "Limit" in plan, plan
    assert "Index Scan Backward using journal_pkey" in plan, plan
    assert "Seq Scan" not in plan, plan
    assert await read_closings(watched, keys, 89) == {}


async def test_pages_follow_each_other(watched: Watched) -> None:
    which = RunFilter(status=(RunStatus.FAILED, RunStatus.RUNNING))
    all_of_them = await list_runs(watched, which, None, None)
    pages, after = [], None
    while page := await list_runs(watched, which, after, 7):
        pages += page
        after = page[-1].key
    assert pages == all_of_them
    assert len(pages) == 40


async def test_counts(watched: Watched) -> None:
    assert await count_runs(watched, RunFilter()) == {"failed": 20, "running": 20, "succeeded": COUNT - 40}
    assert "Index Only Scan" in watched.plans[-1]
    assert await count_runs(watched, RunFilter(workflow=("w1",))) == {"running": 20, "succeeded": COUNT // 5 - 20}
    assert await count_runs(watched, RunFilter(parent=b"parent")) == {"succeeded": 20}
