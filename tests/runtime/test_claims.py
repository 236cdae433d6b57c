"""Claiming: how often, how many, and when."""

import pytest

pytestmark = pytest.mark.anyio
