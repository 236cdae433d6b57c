"""Steps called inside steps."""

import pytest

pytestmark = pytest.mark.anyio
