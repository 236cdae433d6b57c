"""The database itself: several processes, locks, killed processes, crashed servers, poolers."""

import asyncio
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import asyncpg
import pytest

from stepwell import errors
from stepwell.adapters.clock import SystemClock
from stepwell.model.record import Record
from stepwell.model.run import RunFilter
from stepwell.ports.clock import Clock
from stepwell.ports.store import Store
from stepwell.store.postgres import PostgresStore
from stepwell.testing.clock import VirtualClock
from stepwell.testing.conformance import TestFencing, TestLeases, TestMailboxes, TestRepeats  # noqa: F401
from stepwell.testing.conformance.scene import Scene
from tests import postgres
from tests.pooler import Pooler

pytestmark = pytest.mark.anyio
PRELUDE = """
import asyncio, sys
from stepwell.adapters.clock import SystemClock
from stepwell.model.change import *
from stepwell.model.run import *
from stepwell.model.status import RunStatus
from stepwell.adapters.ids import new_key
from stepwell.store.postgres import PostgresStore

def start(run_id):
    key = new_key()
    row = RunRow(key=key, id=run_id, workflow="work", claimed_seq=1)
    return Change(run=key, create=NewRun(row, b'[{"k":"started"}]', named=True))
"""


def _process(body: str, *args: object) -> subprocess.Popen[str]:
    code = PRELUDE + textwrap.dedent(body)
    return subprocess.Popen([sys.executable, "-c", code, *map(str, args)], stdout=subprocess.PIPE, text=True)


def _scene(store: PostgresStore) -> Scene:
    return Scene(lambda namespace, clock: store)


async def _open(url: str, namespace: str | None = None, **options: object) -> PostgresStore:
    given: dict[str, object] = {"time": "given"} | options
    store = PostgresStore(url, namespace or postgres.fresh(), VirtualClock(), **given)  # type: ignore[arg-type]
    await store.open()
    return store


# --- life ---------------------------------------------------------------------------------------------------


async def test_what_is_committed_is_there_after_reopening() -> None:
    url = f"{postgres.shared().url}?schema={postgres.fresh()}"
    first = await _open(url, "one")
    row = await _scene(first).queued(run_id="one", tags={"a": 1, "b": 1.0, "c": True, "d": "ü\U0001f600"})
    before = await first.dump()
    await first.close()
    second = await _open(url, "one")
    assert await second.dump() == before
    assert await second.row_by_id("one") == row
    await second.close()


async def test_a_store_that_is_not_open_says_so() -> None:
    store = PostgresStore(postgres.shared().url, postgres.fresh(), VirtualClock())
    for _ in range(2):
        for call in (store.commit([]), store.row(b"k" * 16), store.heart()):
            with pytest.raises(errors.StoreUnavailable, match="not open"):
                await call
        await store.open()
        await store.close()
        await store.close()


async def test_it_works_over_a_socket() -> None:
    with postgres.private_server() as server:
        store = await _open(server.socket_url)
        await _scene(store).queued()
        assert await store.count(RunFilter()) == {"queued": 1}
        await store.close()


async def test_a_server_that_is_not_there() -> None:
    with pytest.raises(errors.StoreUnavailable, match=r"me:\*\*\*@.* cannot be reached"):
        await _open("postgresql://me:hush@127.0.0.1:1/x")


async def test_bytes_come_back_as_they_were_stored() -> None:
    store = await _open(postgres.shared().url)
    data = '{"b": 1,\\t"a":1.10, "b":2, "s":"\\u0000\\ud800 \u20ac"}'.encode()
    await store.put([Record(kind="k", id="i", at=1.0, data=data)])
    assert (await store.records("k"))[0].data == data
    for bad in (b'"\0"', b"\xff"):
        with pytest.raises((errors.NotSerializable, UnicodeDecodeError)):
            await store.put([Record(kind="k", id="j", at=1.0, data=bad)])
    await store.close()


async def test_its_time_is_the_database_s() -> None:
    class Wrong(SystemClock):
        now = staticmethod(lambda: 0.0)

    store = PostgresStore(postgres.shared().url, postgres.fresh(), Wrong())
    await store.open()
    assert abs(store.clock.now() - SystemClock().now()) < 60.0
    assert await store.next_due(["work"]) is None
    await store.close()


# --- trouble ------------------------------------------------------------------------------------------------


async def test_cut_connections_are_opened_again() -> None:
    store = await _open(postgres.shared().url)
    scene = _scene(store)
    connection = await asyncpg.connect(postgres.shared().url)
    acknowledged = 0
    for n in range(12):
        if n % 4 == 3:
            cut = await connection.fetch(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'stepwell'"
                " AND pid <> pg_backend_pid() AND query LIKE '%' || $1 || '%' AND pg_terminate_backend(pid)",
                "runs",
            )
            async with asyncio.timeout(60):
                there = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = ANY($1::int[]))"
                while await connection.fetchval(there, [pid for (pid,) in cut]):
                    await asyncio.sleep(0.005)
        new = scene.new()
        try:
            assert (await scene.create(new)).ok
        except errors.StoreUnavailable:
            assert (await scene.create(new)).ok, "the same again (P6)"
        acknowledged += 1
    assert await store.count(RunFilter()) == {"queued": acknowledged}
    await connection.close()
    await store.close()


async def test_a_crash_of_the_server_loses_nothing_acknowledged() -> None:
    with postgres.private_server(fsync=True) as server:
        store = await _open(server.url)
        scene = _scene(store)
        assert store.capabilities.durable
        rows = [await scene.queued() for _ in range(20)]
        await asyncio.to_thread(server.stop, "immediate")
        with pytest.raises(errors.StoreUnavailable) as raised:
            await store.row(rows[0].key)
        assert raised.value.retryable
        await asyncio.to_thread(server.start)
        async with asyncio.timeout(90):
            while True:
                try:
                    found = await store.rows([row.key for row in rows])
                    break
                except errors.StoreUnavailable:
                    continue
        assert found == rows
        await store.close()


async def test_a_standby_is_named_as_such() -> None:
    url = postgres.shared().url
    store = await _open(url)
    off = await _open(f"{url}?options=-cdefault_transaction_read_only%3Don", store._namespace)
    with pytest.raises(errors.StoreReadOnly, match="target_session_attrs") as raised:
        await _scene(off).queued()
    assert raised.value.retryable, "after a fail-over, another connection finds the new primary"
    await off.close()
    await store.close()


# --- processes ----------------------------------------------------------------------------------------------

WORK = """
async def main(url, namespace, name, count):
    store = PostgresStore(url, namespace, SystemClock())
    await store.open()
    heart = await store.heart()
    heart.beat(WorkerRow(id=name, expires_at=4e9))
    for done in range(count):
        await store.commit([start(f"{name}-{done}-{k}") for k in range(5)])
        claimed = await store.claim(ClaimRequest(worker=name, workflows=("work",), limit=5, now=1.0), {})
        ends = [
            Change(run=c.row.key, epoch=c.row.epoch, seq=1, count=1, data=b'[{"k":"finish"}]', closes=True,
                   patch=Patch(status=RunStatus.SUCCEEDED, release=True, finished_at=1.0))
            for c in claimed
        ]
        while ends:  # another claim may hold a row for a moment, to see that it is taken: then the change is busy
            replies = await store.commit(ends)
            assert all(reply.ok or reply.why == "busy" for reply in replies), replies
            ends = [change for change, reply in zip(ends, replies) if not reply.ok]
        print(*(c.row.id for c in claimed), flush=True)
    heart.close()
    await store.close()

asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
"""


async def test_several_processes_on_one_database() -> None:
    url, namespace = postgres.shared().url, postgres.fresh()
    store = await _open(url, namespace)
    workers = [_process(WORK, url, namespace, f"w{n}", 12) for n in range(3)]
    outputs = await asyncio.gather(*(asyncio.to_thread(worker.communicate) for worker in workers))
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    finished = [name for out, _ in outputs for name in out.split()]
    assert len(finished) == len(set(finished)), "a run was executed by two workers"
    counts = await store.count(RunFilter())
    assert sum(counts.values()) == 3 * 12 * 5
    assert counts["succeeded"] == len(finished)
    await store.close()


COMMITS = """
async def main(url, namespace):
    store = PostgresStore(url, namespace, SystemClock())
    await store.open()
    for n in range(100000):
        assert (await store.commit([start(f"run-{n}-{k}") for k in range(3)]))[2].ok
        print(n, flush=True)

asyncio.run(main(sys.argv[1], sys.argv[2]))
"""


async def test_a_killed_process_loses_nothing_acknowledged() -> None:
    url, namespace = postgres.shared().url, postgres.fresh()
    store = await _open(url, namespace)
    process = _process(COMMITS, url, namespace)
    assert process.stdout is not None
    lines = [await asyncio.to_thread(process.stdout.readline) for _ in range(40)]
    process.send_signal(signal.SIGKILL)
    lines += (await asyncio.to_thread(process.stdout.read)).splitlines()
    await asyncio.to_thread(process.wait)
    process.stdout.close()
    acknowledged = [int(line) for line in lines if line.strip()]
    for n in acknowledged:
        assert await store.row_by_id(f"run-{n}-2") is not None
    total = sum((await store.count(RunFilter())).values())
    assert total % 3 == 0, "a group was committed in part"
    assert total >= 3 * len(acknowledged)
    await store.close()


# --- a transaction pooler -----------------------------------------------------------------------------------


class PoolerThread:
    """A pooler on an event loop of its own, for tests that each have another."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self.pooler: Pooler | None = None
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)
        self._thread.start()
        self._ready.wait(90)

    async def _serve(self) -> None:
        server = postgres.shared()
        with ExitStack() as own:
            if not isinstance(server, postgres.Server):  # one that is given may not trust the pooler
                server = own.enter_context(postgres.private_server())
            async with Pooler("127.0.0.1", server.port, postgres.USER, postgres.DATABASE) as self.pooler:
                self._ready.set()
                await self._stop.wait()

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()


@pytest.fixture(scope="module")
def pooler() -> Iterator[Pooler]:
    thread = PoolerThread()
    assert thread.pooler is not None
    yield thread.pooler
    thread.end()


@pytest.fixture
def pooled_url(pooler: Pooler) -> str:
    return f"postgresql://{postgres.USER}@127.0.0.1:{pooler.port}/{postgres.DATABASE}?sslmode=disable"


@pytest.fixture
def database(pooler: Pooler, pooled_url: str) -> Iterator[Callable[[str, Clock], Store]]:
    """For the parts of the conformance suite named above: a store behind a pooler."""
    own, before = postgres.fresh(), pooler.switches
    url = f"{pooled_url}&prepared=off&listen=off"
    yield lambda namespace, clock: PostgresStore(url, f"{own}-{namespace}", clock, time="given")
    assert pooler.switches > before, "every transaction had the same server connection"


async def test_a_pooler_is_found_out(pooled_url: str, caplog: pytest.LogCaptureFixture) -> None:
    store = await _open(f"{pooled_url}&listen=off")
    scene = _scene(store)
    async with asyncio.timeout(90):
        for _ in range(20):
            new = scene.new()
            while True:
                try:
                    assert (await scene.create(new)).ok
                    break
                except errors.StoreUnavailable:
                    continue
    assert not store._home.prepared
    assert "prepared=off" in caplog.text
    assert await store.count(RunFilter()) == {"queued": 20}
    await store.close()


async def test_hints_that_never_come_do_no_harm(pooled_url: str) -> None:
    store = await _open(f"{pooled_url}&prepared=off")
    await _scene(store).queued()
    assert not await store.wait_hint(0.05)
    await store.close()
