"""`stepwell server`, as a process."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from tests.cli.conftest import SHOP, Invoke


def begun(tmp_path: Path, *args: str) -> tuple[subprocess.Popen[str], str]:
    command = [
        sys.executable,
        "-m",
        "stepwell",
        "server",
        *args,
        "--port",
        "0",
        "--url",
        f"sqlite:///{tmp_path / 's.db'}",
    ]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if (found := re.search(r"http://\S+", line)) is not None:
            return process, found[0]
    process.stderr.close()
    raise AssertionError(process.wait())


def test_it_serves_until_it_is_stopped(tmp_path: Path) -> None:
    process, url = begun(tmp_path, str(SHOP))
    try:
        assert httpx.get(f"{url}/ready", timeout=60).json() == {"status": "ok"}
        names = [one["name"] for one in httpx.get(f"{url}/api/v1/workflows", timeout=60).json()["workflows"]]
        assert names
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        process.stderr.close()  # type: ignore[union-attr]


def test_beyond_this_machine_it_wants_a_key(stepwell: Invoke, tmp_path: Path) -> None:
    told = stepwell("server", "--host", "0.0.0.0", "--port", "0", "--url", f"sqlite:///{tmp_path / 's.db'}")
    assert told.exit_code == 2
    assert "stepwell keys create" in told.output


def test_a_port_that_cannot_be_had(stepwell: Invoke, tmp_path: Path) -> None:
    told = stepwell("server", "--host", "203.0.113.7", "--port", "0", "--url", f"sqlite:///{tmp_path / 's.db'}")
    assert told.exit_code == 2


def test_a_database_that_nobody_else_sees_is_not_served(stepwell: Invoke) -> None:
    told = stepwell("server", "--port", "0", "--url", "memory://")
    assert told.exit_code == 2
    assert "memory:// belongs to one process alone" in told.stderr
