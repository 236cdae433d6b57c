"""A short torture run on every test run; `make torture` is the long one."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_workers_killed_at_random_lose_nothing() -> None:
    """P1 to P6 from outside: kill -9 and pauses beyond the lease, on one SQLite file."""
    command = [sys.executable, "-m", "tests.torture.run", "--seconds", "8", "--workers", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing lost, nothing twice" in done.stdout
