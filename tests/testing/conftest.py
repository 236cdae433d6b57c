"""Tests of the testing package are coroutines; anyio's pytest plugin runs them on asyncio."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
