"""One loaded run: pause, resume, cancel, deadline, run-level retry, new generations, bounds, what parks it."""

import pytest

pytestmark = pytest.mark.anyio
