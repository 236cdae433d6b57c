"""Lines of runs: gathered, bounded, written in few records, from any thread, and again when the store was away."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import pytest

from stepwell import App, run_info, step_info
from stepwell.errors import StoreUnavailable
from stepwell.model.logline import Line, decode_batch
from stepwell.model.record import Record
from stepwell.runtime import loglines
from stepwell.runtime.loglines import FULL, LONGEST, MOST_LINES, LogLines
from stepwell.store.memory import MemoryStore
from stepwell.testing.clock import VirtualClock
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio
RUN, OTHER = b"run".ljust(16), b"other".ljust(16)


class Store(MemoryStore):
    """A store that counts what is written, and fails as it is told."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__("test", clock)
        self.puts: list[int] = []
        self.reads = 0
        self.fails = 0

    async def put(self, records: Sequence[Record], *, replace: bool = False) -> list[bool]:
        self.puts.append(len(records))
        if self.fails:
            self.fails -= 1
            raise StoreUnavailable("away")
        return await super().put(records, replace=replace)

    async def records(self, kind: str, **which: Any) -> list[Record]:  # type: ignore[override]
        self.reads += 1
        return await super().records(kind, **which)


class Scene:
    def __init__(self, **options: Any) -> None:
        self.clock = VirtualClock()
        self.store = Store(self.clock)
        self.options = options
        self.lines = self.process()

    def process(self, tag: str = "aaaaaa") -> LogLines:
        return LogLines(self.store, self.clock, tag, **{"every": 0.0} | self.options)

    def add(self, *texts: str, run: bytes = RUN, fresh: bool = True, lines: LogLines | None = None) -> None:
        for text in texts:
            (lines or self.lines).add(run, Line(self.clock.now(), "INFO", text), fresh=fresh)

    async def kept(self, run: bytes = RUN) -> list[str]:
        await self.lines.flush()
        records = await MemoryStore.records(self.store, "log", owner=run, limit=1_000_000)
        return [line.text for record in records for line in decode_batch(record.data).lines]


async def test_lines_of_many_runs_go_in_one_put() -> None:
    scene = Scene()
    scene.add("a", "b")
    scene.add("c", run=OTHER)
    scene.add("d")
    assert await scene.kept() == ["a", "b", "d"]
    assert await scene.kept(OTHER) == ["c"]
    assert scene.store.puts == [2]  # one record for each run
    assert scene.store.reads == 0  # nobody else can have written of a fresh run


async def test_nothing_is_written_when_nobody_logs() -> None:
    scene = Scene()
    await scene.lines.flush()
    await scene.lines.close()
    assert scene.store.puts == []


async def test_they_are_written_by_themselves_a_moment_later() -> None:
    scene = Scene(every=0.01)
    scene.add("a")
    await asyncio.sleep(0)
    scene.add("b")
    assert scene.store.puts == []
    async with asyncio.timeout(60):
        while not scene.store.puts:
            await asyncio.sleep(0.001)
    assert scene.store.puts == [1]
    scene.add("c")
    async with asyncio.timeout(60):
        while len(scene.store.puts) < 2:
            await asyncio.sleep(0.001)
    assert await scene.kept() == ["a", "b", "c"]


async def test_from_threads() -> None:
    scene = Scene()
    await asyncio.gather(*(asyncio.to_thread(scene.add, f"{n}") for n in range(50)))
    assert sorted(await scene.kept(), key=int) == [f"{n}" for n in range(50)]


async def test_order_is_that_of_writing_though_the_clock_goes_back() -> None:
    scene = Scene()
    for n in range(5):
        scene.lines.add(RUN, Line(1000.0 - n, "INFO", f"{n}"), fresh=True)
        await scene.lines.flush()
    assert await scene.kept() == ["0", "1", "2", "3", "4"]


async def test_a_run_has_so_many_lines() -> None:
    scene = Scene()
    scene.add(*(f"{n}" for n in range(MOST_LINES + 100)))
    await scene.lines.flush()
    scene.add("later")
    kept = await scene.kept()
    assert len(kept) == MOST_LINES + 1
    assert kept[-2:] == [f"{MOST_LINES - 1}", FULL]
    scene.add("of another", run=OTHER)
    assert await scene.kept(OTHER) == ["of another"]


async def test_a_run_has_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loglines, "MOST_BYTES", 100)
    scene = Scene()
    scene.add("é" * 40, "x" * 20, "y", "z")
    assert await scene.kept() == ["é" * 40, "x" * 20, FULL]


async def test_the_bound_holds_over_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loglines, "MOST_LINES", 3)
    scene = Scene()
    scene.add("a", "b")
    await scene.lines.flush()
    second = scene.process("bbbbbb")
    scene.add("c", "d", "e", fresh=False, lines=second)
    await second.flush()
    assert await scene.kept() == ["a", "b", "c", FULL]
    third = scene.process("cccccc")
    scene.add("f", fresh=False, lines=third)
    await third.flush()
    assert len(await scene.kept()) == 4
    assert scene.store.reads == 2


async def test_a_long_line_is_cut() -> None:
    scene = Scene()
    scene.add("x" * (LONGEST + 1), "half a character: \ud800")
    first, second = await scene.kept()
    assert (len(first), first[-2:]) == (LONGEST, "x…")
    assert second == "half a character: ?"


async def test_secrets_are_taken_out() -> None:
    def redact(text: str) -> str:
        if text == "odd":
            raise ValueError(text)
        return text.replace("hunter2", "••••")

    scene = Scene(redact=redact)
    scene.add("password hunter2", "odd")
    assert await scene.kept() == ["password ••••", "(this line could not be redacted, and was not kept)"]


async def test_they_wait_for_a_store_that_is_away(caplog: pytest.LogCaptureFixture) -> None:
    scene = Scene()
    scene.store.fails = 2
    scene.add("a")
    await scene.lines.flush()
    scene.add("b")
    await scene.lines.flush()
    assert "could not be written" in caplog.text
    scene.add("c")
    assert await scene.kept() == ["a", "b", "c"]


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loglines, "MOST_WAITING", 3)
    scene = Scene()
    scene.add("a", "b", "c", "d")
    assert await scene.kept() == ["a", "b", "c"]
    monkeypatch.setattr(loglines, "MOST_UNSENT", 2)
    scene.store.fails = 5
    for n in range(5):
        scene.add(f"{n}")
        await scene.lines.flush()
    assert await scene.kept() == ["a", "b", "c", "3", "4"]


async def test_a_killed_process_forgets_them() -> None:
    scene = Scene()
    scene.add("a")
    scene.lines.abandon()
    assert await scene.kept() == []


# -- in a run --------------------------------------------------------------------------------------


def make() -> App:
    app = App("memory://")

    @app.step(retries=1, delay=0)
    async def charge(amount: int) -> None:
        step_info().logger.debug("not kept")
        step_info().logger.info("charging %d", amount)
        if step_info().attempt == 1:
            try:
                raise ValueError("declined")
            except ValueError:
                step_info().logger.exception("no luck with %(amount)d", {"amount": amount})
            raise RuntimeError

    @app.step
    def note(text: str) -> None:
        step_info().logger.warning(text)

    @app.workflow
    async def shop(amount: int) -> None:
        run_info().logger.info("begins with %d", amount)
        await charge(amount)
        await note("odd")
        run_info().logger.debug("not kept either")
        run_info().logger.error("ends")

    return app


def said(lines: list[Any]) -> list[tuple[str, str | None, int | None, str]]:
    return [(line.level, line.call, line.attempt, line.text) for line in lines]


@pytest.mark.parametrize("replay", [False, True])
async def test_what_a_run_logs_is_kept_once(replay: bool) -> None:
    app = make()
    async with Environment(app, replay=replay):
        run = await app.start("shop", 5)
        await run.result()
        page = await app.runs.logs(run.id)
    first, charging, failed, again, odd, last = page.lines
    assert said([first, charging, again, last]) == [
        ("INFO", None, 1, "begins with 5"),
        ("INFO", "charge", 1, "charging 5"),
        ("INFO", "charge", 2, "charging 5"),
        ("ERROR", None, 1, "ends"),
    ]
    assert failed.text.startswith("no luck with 5\nTraceback")
    assert failed.text.endswith("ValueError: declined")
    assert said([odd]) == [("WARNING", "note", 1, "odd")]
    assert page.after is None


async def test_the_processes_own_log_gets_them_as_well(caplog: pytest.LogCaptureFixture) -> None:
    app = make()
    with caplog.at_level(logging.INFO, "stepwell"):
        async with Environment(app):
            await (await app.start("shop", 5)).result()
    (record,) = [r for r in caplog.records if r.msg == "charging %d" and getattr(r, "step", "") == "charge"][:1]
    assert record.funcName == "charge"  # where it was said, not where it was passed on
    assert record.name == "stepwell.step"
