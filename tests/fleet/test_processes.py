"""`stepwell worker` on PostgreSQL: processes that share a queue, are drained, killed, and know different code."""

import json
import os
import signal
import socket
from collections import Counter

import pytest

from stepwell import App
from stepwell.cli.workers import state
from tests.fleet.fleet import HEAD, LEASES, SHORT, Fleet, kill, until, wait_for

pytestmark = pytest.mark.anyio
BACKWARDS = (
    HEAD
    + """
@app.step
async def turn(text: str) -> str:
    note("turned", text=text)
    return text[::-1]


@app.workflow
async def backwards(text: str) -> str:
    return await turn(text)
"""
)


async def started(client: App, workflow: str, count: int, **inputs: object) -> list[str]:
    """Start runs named after their numbers."""
    return [(await client.start(workflow, {"n": n, **inputs}, id=f"{workflow}-{n}")).id for n in range(count)]


async def ended(client: App, count: int) -> bool:
    """Whether so many runs have succeeded, and there are no others."""
    return await client.runs.count() == {"succeeded": count}


async def test_a_queue_is_worked_off_by_all_and_each_run_once(fleet: Fleet) -> None:
    async with App(fleet.url, mode="client") as client:
        workers = fleet.worker("flows.py", "--processes", "2", "--concurrency", "4")
        pids = workers.workers(2)
        for n in range(100, 110):  # so many as both together hold at most: each for every slot one, and one more
            await client.start("slow", {"n": n})
        wait_for(lambda: len(fleet.notes("hangs")) == 8)
        assert {note["pid"] for note in fleet.notes()} == set(pids), "both work"
        ids = await started(client, "order", 60)
        fleet.gate.touch()
        await until(lambda: ended(client, 70))
        assert [await (await client.runs.get(run)).result() for run in ids] == [n * 100 + 3 for n in range(60)]
        orders = {(n, part): 1 for n in range(60) for part in range(3)}
        assert fleet.begun() == orders | {(n, 0): 1 for n in range(100, 110)}
        assert set(Counter(note["n"] for note in fleet.notes("hangs")).values()) == {1}
        assert workers.end(signal.SIGTERM) == 0


async def test_sigterm_drains(fleet: Fleet) -> None:
    async with App(fleet.url, mode="client") as client:
        workers = fleet.worker("flows.py", "--processes", "2", "--concurrency", "2", **{LEASES: "15"})
        workers.workers(2)
        await started(client, "slow", 20)
        wait_for(lambda: len(fleet.notes("hangs")) == 4)
        await started(client, "nap", 2, seconds=0.5)
        workers.process.send_signal(signal.SIGTERM)

        async def handed_back() -> bool:
            """What had no slot yet is for others, long before the running steps have ended."""
            counts = await client.runs.count()
            return counts == {"running": 4, "queued": 18} and all(w.draining for w in await client.workers())

        await until(handed_back)
        assert not fleet.notes("let go")
        fleet.gate.touch()
        assert workers.end() == 0
        assert len(fleet.notes("hangs")) == len(fleet.notes("let go")) == 4, "nothing begun, and all of it ended"
        assert await client.workers() == []
        assert (await client.runs.count()).get("running") is None

        fleet.worker("flows.py", "--concurrency", "20")
        await until(lambda: ended(client, 22), "all of them")
        assert Counter(note["n"] for note in fleet.notes("hangs")) == dict.fromkeys(range(20), 1), "none of it twice"
        assert set(fleet.begun().values()) == {1}


async def test_what_a_killed_process_held_goes_on_elsewhere_after_its_lease(fleet: Fleet) -> None:
    async with App(fleet.url, mode="client") as client:
        fleets = [fleet.worker("flows.py", "--concurrency", "3", **{LEASES: str(SHORT)}) for _ in range(2)]
        by_pid = {each.workers()[0]: each for each in fleets}
        await started(client, "slow", 6)
        wait_for(lambda: fleet.notes("hangs"))
        pid = fleet.notes("hangs")[0]["pid"]  # whichever came first: one of them may have taken all
        victim = by_pid.pop(pid)
        (survivor,) = by_pid
        (lost,) = [w for w in await client.workers() if w.pid == pid]
        victim.process.send_signal(signal.SIGSTOP)  # or its supervisor would begin another process
        kill(pid)
        victims = {note["n"] for note in fleet.notes("hangs") if note["pid"] == pid}
        fleet.gate.touch()

        await until(lambda: ended(client, 6))
        for n in victims:
            journal = await (await client.runs.get(f"slow-{n}")).journal()
            assert min(e["at"] for e in journal if e["k"] == "step") >= lost.beat_at + SHORT, "not before its end"
        assert {note["pid"] for note in fleet.notes("let go") if note["n"] in victims} == {survivor}
        times = Counter(note["n"] for note in fleet.notes("hangs"))
        assert times == {n: 2 if n in victims else 1 for n in range(6)}, "again only what was under way in the dead one"
        victim.process.kill()


async def test_a_worker_takes_only_what_it_has_the_code_for(fleet: Fleet) -> None:
    fleet.write("turning.py", BACKWARDS)
    async with App(fleet.url, mode="client") as client:
        (orders,) = fleet.worker("flows.py").workers()
        texts = [await client.start("backwards", text) for text in ("abc", "xyz")]
        await started(client, "order", 5)

        async def orders_done() -> bool:
            return await client.runs.count() == {"succeeded": 5, "queued": 2}

        await until(orders_done)
        (turns,) = fleet.worker("turning.py").workers()
        assert [await run.result(timeout=60) for run in texts] == ["cba", "zyx"]
        assert {note["pid"] for note in fleet.notes("turned")} == {turns}
        assert {note["pid"] for note in fleet.notes("begin")} == {orders}
        offers = {w.pid: set(w.offers) for w in await client.workers()}
        assert offers[turns] == {"turn", "backwards"}
        assert "order" in offers[orders]


async def test_the_list_shows_who_works_and_who_is_late(fleet: Fleet) -> None:
    async with App(fleet.url, mode="client") as client:
        first, second = (fleet.worker("flows.py", *more) for more in (("--concurrency", "7"), ()))
        (pid,), _ = first.workers(), second.workers()
        await started(client, "slow", 2)
        wait_for(lambda: len(fleet.notes("hangs")) == 2)
        seen: dict[int, dict[str, object]] = {}

        def listed() -> dict[int, dict[str, object]]:
            return {
                w["pid"]: w for w in json.loads(fleet.stepwell("workers", "list", "-u", fleet.url, "--json"))["workers"]
            }

        def loaded() -> bool:
            """The load comes with the next beat."""
            seen.update(listed())
            return sum(int(str(w["held"])) for w in seen.values()) == 2 and seen[pid]["state"] == "alive"

        wait_for(loaded)
        row = seen[pid]
        assert row["host"] == socket.gethostname()
        assert row["concurrency"] == 7
        assert row["version"]
        assert (row["state"], row["alive"], row["late"]) == ("alive", True, False)

        os.kill(pid, signal.SIGSTOP)

        async def late() -> bool:
            now = client._engine().clock.now()
            return any(w.pid == pid and state(w, now) == "late" for w in await client.workers())

        await until(late)
        shown = fleet.stepwell("workers", "list", "-u", fleet.url)
        assert f"process {pid} on {socket.gethostname()} has not been heard of for" in shown
        assert sorted(line.split()[1] for line in shown.splitlines()[1:3]) == ["alive", "late"]
        os.kill(pid, signal.SIGCONT)
        wait_for(lambda: any(w["host"] and w["state"] == "alive" for p, w in listed().items() if p == pid))
