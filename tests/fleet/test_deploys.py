"""Rolling deploys: processes with old and new code of one workflow, together on one database."""

import json
import os
import signal
from typing import Any

import pytest

from stepwell import App, Run
from tests.fleet.fleet import HEAD, Fleet, Program, until, wait_for

pytestmark = pytest.mark.anyio
FLOW = """
go = app.event("go", dict)


@app.step
async def one(x: int) -> int:
    note("one", by=VERSION)
    return x + 1


@app.step
async def two(x: int) -> int:
    note("two", by=VERSION)
    return 10 * x


@app.workflow{options}
async def flow(x: int) -> int:
    y = await {first}(x)
    await go.wait(key="k", timeout="1h")
    return {last}
"""
PIN = '(versioning="pin")'


def deploy(fleet: Fleet, name: str, *, first: str = "one", last: str = "y", options: str = "") -> str:
    """The reference of a version of the app."""
    flow = FLOW.format(first=first, last=last, options=options)
    fleet.write(f"{name}.py", f"{HEAD}\nVERSION = {name!r}\n{flow}")
    return f"{name}.py"


async def begun(client: App, count: int = 1) -> list[Run[Any]]:
    """Runs that wait for their event."""
    runs = [await client.start("flow", {"x": n}, id=f"flow-{n}") for n in range(count)]

    async def waiting() -> bool:
        return await client.runs.count() == {"waiting": count}

    await until(waiting)
    return runs


async def go(client: App, count: int = 1) -> None:
    for _ in range(count):
        await client.events.send("go", key="k", data={})


async def codes(run: Run[Any]) -> list[str]:
    """The codes that the journal names; its start names none, since whoever started it had no code."""
    return [entry["code"] for entry in await run.journal() if entry["k"] == "code"]


async def offered(client: App, worker: Program) -> str:
    """The fingerprint of what a worker has."""
    (pid,) = worker.workers()
    return str(next(row.offers["flow"] for row in await client.workers() if row.pid == pid))


async def test_compatible_code_goes_on_with_what_the_old_began(fleet: Fleet) -> None:
    async with App(fleet.url, mode="client") as client:
        old = fleet.worker(deploy(fleet, "old"))
        before = await offered(client, old)
        runs = await begun(client, 6)
        new = fleet.worker(deploy(fleet, "new", last="await two(y)"))
        code = await offered(client, new)
        assert old.end(signal.SIGTERM) == 0
        await go(client, 6)
        assert [await run.result(timeout=60) for run in runs] == [10 * (n + 1) for n in range(6)]
        assert [await codes(run) for run in runs] == [[before, code]] * 6, "the journal says so"
        assert {(note["what"], note["by"]) for note in fleet.notes()} == {("one", "old"), ("two", "new")}
        assert len(fleet.notes()) == 12, "each step once"


async def test_incompatible_code_gives_back_to_the_old_process(fleet: Fleet) -> None:
    async with App(fleet.url, mode="client") as client:
        old = fleet.worker(deploy(fleet, "old"))
        (pid,) = old.workers()
        runs = await begun(client, 3)
        new = fleet.worker(deploy(fleet, "new", first="two", last="y + 1000"))
        new.workers()
        code = await offered(client, old)
        os.kill(pid, signal.SIGSTOP)  # so that the new code meets every run first
        await go(client, 3)
        new.until("goes back to those that have the code", 3)

        async def given_back() -> bool:
            return [row.pin for row in (await client.runs.list()).runs] == [code] * 3

        await until(given_back)
        os.kill(pid, signal.SIGCONT)
        assert [await run.result(timeout=60) for run in runs] == [1, 2, 3]
        assert {(note["what"], note["by"]) for note in fleet.notes()} == {("one", "old")}, "the new executed nothing"
        fresh = await client.start("flow", {"x": 5}, id="fresh")
        await go(client)
        assert await fresh.result(timeout=60) in (6, 1050), "whoever began it is there to end it"
        assert old.end(signal.SIGTERM) == 0


async def test_a_pinned_run_waits_for_its_code_and_is_shown_as_stranded(fleet: Fleet) -> None:
    async with App(fleet.url, mode="client") as client:
        name = deploy(fleet, "old", options=PIN)
        old = fleet.worker(name)
        code = await offered(client, old)
        (run,) = await begun(client)
        new = fleet.worker(deploy(fleet, "new", last="await two(y)", options=PIN))
        new.workers()
        assert (await run.status()).state == "waiting"
        assert "pinned to code" not in fleet.stepwell("workers", "list", "-u", fleet.url)
        assert old.end(signal.SIGTERM) == 0
        await go(client)

        said = f"1 run of 'flow' pinned to code {code}, which no live worker has"
        assert said in fleet.stepwell("workers", "list", "-u", fleet.url)
        listed = json.loads(fleet.stepwell("workers", "list", "-u", fleet.url, "--json"))
        assert [(one["workflow"], one["code"], one["count"]) for one in listed["stranded"]] == [("flow", code, 1)]
        findings = json.loads(fleet.stepwell("doctor", "-u", fleet.url, "--json"))["findings"]
        (versions,) = [one for one in findings if one["what"] == "versions"]
        assert versions["level"] == "warn"
        assert code in versions["text"]
        other = await client.start("flow", {"x": 7}, id="other")  # the new code works, meanwhile
        wait_for(lambda: any(note["by"] == "new" for note in fleet.notes("one")))
        assert (await run.status()).state == "queued"

        fleet.worker(name)  # the old code comes back
        assert await run.result(timeout=60) == 1
        await go(client)
        assert await other.result(timeout=60) == 80


async def test_a_stranded_run_may_be_let_go(fleet: Fleet) -> None:
    async with App(fleet.url, mode="client") as client:
        old = fleet.worker(deploy(fleet, "old", options=PIN))
        before = await offered(client, old)
        (run,) = await begun(client)
        assert old.end(signal.SIGTERM) == 0
        new = fleet.worker(deploy(fleet, "new", last="await two(y)", options=PIN))
        code = await offered(client, new)
        await go(client)
        fleet.stepwell("runs", "unpin", run.id, "-u", fleet.url)
        assert await run.result(timeout=60) == 10
        assert await codes(run) == [before, code]
