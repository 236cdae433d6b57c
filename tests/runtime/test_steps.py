"""The step calls of a run: attempts, retries, intents, outcomes."""

import pytest

pytestmark = pytest.mark.anyio
