"""Tests of the runtime are coroutines; anyio's pytest plugin runs them on asyncio."""

import pytest

from tests.runtime.shop import Shop


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def shop() -> Shop:
    return Shop()
