"""Live runs: what changed is told once, to those it concerns. Over HTTP: tests/server/test_live.py."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from stepwell.client.stream import QUEUE, Broadcaster, Listener, mark_of, message
from stepwell.client.views import Views
from stepwell.model.run import RunFilter, RunRow
from stepwell.model.status import RunStatus
from stepwell.testing.environment import Environment
from tests.server.shop import shop

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def told(part: bytes | None) -> list[tuple[str, Any]]:
    found = []
    for block in (part or b"").decode().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if fields.get("event") in ("run", "reset", "ping"):
            data = json.loads(fields["data"])
            found.append((fields["event"], (data["id"], data["status"]) if data else fields["id"]))
    return found


class Watching:
    """A broadcaster that looks when it is told to."""

    def __init__(self, env: Environment) -> None:
        self.env = env
        self.app = env.app
        self.rests = asyncio.Event()
        self.broadcaster = Broadcaster(Views(env.app._engine()), "boot", self.rest)

    async def rest(self, _: float) -> None:
        self.rests.set()
        await asyncio.Event().wait()

    async def begun(self) -> None:
        """The first look, which remembers what there is, is over."""
        await asyncio.wait_for(self.rests.wait(), 60)

    async def look(self) -> int:
        return await self.broadcaster.look()


async def test_new_changed_and_ended_runs_are_told_once() -> None:
    async with Environment(shop()) as env:
        live = Watching(env)
        await env.app.start("nap", 60, id="before")
        await env.settle()
        everybody, first = live.broadcaster.listen(RunFilter())
        naps, _ = live.broadcaster.listen(RunFilter(workflow=("nap",)))
        assert told(first) == []
        await live.begun()
        assert told(await everybody.get(0)) == told(await naps.get(0)) == [("ping", "boot-1")]
        assert told(live.broadcaster.listen(RunFilter(workflow=("echo",)))[1]) == [("ping", "boot-1")]
        await env.app.start("echo", 1, id="quick")  # begins and ends between two looks
        await env.app.start("nap", 60, id="slow")
        await env.settle()
        await live.look()
        assert told(await everybody.get(0)) == [("run", ("quick", "succeeded")), ("run", ("slow", "waiting"))]
        assert told(await naps.get(0)) == [("run", ("slow", "waiting"))]
        assert await live.look() == 0
        await (await env.app.runs.get("before")).result(timeout=100)
        await env.settle()
        await live.look()
        assert ("run", ("before", "succeeded")) in told(await naps.get(0))
        await (await env.app.runs.get("quick")).restart()
        await env.settle()
        await live.look()
        assert ("run", ("quick", "succeeded")) in told(await everybody.get(0))
        await live.broadcaster.close()


async def test_what_came_of_a_run_is_told_with_its_end() -> None:
    async with Environment(shop()) as env:
        live, asked = Watching(env), list[int]()
        closings = env.store.closings

        async def counted(keys: Sequence[bytes], most: int) -> dict[bytes, bytes]:
            asked.append(len(keys))
            return await closings(keys, most)

        env.store.closings = counted  # type: ignore[method-assign]
        listener, _ = live.broadcaster.listen(RunFilter())
        await live.begun()
        await env.app.start("nap", 60, id="nap")
        for number in range(20):
            await env.app.start("echo", {"value": {"n": number, "token": "t0p"}}, id=f"e{number:02}")
        await env.settle()
        await live.look()
        parts = (await listener.get(0) or b"").decode().split("\n\n")[1:]
        runs = [json.loads(part.partition("data: ")[2]) for part in parts if "event: run\n" in part]
        assert {run["id"]: run["brief"] for run in runs} == {"nap": None} | {
            f"e{n:02}": f'{{"n":{n},"token":"••••"}}' for n in range(20)}  # fmt: skip
        assert asked == [20], "one question for all of a look"
        await live.broadcaster.close()


async def test_a_run_that_stops_matching_is_told_once_more() -> None:
    async with Environment(shop()) as env:
        live = Watching(env)
        run = await env.app.start("nap", 60, id="n")
        await env.settle()
        waiting, _ = live.broadcaster.listen(RunFilter(status=(RunStatus.WAITING,)))
        await live.begun()
        await run.terminate()
        await live.look()
        assert told(await waiting.get(0)) == [("ping", "boot-1"), ("run", ("n", "terminated"))]
        await live.broadcaster.close()
        assert await waiting.get(0) is None
        late, _ = live.broadcaster.listen(RunFilter())
        assert await late.get(0) is None


async def test_who_was_cut_off_is_told_what_was_missed() -> None:
    async with Environment(shop()) as env:
        live = Watching(env)
        live.broadcaster.listen(RunFilter())
        await live.begun()
        cursor = live.broadcaster.cursor
        for number in range(3):
            await env.app.start("echo", number, id=f"e{number}")
            await env.settle()
            await live.look()
        _, first = live.broadcaster.listen(RunFilter(), cursor)
        assert [what for what in told(first) if what[0] == "run"] == [("run", (f"e{n}", "succeeded")) for n in range(3)]
        for last in ("boot-99", "other-1", "nonsense", "boot--1", "boot-" + "9" * 30):
            assert told(live.broadcaster.listen(RunFilter(), last)[1])[0][0] == "reset", last
        await live.broadcaster.close()


async def test_nobody_listens_nobody_looks() -> None:
    async with Environment(shop()) as env:
        rests = 0

        async def rest(_: float) -> None:
            nonlocal rests
            rests += 1
            await asyncio.sleep(0)

        broadcaster = Broadcaster(Views(env.app._engine()), "boot", rest)
        listener, _ = broadcaster.listen(RunFilter())
        async with asyncio.timeout(60):
            while rests == 0:
                await asyncio.sleep(0)
        broadcaster.forget(RunFilter(), listener)
        assert broadcaster._task is not None
        await asyncio.wait_for(broadcaster._task, 60)
        assert broadcaster.listening == 0


async def test_a_listener_is_bounded() -> None:
    listener = Listener()
    for _ in range(QUEUE):
        listener.put(b"x")
    assert await listener.get(0) == b"x" * QUEUE
    for _ in range(QUEUE + 1):
        listener.put(b"x")
    assert listener.cut
    assert await listener.get(0) is None


async def test_a_long_queue_is_handed_out_in_parts() -> None:
    listener = Listener()
    pieces = [bytes([n]) * 30_000 for n in range(5)] + [b"x" * 100_000, b"y"]
    for piece in pieces:
        listener.put(piece)
    taken = [await listener.get(0) for _ in range(5)]
    assert [len(part or b"") for part in taken] == [60_000, 60_000, 30_000, 100_000, 1]
    assert b"".join(part or b"" for part in taken) == b"".join(pieces)
    assert taken[3] is pieces[5], "what all readers have in common is not copied"
    assert await listener.get(0.01) == b"", "and then it is quiet"
    listener.put(b"last")
    listener.end()
    assert (await listener.get(0), await listener.get(0)) == (b"last", None)


def test_a_message() -> None:
    assert message("run", b"{}", "b-1") == b"id: b-1\nevent: run\ndata: {}\n\n"
    assert message("stats", b"{}") == b"event: stats\ndata: {}\n\n"


def test_a_run_that_changed_looks_different() -> None:
    row = RunRow(key=b"k" * 16, id="order-1", workflow="w", queue="q", status=RunStatus.RUNNING, created_at=50.0)
    assert mark_of(row) != mark_of(msgspec.structs.replace(row, note="x"))
    assert mark_of(row) == mark_of(msgspec.structs.replace(row))
