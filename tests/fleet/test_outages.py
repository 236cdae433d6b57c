"""A server that goes away and comes back, and one that hangs: what a worker does meanwhile, and afterwards."""

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import pytest

from stepwell import App, errors
from tests import postgres
from tests.fleet.fleet import LEASES, SHORT, Fleet, Program, until, wait_for

pytestmark = pytest.mark.anyio
MODEST = 12
"""So many lines about the beginning of an outage are enough: each part of a worker says it once, and then rarely."""
BEGINNING = 4.0
"""Seconds."""


@pytest.fixture(scope="module")
def server() -> Iterator[postgres.Server]:
    """A server that everything is done to."""
    with postgres.private_server(fsync=True) as server:
        yield server


@pytest.fixture
def frail(fleet: Fleet, server: postgres.Server) -> Fleet:
    """A fleet on it."""
    fleet.url = f"{server.url}?schema={postgres.fresh()}"
    return fleet


def hasty(fleet: Fleet) -> str:
    """The URL for those who await answers for one second."""
    return f"{fleet.url}&deadline=1"


def pids(server: postgres.Server, condition: str = "true") -> list[int]:
    """The server's processes that serve us."""
    which = f"application_name = 'stepwell' AND {condition}"
    return [int(one) for one in server.psql(f"SELECT pid FROM pg_stat_activity WHERE {which}").split()]


def first_lines(worker: Program, before: str) -> list[str]:
    """What it has said since, in the first seconds, by its own clock."""
    whole, _, _ = worker.said[len(before) :].rpartition("\n")
    lines = [(datetime.fromisoformat(json.loads(line)["time"]), line) for line in whole.splitlines()]
    return [line for at, line in lines if (at - lines[0][0]).total_seconds() < BEGINNING]


async def test_a_server_that_goes_away_and_comes_back(frail: Fleet, server: postgres.Server) -> None:
    worker = frail.worker("flows.py", "--concurrency", "5", **{LEASES: "60"})
    (pid,) = worker.workers()
    async with App(frail.url, mode="client") as client:
        for n in range(5):
            await client.start("slow", {"n": n}, id=f"slow-{n}")
        wait_for(lambda: len(frail.notes("hangs")) == 5)
    before = worker.said
    server.stop("immediate")
    frail.gate.touch()
    wait_for(lambda: len(frail.notes("let go")) == 5, "steps that have begun go on without a database")
    refused = frail.stepwell("runs", "list", "-u", frail.url, code=5)
    assert "error[store_unavailable]" in refused
    assert "cannot be reached" in refused
    worker.until("claiming failed")
    time.sleep(BEGINNING)  # an outage has to last: who tries every second would say so several times
    said = first_lines(worker, before)
    assert 1 <= sum("claiming failed" in line for line in said) <= 2
    assert len(said) <= MODEST, "\n".join(said)
    server.start()
    async with App(frail.url, mode="client") as client:
        assert [await (await client.runs.get(f"slow-{n}")).result(timeout=60) for n in range(5)] == [0] * 5
    assert set(Counter(note["n"] for note in frail.notes("hangs")).values()) == {1}, "their results were kept"
    assert worker.process.poll() is None
    assert {note["pid"] for note in frail.notes()} == {pid}
    assert worker.end(signal.SIGTERM) == 0


async def test_a_worker_that_begins_while_the_server_is_away_waits_for_it(
    frail: Fleet, server: postgres.Server
) -> None:
    server.stop()
    worker = frail.worker("flows.py")
    worker.until("another one begins")
    assert "cannot be reached" in worker.said
    server.start()
    worker.workers()
    assert worker.end(signal.SIGTERM) == 0


async def test_a_server_that_hangs_takes_the_leases_with_it(frail: Fleet, server: postgres.Server) -> None:
    """No step is begun on a lease that may have run out, whatever the worker cannot know."""
    worker = frail.worker("flows.py", "--concurrency", "1", url=hasty(frail), **{LEASES: str(SHORT)})
    worker.workers()
    async with App(frail.url, mode="client") as client:
        for n in range(2):  # the second one waits for the slot of the first
            await client.start("slow", {"n": n}, id=f"slow-{n}")
        wait_for(lambda: len(frail.notes("hangs")) == 1)
    stopped = [server._process.pid, *pids(server)] if server._process is not None else []
    for process in stopped:
        os.kill(process, signal.SIGSTOP)
    try:
        time.sleep(SHORT)  # nobody can renew a lease meanwhile
        frail.gate.touch()
        refused = frail.stepwell("runs", "list", "-u", hasty(frail), code=5)
        assert "error[store_unavailable]" in refused
        assert "does not answer in time" in refused
        wait_for(lambda: len(frail.notes("let go")) == 1, "the step that had begun goes on")
        worker.until("does not answer in time")
        assert len(frail.notes("hangs")) == 1, "a slot is free, and the lease is over: nothing begins"
        assert not frail.notes("begin")
    finally:
        for process in reversed(stopped):
            os.kill(process, signal.SIGCONT)
    async with App(frail.url, mode="client") as client:
        await until(lambda: _all_done(client))
    times = Counter(note["n"] for note in frail.notes("hangs"))
    assert times[1] == 1
    assert worker.process.poll() is None
    assert worker.end(signal.SIGTERM) == 0


async def test_one_connection_that_hangs_is_replaced(frail: Fleet, server: postgres.Server) -> None:
    worker = frail.worker("flows.py", url=hasty(frail), **{LEASES: "30"})
    worker.workers()
    async with App(frail.url, mode="client") as client:
        assert await (await client.start("order", {"n": 1})).result(timeout=60) == 103
        mine = server.psql(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'stepwell' AND query LIKE '%workers%'"
        )
        hung = [int(one) for one in mine.split()]
        assert hung
        for process in hung:
            os.kill(process, signal.SIGSTOP)
        try:

            async def works() -> bool:
                try:
                    return await (await client.start("order", {"n": 2}, id="second")).result(timeout=60) == 203
                except (errors.WorldError, TimeoutError):
                    return False

            await until(works, "others take its place")
        finally:
            for process in hung:
                os.kill(process, signal.SIGCONT)
        assert frail.begun() == {(n, part): 1 for n in (1, 2) for part in range(3)}
    assert worker.end(signal.SIGTERM) == 0


async def _all_done(client: App) -> bool:
    try:
        return await client.runs.count() == {"succeeded": 2}
    except errors.WorldError:
        return False
