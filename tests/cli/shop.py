"""An app for the tests of the command line: every way in which a run can stand."""

import asyncio
import os
import signal
from pathlib import Path

from stepwell import App, NonRetryableError, progress

LEASE = "SHOP_LEASE"
"""Where the environment has another lease, in seconds: by itself no process stands still for as long as this one."""
app = App("sqlite:///shop.db", lease=float(os.environ.get(LEASE, "30")), poll_interval=0.1, grace=30.0)
approved = app.event("approved", dict)


@app.step
async def greet(name: str) -> str:
    return f"hello {name}"


@app.step(retries=1, delay=0.01)
async def decline(name: str) -> str:
    if name == "never":
        raise NonRetryableError(f"no \x1b[31mred\x1b[0m {name}")
    raise ValueError(f"not today, {name}")


@app.step
async def linger(seconds: float, folder: str) -> str:
    """Says on disk that it runs, so that nobody has to guess."""
    Path(folder, "began").touch()
    await asyncio.sleep(seconds)
    Path(folder, "ended").touch()
    return "done"


@app.step
def die(folder: str) -> str:
    """Kills its process, as long as it is told to."""
    with Path(folder, "deaths").open("a") as file:
        file.write(f"{os.getpid()}\n")
    if not Path(folder, "cured").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


@app.workflow
async def hello(name: str) -> str:
    progress(0.5, "greeting")
    return await greet(name)


@app.workflow
async def refuse(name: str) -> str:
    return await decline(name)


@app.workflow
async def approval(name: str) -> str:
    said = await greet(name)
    answer = await approved.wait(key=name, timeout="1h")
    async with asyncio.TaskGroup() as together:
        together.create_task(greet("a"))
        together.create_task(greet("b"))
    return f"{said}: {answer}"


@app.workflow
async def slow(seconds: float, folder: str) -> str:
    return await linger(seconds, folder)


@app.workflow
async def poison(folder: str) -> str:
    return await die(folder)


@app.workflow(on=approved)
async def note(answer: dict[str, str]) -> str:
    return await greet(answer.get("by", "nobody"))
