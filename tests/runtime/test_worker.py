"""A worker: taking on runs, giving them back, dying."""

import pytest

pytestmark = pytest.mark.anyio
