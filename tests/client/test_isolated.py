import asyncio
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from stepwell import App, RunStatus
from stepwell.client.discover import load
from stepwell.client.isolated import ALONE, Isolation
from stepwell.model.change import ClaimRequest
from stepwell.model.run import RunRow, WorkerRow

SOURCE = """
import os, signal
from pathlib import Path
from stepwell import App, sleep
app = App("memory://", lease=0.6, poll_interval=0.05, grace=1.0)

@app.step
def act(folder: str, kill: bool) -> str:
    with Path(folder, "bodies").open("a") as file:
        file.write(str(os.getpid()) + "\\n")
    if kill:
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"

@app.workflow
async def flow(folder: str, kill: bool) -> str:
    said = await act(folder, kill)
    await sleep("1h")
    return said
"""


@pytest.fixture
def made(tmp_path: Path) -> tuple[str, App]:
    file = tmp_path / "poison_app.py"
    file.write_text(SOURCE)
    loaded = load(str(file))
    return str(file), App(f"sqlite:///{tmp_path}/alone.db", mode="client", like=loaded)


async def twice_dead(app: App, kill: bool, folder: Path) -> RunRow:
    """A run that two workers took, and died with."""
    run = await app.start("flow", {"folder": str(folder), "kill": kill})
    store = app._engine().store
    heart = await store.heart()
    for n in range(2):
        now = app.parts.clock.now()
        heart.beat(WorkerRow(id=f"w{n}", expires_at=now + 30))
        request = ClaimRequest(worker=f"w{n}", workflows=("flow",), now=now, only=run.key)
        assert await store.claim(request, {})
        heart.beat(WorkerRow(id=f"w{n}", expires_at=now - 1))
        heart.beat(WorkerRow(id=f"other{n}", expires_at=now + 30))
        await store.claim(ClaimRequest(worker=f"other{n}", workflows=("none",), now=now), {})
    heart.close()
    row = await app.runs.row(run.id)
    assert (row.status, row.deaths) == (RunStatus.QUEUED, 2)
    return row


async def until(app: App, run: str, status: RunStatus) -> RunRow:
    async with asyncio.timeout(50):
        while (row := await app.runs.row(run)).status is not status:
            await asyncio.sleep(0.05)
    return row


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR and r.name == "stepwell.worker"]


def test_a_cured_run_is_executed_alone_until_it_waits(
    made: tuple[str, App], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reference, app = made
    caplog.set_level(logging.INFO, "stepwell")

    async def main() -> None:
        async with app:
            row = await twice_dead(app, False, tmp_path)
            isolation = Isolation(app, reference, every=0.05)
            isolation.start()
            await until(app, row.id, RunStatus.WAITING)
            async with asyncio.timeout(50):
                while "was executed alone" not in caplog.text:
                    await asyncio.sleep(0.02)
            await isolation.stop()
            alive = {worker.pid for worker in await app._engine().store.workers()} - {0}
            assert not alive, "the child has signed off"

    asyncio.run(main())
    (pid,) = (tmp_path / "bodies").read_text().split()
    assert int(pid) != os.getpid()


def test_a_poison_run_kills_only_its_own_process_and_is_parked(
    made: tuple[str, App], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reference, app = made

    async def main() -> RunRow:
        async with app:
            row = await twice_dead(app, True, tmp_path)
            isolation = Isolation(app, reference, every=0.05)
            isolation.start()
            async with asyncio.timeout(50):
                while "ended with signal SIGKILL" not in caplog.text:
                    await asyncio.sleep(0.02)
            async with app.worker():  # any worker's claim finds the lease that ran out
                parked = await until(app, row.id, RunStatus.PARKED)
            await isolation.stop()
            return parked

    row = asyncio.run(main())
    assert row.deaths == 3
    assert row.reason is not None
    assert "quarantine" in row.reason
    assert len((tmp_path / "bodies").read_text().split()) == 1
    assert "2 times: it is executed alone" in caplog.text


def test_stopping_with_nothing_to_do(made: tuple[str, App], tmp_path: Path) -> None:
    reference, app = made

    async def main() -> None:
        async with app:
            isolation = Isolation(app, reference, every=0.05)
            isolation.start()
            await asyncio.sleep(0)
            await isolation.stop()
            never = Isolation(app, reference)
            await never.stop()

    asyncio.run(main())


@pytest.mark.parametrize("reference", [None, "gone.py"])
def test_what_cannot_be_loaded_elsewhere_is_said_and_not_tried_all_the_time(
    made: tuple[str, App], tmp_path: Path, caplog: pytest.LogCaptureFixture, reference: str | None
) -> None:
    _, app = made

    async def main() -> None:
        async with app:
            await twice_dead(app, False, tmp_path)
            isolation = Isolation(app, reference, every=60.0)  # the next try is not before two minutes
            isolation.start()
            async with asyncio.timeout(50):
                while not errors(caplog):
                    await asyncio.sleep(0.02)
            await isolation.stop()

    asyncio.run(main())
    (said,) = errors(caplog)
    assert ("no other process can load this app" if reference is None else "exit code 2") in said


def test_what_nobody_can_load_is_parked_in_the_end(made: tuple[str, App], tmp_path: Path) -> None:
    _, app = made

    async def main() -> RunRow:
        async with app:
            row = await twice_dead(app, False, tmp_path)
            isolation = Isolation(app, None, every=0.005)
            isolation.start()
            parked = await until(app, row.id, RunStatus.PARKED)
            await isolation.stop()
            return parked

    assert "no other process can load this app" in (asyncio.run(main()).reason or "")


def test_where_there_are_none_it_looks_less_and_less_often(
    made: tuple[str, App], monkeypatch: pytest.MonkeyPatch
) -> None:
    reference, app = made
    pauses: list[float] = []

    async def main() -> None:
        async with app:
            isolation = Isolation(app, reference, every=0.01)
            real = asyncio.sleep

            async def sleep(seconds: float) -> None:
                pauses.append(seconds)
                await real(seconds)

            monkeypatch.setattr(asyncio, "sleep", sleep)
            isolation.start()
            while pauses.count(0.04) < 2:
                await real(0.005)
            await isolation.stop()

    asyncio.run(main())
    ours = [pause for pause in pauses if pause in (0.01, 0.02, 0.04)]
    assert ours[:4] == [0.01, 0.02, 0.04, 0.04]


def test_in_a_process_that_is_alone_nothing_begins(made: tuple[str, App], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALONE, "1")

    async def main() -> Any:
        isolation = Isolation(made[1], made[0])
        isolation.start()
        return isolation._task

    assert asyncio.run(main()) is None
