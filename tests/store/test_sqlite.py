"""The file itself: several processes, locks, full disks, killed processes, damage."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stepwell import errors
from stepwell.model.change import Change
from stepwell.model.record import Record
from stepwell.model.run import RunFilter
from stepwell.store.sqlite import SqliteStore
from stepwell.store.sqlite.connection import Db, connect
from stepwell.testing.clock import VirtualClock
from stepwell.testing.conformance.scene import Scene
from tests.store.conftest import OpenStore

pytestmark = pytest.mark.anyio
NOBODY = 65534
PRELUDE = """
import asyncio, sys
from stepwell.adapters.clock import SystemClock
from stepwell.model.change import *
from stepwell.model.run import *
from stepwell.model.status import RunStatus
from stepwell.adapters.ids import new_key
from stepwell.store.sqlite import SqliteStore

def start(run_id):
    key = new_key()
    row = RunRow(key=key, id=run_id, workflow="work", claimed_seq=1)
    return Change(run=key, create=NewRun(row, b'[{"k":"started"}]', named=True))
"""


def _process(body: str, *args: object) -> subprocess.Popen[str]:
    code = PRELUDE + textwrap.dedent(body)
    return subprocess.Popen([sys.executable, "-c", code, *map(str, args)], stdout=subprocess.PIPE, text=True)


def _scene(store: SqliteStore) -> Scene:
    return Scene(lambda namespace, clock: store)


def _pragma(store: SqliteStore, pragma: str) -> object:
    def work(db: Db) -> object:
        return db.value(f"PRAGMA {pragma}")

    assert store._writer is not None
    return store._writer.call(work, writes=False)


def _check_integrity(path: Path) -> None:
    assert connect(str(path)).value("PRAGMA integrity_check") == "ok"


# --- life ---------------------------------------------------------------------------------------------------


async def test_what_is_committed_is_there_after_reopening(open_store: OpenStore) -> None:
    first = await open_store()
    scene = _scene(first)
    row = await scene.queued(run_id="one", tags={"a": 1})
    before = await first.dump()
    await first.close()
    assert await (second := await open_store()).dump() == before
    assert await second.row_by_id("one") == row


async def test_a_store_that_is_not_open_says_so(path: Path, clock: VirtualClock) -> None:
    store = SqliteStore(path, "default", clock)
    for _ in range(2):
        with pytest.raises(errors.StoreUnavailable, match="not open"):
            await store.commit([])
        with pytest.raises(errors.StoreUnavailable, match="not open"):
            await store.row(b"k" * 16)
        await store.open()
        await store.close()
        await store.close()


async def test_a_private_database_ends_with_its_store(open_store: OpenStore) -> None:
    first, second = await open_store(":memory:"), await open_store(":memory:")
    await _scene(first).queued()
    assert await second.count(RunFilter()) == {}
    assert not first.capabilities.shared


async def test_a_directory_that_is_not_there(open_store: OpenStore, tmp_path: Path) -> None:
    with pytest.raises(errors.StoreUnavailable, match="directory exists"):
        await open_store(tmp_path / "nowhere" / "runs.db")


async def test_reads_do_not_wait_for_a_long_write(store: SqliteStore) -> None:
    scene = _scene(store)
    row = await scene.queued()
    other = connect(store.path)
    other.conn.execute("BEGIN IMMEDIATE")
    writing = asyncio.ensure_future(scene.create(scene.new()))
    assert await store.row(row.key) == row
    assert not writing.done()
    other.conn.execute("ROLLBACK")
    assert (await writing).ok


async def test_opening_to_read_waits_for_nobody_and_makes_nothing(store: SqliteStore, clock: VirtualClock) -> None:
    row = await _scene(store).queued()
    other = connect(store.path)
    other.conn.execute("BEGIN IMMEDIATE")
    again = SqliteStore(store.path, "default", clock)
    await again.open(create=False)
    assert await again.row(row.key) == row
    await again.close()
    typo = SqliteStore(store.path, "defualt", clock)
    await typo.open(create=False)
    assert await typo.list(RunFilter()) == []
    assert await typo.count(RunFilter()) == {}
    with pytest.raises(errors.NotFound, match="no namespace 'defualt'"):
        await typo.put([Record(kind="note", id="1", at=0.0, data=b"{}")])
    await typo.close()
    assert other.all("SELECT name FROM stepwell_namespaces") == [("default",)]
    other.conn.execute("ROLLBACK")


# --- locks and permissions ----------------------------------------------------------------------------------


async def test_a_lock_held_too_long(open_store: OpenStore) -> None:
    store = await open_store(busy_timeout=0.05)
    other = connect(store.path)
    other.conn.execute("BEGIN IMMEDIATE")
    scene = _scene(store)
    new = scene.new()
    with pytest.raises(errors.StoreLocked, match="another process") as raised:
        await scene.create(new)
    assert raised.value.retryable
    with pytest.raises(errors.StoreLocked):
        await open_store(busy_timeout=0.05, namespace="another")
    other.conn.execute("ROLLBACK")
    assert (await scene.create(new)).ok


@contextmanager
def _unprivileged() -> Iterator[None]:
    """Root may write everything; be somebody else for a while."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("directory", [0o755, 0o777], ids=["directory too", "file only"])
async def test_a_file_that_cannot_be_written(clock: VirtualClock, directory: int) -> None:
    place = Path(tempfile.mkdtemp())
    try:
        path = place / "runs.db"
        store = SqliteStore(path, "default", clock)
        await store.open()
        await store.close()
        path.chmod(0o444)
        place.chmod(directory if os.geteuid() == 0 else directory & 0o555)
        with _unprivileged():
            with pytest.raises(errors.StoreReadOnly, match="owner and the mode"):
                await store.open()
            await store.close()
            if directory & 0o002:  # beside the file, SQLite keeps what readers need
                await store.open(create=False)
                assert await store.count(RunFilter()) == {}
                await store.close()
    finally:
        place.chmod(0o700)
        shutil.rmtree(place)


# --- full disks ---------------------------------------------------------------------------------------------


async def _fill(scene: Scene) -> tuple[list[Change], int]:
    """Start runs until there is no space; the group that failed, and how many were acknowledged."""
    acknowledged = 0
    for _ in range(200):
        news = [scene.new(note="x" * 500) for _ in range(20)]
        group = [Change(run=new.row.key, create=new) for new in news]
        try:
            await scene.store.commit(group)
        except errors.DiskFull:
            return group, acknowledged
        acknowledged += len(group)
    raise AssertionError("the disk was never full")


async def test_a_full_database_loses_nothing_and_goes_on(store: SqliteStore, path: Path) -> None:
    scene = _scene(store)
    await scene.queued()
    pages = _pragma(store, "page_count")
    assert isinstance(pages, int)
    _pragma(store, f"max_page_count = {pages + 20}")
    group, acknowledged = await _fill(scene)
    for _ in range(3):
        with pytest.raises(errors.DiskFull, match="no space left"):
            await store.commit(group)
    assert await store.count(RunFilter()) == {"queued": 1 + acknowledged}
    assert len(await store.list(RunFilter(), limit=1000)) == 1 + acknowledged
    _pragma(store, "max_page_count = 1000000")
    assert all(reply.ok for reply in await store.commit(group))
    assert await store.count(RunFilter()) == {"queued": 1 + acknowledged + len(group)}
    _check_integrity(path)


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can mount a small disk")
async def test_a_full_disk_loses_nothing_and_goes_on(tmp_path: Path, clock: VirtualClock) -> None:
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2M", "tmpfs", str(place)], check=True)
    try:
        ballast = place / "ballast"
        ballast.write_bytes(b"\0" * 500_000)
        store = SqliteStore(place / "runs.db", "default", clock)
        await store.open()
        scene = _scene(store)
        group, acknowledged = await _fill(scene)
        with pytest.raises(errors.DiskFull):
            await store.commit(group)
        assert await store.count(RunFilter()) == {"queued": acknowledged}
        ballast.unlink()
        assert all(reply.ok for reply in await store.commit(group))
        assert await store.count(RunFilter()) == {"queued": acknowledged + len(group)}
        await store.close()
        _check_integrity(place / "runs.db")
    finally:
        subprocess.run(["umount", str(place)], check=True)


# --- damage -------------------------------------------------------------------------------------------------


async def test_a_damaged_file_is_called_damaged(open_store: OpenStore, path: Path) -> None:
    store = await open_store()
    scene = _scene(store)
    await store.commit([Change(run=n.row.key, create=n) for n in [scene.new(note="y" * 300) for _ in range(300)]])
    await store.close()
    data = bytearray(path.read_bytes())
    for at in range(40 * 4096, len(data) - 4096, 4096):
        data[at : at + 4096] = os.urandom(4096)
    path.write_bytes(data)
    store = await open_store()
    with pytest.raises(errors.StoreCorrupt, match="Restore a backup"):
        await store.list(RunFilter(), limit=1000)


# --- processes ----------------------------------------------------------------------------------------------

WORK = """
async def main(path, name, count):
    store = SqliteStore(path, "default", SystemClock())
    await store.open()
    heart = await store.heart()
    heart.beat(WorkerRow(id=name, expires_at=4e9))
    done = 0
    while done < count:
        await store.commit([start(f"{name}-{done + n}-{k}") for n in range(1) for k in range(5)])
        claimed = await store.claim(ClaimRequest(worker=name, workflows=("work",), limit=5, now=1.0), {})
        ends = [
            Change(run=c.row.key, epoch=c.row.epoch, seq=1, count=1, data=b'[{"k":"finish"}]', closes=True,
                   patch=Patch(status=RunStatus.SUCCEEDED, release=True, finished_at=1.0))
            for c in claimed
        ]
        assert all(reply.ok for reply in await store.commit(ends))
        print(*(c.row.id for c in claimed), flush=True)
        done += 1
    await store.close()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


async def test_several_processes_on_one_file(store: SqliteStore, path: Path) -> None:
    workers = [_process(WORK, path, f"w{n}", 12) for n in range(3)]
    outputs = await asyncio.gather(*(asyncio.to_thread(worker.communicate) for worker in workers))
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    finished = [name for out, _ in outputs for name in out.split()]
    assert len(finished) == len(set(finished)), "a run was executed by two workers"
    counts = await store.count(RunFilter())
    assert sum(counts.values()) == 3 * 12 * 5
    assert counts["succeeded"] == len(finished)
    _check_integrity(path)


COMMITS = """
async def main(path, first):
    store = SqliteStore(path, "default", SystemClock())
    await store.open()
    for n in range(first, first + 100000):
        assert (await store.commit([start(f"run-{n}-{k}") for k in range(3)]))[2].ok
        print(n, flush=True)

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


async def test_a_killed_process_loses_nothing_acknowledged(store: SqliteStore, path: Path) -> None:
    acknowledged: list[int] = []
    for round_ in range(3):
        process = _process(COMMITS, path, round_ * 100_000)
        assert process.stdout is not None
        lines = [await asyncio.to_thread(process.stdout.readline) for _ in range(20 + 30 * round_)]
        process.send_signal(signal.SIGKILL)
        lines += (await asyncio.to_thread(process.stdout.read)).splitlines()
        await asyncio.to_thread(process.wait)
        process.stdout.close()
        acknowledged += [int(line) for line in lines if line.strip()]
        _check_integrity(path)
    assert len(acknowledged) >= 150
    for n in acknowledged:
        assert await store.row_by_id(f"run-{n}-2") is not None
    total = sum((await store.count(RunFilter())).values())
    assert total % 3 == 0, "a group was committed in part"
    assert total >= 3 * len(acknowledged)
