import asyncio
import json
from pathlib import Path

import pytest

from stepwell import App
from stepwell.cli import demo_app
from stepwell.cli.demo_app import Order, Paid, paid, place_order
from stepwell.cli.demo_story import RESULT


def test_every_body_is_witnessed(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "bodies.log"
    monkeypatch.setenv(demo_app.LOG, str(log))
    monkeypatch.setenv(demo_app.PACE, "0")

    async def main() -> str:
        async with App(url, like=demo_app.app):
            run = await place_order.start(Order("7", "teapot", 48))
            await paid.send(Paid("card"), key="7")
            return await run.result(60)

    assert asyncio.run(main()) == RESULT
    notes = [json.loads(line) for line in log.read_text().splitlines()]
    steps = {note["step"] for note in notes}
    assert len(steps) == 6
    assert {(note["step"], note["what"]) for note in notes} == {(s, w) for s in steps for w in ("began", "ended")}
