"""A database with runs in every state, and the command line called as a user calls it."""

import asyncio
import importlib.util
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
    import os

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
def filled(tmp_path_factory: pytest.TempPathFactory, shop: Any) -> Iterator[str]:
    """A database to read from: runs named good, bad, asks (for an event) and later (in an hour)."""
    url = f"sqlite:///{tmp_path_factory.mktemp('filled') / 'runs.db'}"
    asyncio.run(fill(url, shop))
    yield url


async def fill(url: str, shop: Any) -> None:
    async with App(url, like=shop.app):
        await (await shop.hello.options(id="good", tags={"team": "a", "n": 1}).start("ann")).result(10)
        bad = await shop.refuse.options(id="bad").start("ben")
        with pytest.raises(Exception, match="not today"):
            await bad.result(10)
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
