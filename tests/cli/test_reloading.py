import asyncio
import logging
import os
import signal
from pathlib import Path

import pytest

from stepwell import App
from stepwell.cli import reloading
from stepwell.cli.reloading import Reloading
from stepwell.cli.serving import Service

APP = """
import os
from pathlib import Path
from stepwell import App
folder = Path({folder!r})
(folder / f"{{os.getpid()}}.started").touch()
app = App({url!r}, lease=30.0, grace=0.5)
if (folder / "crash").exists():
    (folder / "crash").unlink()
    os._exit(9)
"""


async def until(folder: Path, count: int) -> None:
    async with asyncio.timeout(60):
        while len(list(folder.glob("*.started"))) < count:
            await asyncio.sleep(0.01)


async def working(url: str, pid: int) -> None:
    async with App(url, mode="client") as client, asyncio.timeout(60):
        while pid not in {worker.pid for worker in await client.workers()}:
            await asyncio.sleep(0.01)


def test_a_worker_that_crashed_is_begun_again_without_a_change(tmp_path: Path, url: str) -> None:
    file = tmp_path / "proj" / "crashing_app.py"
    file.parent.mkdir()
    file.write_text(APP.format(folder=str(tmp_path), url=url))
    (tmp_path / "crash").touch()

    async def main() -> int:
        service = Service(reference=str(file), grace=0.5, level="error")
        running = asyncio.create_task(Reloading(service, (file.parent,)).run())
        await until(tmp_path, 2)
        os.kill(os.getpid(), signal.SIGTERM)
        return await running

    assert asyncio.run(main()) == 0
    assert not (tmp_path / "crash").exists()


def test_code_that_cannot_be_loaded_replaces_nothing(
    tmp_path: Path, url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloading, "GRACE", 60.0)
    file = tmp_path / "proj" / "mended_app.py"
    file.parent.mkdir()
    good = APP.format(folder=str(tmp_path), url=url)
    file.write_text(good)

    async def main() -> int:
        kept = Reloading(Service(reference=str(file), grace=0.5, level="error"), (file.parent,))
        running = asyncio.create_task(kept.run())
        await until(tmp_path, 1)
        serving = kept._child
        assert serving is not None
        await working(url, serving.pid)  # who is stopped before that has not come to listen for the signal
        file.write_text(good + "\noh no(")
        kept._changed.set()
        async with asyncio.timeout(60):
            while "what ran before goes on" not in caplog.text:
                await asyncio.sleep(0.01)
        assert kept._child is serving
        assert serving.returncode is None
        file.write_text(good)
        kept._changed.set()
        await until(tmp_path, 3)  # the first one, the one that tries, and the new one
        assert await serving.wait() == 0
        os.kill(os.getpid(), signal.SIGTERM)
        return await running

    with caplog.at_level(logging.ERROR, "stepwell"):
        assert asyncio.run(main()) == 0
