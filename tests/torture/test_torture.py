"""A short torture run on every test run; `make torture` is the long one."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_workers_killed_at_random_lose_nothing(kind: str) -> None:
    """P1 to P8 from outside: kill -9, pauses beyond the lease, and on PostgreSQL the death of the server, too."""
    command = [sys.executable, "-m", "tests.torture.run", "--on", kind, "--seconds", "8", "--workers", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing lost, nothing twice" in done.stdout
