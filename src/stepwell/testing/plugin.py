"""The pytest plugin: an environment per test, and coroutine tests without another plugin.

It is loaded with every pytest run where Stepwell is installed, so it imports nothing of it before a fixture asks.
"""

import asyncio
import inspect
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from stepwell.testing.environment import Environment

MARKER = "stepwell: run a coroutine test function on asyncio, where no other plugin (anyio, pytest-asyncio) does"


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", MARKER)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test marked `stepwell` that is a coroutine function; leave every other to whoever runs it."""
    if pyfuncitem.get_closest_marker("stepwell") is None or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    wanted = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: value for name, value in pyfuncitem.funcargs.items() if name in wanted}))
    return True


@pytest.fixture
def stepwell_env() -> "type[Environment]":
    """Makes environments: `async with stepwell_env(app) as env:`; see `stepwell.testing.environment.Environment`."""
    from stepwell.testing.environment import Environment  # noqa: PLC0415 - nothing heavy before it is used

    return Environment
