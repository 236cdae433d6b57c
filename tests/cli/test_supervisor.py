import asyncio
import logging
import os
import signal
from pathlib import Path

import pytest

from stepwell.cli import supervisor
from stepwell.cli.serving import UNUSABLE, Service
from stepwell.cli.supervisor import Supervisor

APP = """
from pathlib import Path
import os
from stepwell import App
starts = Path(__file__).with_name("starts")
with starts.open("a") as file:
    file.write("x")
if {crashes} >= starts.stat().st_size:
    os._exit(7)
app = App({url!r}, lease=1.0, grace=1.0)
"""


def test_what_dies_is_begun_again_with_growing_pauses(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.01)
    (tmp_path / "crashing_app.py").write_text(APP.format(crashes=3, url=url))
    starts = tmp_path / "starts"

    async def main() -> int:
        kept = Supervisor(Service(reference=str(tmp_path / "crashing_app.py"), level="error"), 1)
        running = asyncio.create_task(kept.run())
        async with asyncio.timeout(100):
            while not (starts.exists() and starts.stat().st_size >= 4):
                await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)
        return await running

    with caplog.at_level(logging.ERROR, "stepwell"):
        assert asyncio.run(main()) == 0
    said = [r.getMessage().split("; ")[1] for r in caplog.records if "ended with exit code 7" in r.getMessage()]
    assert said == ["another one begins in 10 ms", "another one begins in 20 ms", "another one begins in 40 ms"]


def test_who_is_asked_to_stop_while_it_still_starts_has_ended_well(tmp_path: Path) -> None:
    """It has not come to listen for the signal, and dies of it: it held nothing."""
    file, began = tmp_path / "slow_app.py", tmp_path / "began"
    file.write_text(f"import pathlib, time\npathlib.Path({str(began)!r}).touch()\ntime.sleep(60)\n")

    async def main() -> int:
        running = asyncio.create_task(Supervisor(Service(reference=str(file), level="error"), 1).run())
        async with asyncio.timeout(60):
            while not began.exists():
                await asyncio.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)
        return await running

    assert asyncio.run(main()) == 0


@pytest.mark.parametrize(("source", "code"), [("raise RuntimeError('broken')", 2), ("x = 1", 2)])
def test_what_cannot_begin_ends_everything(tmp_path: Path, source: str, code: int) -> None:
    file = tmp_path / "useless_app.py"
    file.write_text(source)
    service = Service(reference=str(file), level="error")
    assert asyncio.run(Supervisor(service, 2).run()) == code


def test_a_database_that_can_never_be_opened_ends_everything(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "placed_app.py"
    file.write_text(f"from stepwell import App\napp = App('sqlite:///{tmp_path}/nowhere/x.db')\n")
    assert asyncio.run(Supervisor(Service(reference=str(file), level="error"), 1).run()) == UNUSABLE
    assert "another one begins" not in caplog.text
