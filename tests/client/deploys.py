"""Apps whose code is text, so that a test can deploy another version of it."""

import importlib.util
from itertools import count
from pathlib import Path

import msgspec

from stepwell import App
from stepwell.adapters.ids import new_key
from stepwell.client.engine import OpenEngine
from stepwell.core.starting import new_run
from stepwell.model.change import Change
from stepwell.model.options import StartOptions
from stepwell.model.run import RunRow

_numbers = count(1)
_done: dict[App, list[str]] = {}

FLOW = """
import asyncio
from stepwell import App, run_info, step_info

app = App("memory://")
go = app.event("go", dict)
done = []

@app.step
async def one(x: int) -> int:
    done.append("one")
    return x + 1

@app.step
async def two(x: int) -> int:
    done.append("two")
    return 2 * x

@app.step
async def hang() -> None:
    await asyncio.Event().wait()

@app.workflow{options}
async def flow(x: int) -> int:
{body}
"""
OLD = """
    y = await one(x)
    await go.wait(key="k", timeout="1h")
    return y
"""
FITS = """
    y = await one(x)
    await go.wait(key="k", timeout="1h")
    return await two(y)
"""
MISFIT = """
    y = await two(x)
    await go.wait(key="k", timeout="1h")
    return y
"""
HANGS = """
    y = await hang()
"""
FAILS = """
    raise ValueError("not yet")
"""


def deploy(folder: Path, body: str, options: str = "") -> App:
    """The app with this body of its workflow, from a file of its own."""
    path = folder / f"deployed_{next(_numbers)}.py"
    path.write_text(FLOW.format(body=body.strip("\n"), options=f"({options})" if options else ""), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    app: App = module.app
    _done[app] = module.done
    return app


def done(app: App) -> list[str]:
    """The steps that this version has executed."""
    return _done[app]


def code(app: App, name: str = "flow") -> str:
    """The fingerprint of its workflow."""
    definition = app.registry.workflow(name)
    assert definition is not None
    return definition.code


async def pinned_to(engine: OpenEngine, workflow: str, code: str) -> RunRow:
    """A run, not due for an hour, that may go on with this code alone."""
    key = new_key()
    new = new_run(workflow, b"{}", StartOptions(delay=3600.0), None, key=key, now=engine.clock.now())
    new = msgspec.structs.replace(new, row=msgspec.structs.replace(new.row, pin=code))
    (reply,) = await engine.store.commit([Change(run=key, create=new)])
    assert reply.ok
    return new.row
