import asyncio
import json
import os
from collections.abc import Callable
from typing import Any

from click.testing import Result

from stepwell import App
from stepwell.cli.workers import state
from stepwell.model.run import WorkerRow

Invoke = Callable[..., Result]


def test_list(stepwell: Invoke, url: str, shop: Any) -> None:
    async def look() -> tuple[Result, Result]:
        async with App(url, like=shop.app):
            return await asyncio.to_thread(stepwell, "workers", "list", "-u", url), await asyncio.to_thread(
                stepwell, "workers", "list", "-u", url, "--json"
            )

    shown, data = asyncio.run(look())
    assert shown.exit_code == 0
    heads, row = shown.stdout.splitlines()
    assert heads.split() == ["ID", "STATE", "HOST", "PID", "RUNS", "SLOTS", "BEAT", "UP", "VERSION"]
    assert row.split()[1] == "alive"
    (worker,) = json.loads(data.stdout)["workers"]
    assert worker["pid"] == os.getpid()
    assert worker["alive"] is True
    assert worker["beat_at"].endswith("Z")


def test_who_is_late() -> None:
    worker = WorkerRow(id="w", beat_at=100.0, expires_at=130.0)
    assert [state(worker, now) for now in (100.0, 114.9, 115.1, 129.9, 130.0)] == [
        "alive", "alive", "late", "late", "lost"]  # fmt: skip
    leaving = WorkerRow(id="w", beat_at=100.0, expires_at=130.0, draining=True)
    assert [state(leaving, now) for now in (100.0, 116.0)] == ["draining", "late"]


def test_nobody(stepwell: Invoke, filled: str) -> None:
    result = stepwell("workers", "list", "-u", filled)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "No worker is alive" in result.stderr
