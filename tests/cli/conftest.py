"""A database with runs in every state, and the command line called as a user calls it."""

import asyncio
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from stepwell import App
from stepwell.cli.main import cli

SHOP = Path(__file__).parent / "shop.py"
Invoke = Callable[..., Result]


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the developer's own environment reaches the tests."""
    for name in [*os.environ]:
        if name.startswith("STEPWELL_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def shop() -> Any:
    """The module of the app."""
    spec = importlib.util.spec_from_file_location("shop", SHOP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["shop"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'test.db'}"


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory, shop: Any) -> str:
    """A database to read from: runs named good, bad, asks (for an event) and later (in an hour)."""
    url = f"sqlite:///{tmp_path_factory.mktemp('filled') / 'runs.db'}"
    asyncio.run(fill(url, shop))
    return url


async def fill(url: str, shop: Any) -> None:
    async with App(url, like=shop.app):
        await (await shop.hello.options(id="good", tags={"team": "a", "n": 1}).start("ann")).result(60)
        bad = await shop.refuse.options(id="bad").start("ben")
        with pytest.raises(Exception, match="not today"):
            await bad.result(60)
        asks = await shop.approval.options(id="asks", tags={"team": "b"}).start("cid")
        await shop.hello.options(id="later", delay=3600).start("dora")
        while (await asks.status()).state != "waiting":
            await asyncio.sleep(0.02)


@pytest.fixture
def stepwell() -> Invoke:
    """Call the command line in this process."""

    def invoke(*arguments: object, input: str | None = None, **options: Any) -> Result:
        return CliRunner().invoke(cli, [str(a) for a in arguments], input=input, prog_name="stepwell", **options)

    return invoke


class Program:
    """`python -m stepwell …` as a process of its own; what it says is read line by line."""

    def __init__(self, *arguments: object, env: dict[str, str] | None = None) -> None:
        self.said: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stepwell", *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
            env={**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", **(env or {})},
        )  # fmt: skip

    def until(self, text: str) -> str:
        """Read on to the line that has the text; it must come before the program ends."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if text in line:
                return line
        raise AssertionError(f"{text!r} was never said:\n" + "".join(self.said))

    def end(self, number: int | None = None) -> int:
        """Send a signal, if any; read the rest; the exit code."""
        if number is not None:
            self.process.send_signal(number)
        assert self.process.stdout is not None
        self.said += list(self.process.stdout)
        return self.process.wait(60)


@pytest.fixture
def program() -> Iterator[type[Program]]:
    """Start programs that end with the test."""
    started: list[Program] = []

    class Started(Program):
        def __init__(self, *arguments: object, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    yield Started
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()
