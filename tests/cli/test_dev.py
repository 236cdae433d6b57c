import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result

from stepwell.cli.dev import folder_of
from stepwell.client.discover import parse

Invoke = Callable[..., Result]
SOURCE = """
import asyncio
from pathlib import Path
from stepwell import App
app = App(lease=30, poll_interval=0.05)
go = app.event("go", dict)

@app.step
async def first(folder: str) -> str:
    with Path(folder, "first").open("a") as file:
        file.write("x")
    return "one"

@app.step
async def second() -> str:
    return "old"

@app.workflow
async def flow(folder: str) -> str:
    said = await first(folder)
    await go.wait(key="k")
    return said + " " + await second()
"""


def listening(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def test_reload(stepwell: Invoke, program: Any, url: str, tmp_path: Path) -> None:
    file = tmp_path / "proj" / "dev_app.py"
    file.parent.mkdir()
    file.write_text(SOURCE)
    dev = program("dev", file, "-u", url)
    dev.until("stepwell dev")
    port = int(dev.until("  dashboard  ").rpartition(":")[2])
    assert "stepwell start flow" in dev.until("start one")
    dev.until("worker ready")
    stepwell("start", "flow", json.dumps({"folder": str(tmp_path)}), "--id", "f1", "-u", url)
    assert "run_id=f1" in dev.until("step first succeeded")

    file.write_text(SOURCE.replace('"old"', '"new"'))
    dev.until("dev_app.py changed")
    dev.until("reloaded: 1 workflow, 2 steps")
    file.write_text(SOURCE + "\noh no(")
    dev.until("SyntaxError")
    dev.until("what ran before goes on")
    assert listening(port), "the dashboard is still there"
    file.write_text(SOURCE.replace('"old"', '"new"'))
    dev.until("reloaded: 1 workflow, 2 steps")
    dev.until("worker ready")

    stepwell("events", "send", "go", "{}", "--key", "k", "-u", url)
    dev.until("run succeeded")
    result = json.loads(stepwell("runs", "show", "f1", "-u", url, "--json").stdout)["result"]
    assert result == "one new", "the run has survived, and goes on with the new code"
    assert (tmp_path / "first").read_text() == "x", "what was recorded did not run again"
    assert dev.end(signal.SIGINT) == 0


def test_what_is_watched(tmp_path: Path) -> None:
    package = tmp_path / "proj" / "shop" / "inner"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    (package / "flows.py").touch()
    (tmp_path / "proj" / "app.py").touch()
    assert folder_of(parse(str(package / "flows.py"))) == tmp_path / "proj"
    assert folder_of(parse(str(tmp_path / "proj" / "app.py"))) == tmp_path / "proj"
    assert folder_of(parse("some.module:app")) == Path.cwd()


def test_usage(stepwell: Invoke, tmp_path: Path) -> None:
    assert stepwell("dev").exit_code == 2
    assert "error[app_not_found]" in stepwell("dev", tmp_path / "none.py").stderr
