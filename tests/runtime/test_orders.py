"""What bodies ask for: waits, children, and taking them back."""

import pytest

pytestmark = pytest.mark.anyio
