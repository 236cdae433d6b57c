"""What comes to a run from outside, in the order in which it happens."""

import pytest

pytestmark = pytest.mark.anyio
