import asyncio
import io
import signal
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any

import pytest

from stepwell import App
from stepwell.cli import watching
from stepwell.cli.calls import view_of
from stepwell.cli.options import Target
from stepwell.cli.session import talk
from stepwell.cli.showing import MOST
from stepwell.cli.snapshot import Snapshot
from stepwell.cli.watching import Lines, interruptible, rich_text, screen, watched
from stepwell.client.http import OUTLAST_S
from stepwell.client.remote import RemoteClient
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus


def seen(entries: list[dict[str, Any]], **fields: Any) -> Snapshot:
    row = RunRow(**{"key": b"k" * 16, "id": "r1", "workflow": "flow", "created_at": 100.0, **fields})
    return Snapshot(row=row, entries=entries, view=view_of(row, entries), generation=1, now=110.0)


def text(lines: list[Any]) -> list[str]:
    return [" ".join("".join(p if isinstance(p, str) else p[0] for p in line).split()) for line in lines]


def test_each_happening_is_one_line_and_said_once() -> None:
    lines = Lines()
    start = {"k": "started", "at": 100.0}
    assert text(lines.news(seen([start]))) == ["+10.0 s r1 queued"]
    entries = [start, {"k": "attempt", "at": 102.0, "call": "a", "attempt": 1, "began": 101.0, "again": 111.0,
                       "error": {"type": "ValueError", "message": "no"}}]  # fmt: skip
    running = seen(entries, status=RunStatus.RUNNING, progress=0.5, note="half")
    assert text(lines.news(running)) == [
        "+10.0 s r1 running",
        "+2.0 s ↻ a ValueError: no attempt 2 in 1.0 s",
        "+10.0 s 50% half",
    ]
    assert lines.news(running) == []
    entries += [{"k": "step", "at": 104.0, "call": "a", "attempt": 2, "began": 103.0, "value": {"v": 5}},
                {"k": "armed", "at": 104.0, "call": "paid", "event": "paid", "key": "k"},
                {"k": "cancel", "at": 105.0}]  # fmt: skip
    waiting = seen(entries, status=RunStatus.WAITING, progress=0.5, note="half", reason="waiting for event paid")
    assert text(lines.news(waiting)) == [
        "+4.0 s ✓ a 3.0 s → 5",
        "+4.0 s … paid event key=k",
        "+5.0 s ! cancel requested (operator)",
        "+10.0 s r1 waiting waiting for event paid",
    ]
    entries.append({"k": "finish", "at": 106.0, "status": "failed", "error": {"type": "E", "message": "x"}})
    failed = seen(entries, status=RunStatus.FAILED, finished_at=106.0, progress=0.5, note="half")
    assert text(lines.news(failed)) == ["+6.0 s ⊘ paid event key=k 2.0 s", "+6.0 s r1 failed", "+10.0 s E: x"]


def test_following_a_run_while_it_goes_on(url: str, shop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    async def main() -> RunRow:
        async with App(url, like=shop.app):
            run = await shop.approval.options(id="a1").start("ann")
            app = App(url, mode="client", like=shop.app)
            async with app:
                follow = asyncio.create_task(watched(app, "a1", 0.01, replay=True))
                while (await run.status()).state is not RunStatus.WAITING:
                    await asyncio.sleep(0.01)
                await shop.approved.send({"by": "eve"}, key="ann")
                return await follow

    assert asyncio.run(main()).status is RunStatus.SUCCEEDED
    said = capsys.readouterr().out
    assert said.splitlines()[-1].endswith("a1 succeeded")
    assert said.count("✓ greet  ") == 1


def test_what_watching_reads_outlasts_a_restart_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    async def one(client: Any, run_id: str, *, replay: bool) -> Snapshot:
        return seen([], status=RunStatus.FAILED)

    monkeypatch.setattr(watching, "snapshot", one)
    client = RemoteClient("http://127.0.0.1:9")
    assert client.http.patience == 0.0

    async def watch(run: str, every: float) -> AsyncGenerator[None]:
        yield

    async def main() -> None:
        client.runs = SimpleNamespace(watch=watch)  # type: ignore[assignment]
        await watched(client, "r1", 0.5)

    asyncio.run(main())
    assert client.http.patience == OUTLAST_S >= 60


def test_the_live_view(filled: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "fancy", lambda *_: True)
    row = talk(Target(filled), lambda app: watched(app, "bad", 0.01))
    assert row.status is RunStatus.FAILED
    assert "ValueError: not today, ben" in capsys.readouterr().out


def test_the_live_view_is_safe() -> None:
    from rich.console import Console

    entries = [
        {"k": "started", "at": 1.0},
        {"k": "step", "at": 2.0, "call": "[bold]\x1b]0;x\x07", "value": {"v": "[red]"}},
    ]
    console = Console(width=60, record=True, file=io.StringIO(), markup=False, highlight=False)
    console.print(rich_text(screen(seen(entries))))
    shown = console.export_text()
    assert "[bold]\\x1b]0;x\\x07" in shown
    assert "\x1b" not in shown


def test_a_long_journal_keeps_to_the_screen_while_the_run_goes_on() -> None:
    entries = [{"k": "started", "at": 1.0}]
    entries += [{"k": "step", "at": 2.0, "call": f"s{n}", "value": {"v": n}} for n in range(10_000)]
    lines = text(screen(seen(entries, status=RunStatus.RUNNING), 24))
    assert len(lines) == 24
    assert lines[0] == "r1 flow running"
    assert "… 9,978 more" in lines
    assert "s0" in lines[1]
    assert "s9999" in lines[-1]
    assert len(screen(seen(entries, status=RunStatus.SUCCEEDED))) == 1 + MOST


def test_ctrl_c_ends_it_in_the_middle_of_drawing() -> None:
    before = signal.getsignal(signal.SIGINT)

    async def main() -> None:
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("a task that waits for nothing goes on")

    with pytest.raises(KeyboardInterrupt), interruptible():
        asyncio.run(main())
    assert signal.getsignal(signal.SIGINT) is before


def test_remarks_come_where_they_happened() -> None:
    entries = [{"k": "started", "at": 100.0, "code": "01d"}, {"k": "code", "at": 101.0, "code": "c0de"},
               {"k": "step", "at": 102.0, "call": "a", "began": 101.0, "value": {"v": 5}},
               {"k": "finish", "at": 106.0, "status": "succeeded", "value": {"v": 5}}]  # fmt: skip
    ended = seen(entries, status=RunStatus.SUCCEEDED, finished_at=106.0)
    marked, step, end = text(Lines().news(ended))
    assert marked.startswith("+1.0 s !")
    assert step == "+2.0 s ✓ a 1.0 s → 5"
    assert end == "+6.0 s r1 succeeded"
