"""The demo before a person: a real terminal (a pty), the dashboard behind it over real HTTP, Ctrl-C at the end."""

import os
import re
import select
import signal
import subprocess
import sys
import webbrowser
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from stepwell.cli.demo_dashboard import _open, attended, point
from tests.cli.test_demo import PACE

LIMIT = 60
get = partial(httpx.get, timeout=LIMIT)


class Terminal:
    """A program with a pty as its terminal; what it shows is read as it comes."""

    def __init__(self, *arguments: str, env: dict[str, str]) -> None:
        import pty

        self._master, slave = pty.openpty()
        self._data = b""
        command = [sys.executable, "-m", "stepwell", *arguments]
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=env
        )
        os.close(slave)

    @property
    def shown(self) -> str:
        """What it has shown, without colours; of it all, since a character may come in two parts."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._data.decode(errors="replace"))

    def until(self, pattern: str) -> re.Match[str]:
        """Read on to the text; it must come before the program ends."""
        while not (found := re.search(pattern, self.shown)):
            assert self._read(), f"{pattern!r} was never shown:\n{self.shown}"
        return found

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], LIMIT)
        try:
            data = os.read(self._master, 65536) if ready else b""
        except OSError:  # Linux: the other side is closed
            data = b""
        self._data += data
        return bool(data)

    def end(self, number: int) -> int:
        """Send a signal; the exit code."""
        self.process.send_signal(number)
        while self._read():
            pass
        os.close(self._master)
        return self.process.wait(60)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no ptys")
def test_in_a_terminal_it_ends_with_the_dashboard(tmp_path: Path) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path), "TERM": "xterm", "COLUMNS": "160", "DISPLAY": "", "BROWSER": "false"}
    env.pop("CI", None)
    demo = Terminal("demo", "--pace", PACE, "--open", env=env)
    try:
        url = demo.until(r"The dashboard is at (http://127\.0\.0\.1:\d+)/\r")[1]
        demo.until(r"Ctrl-C ends it")
        assert demo.shown.count("✓ ") >= 5
        assert "did not hold" not in demo.shown
        assert f"{url}/runs/order-1001" in demo.shown
        assert f"{url}/start/place_order" in demo.shown
        assert "<!doctype html>" in get(f"{url}/runs/order-1001", headers={"accept": "text/html"}).text
        survived = get(f"{url}/api/v1/runs/order-1001").json()
        assert (survived["status"], survived["result"]) == (
            "succeeded",
            "parcel from shelf 7, teapot, courier at 17:00",
        )
        assert get(f"{url}/api/v1/runs/order-1002").json()["workflow"] == "place_order"
        assert get(f"{url}/api/v1/workflows/place_order").json()["input_schema"]["properties"]["order"]
    finally:
        code = demo.end(signal.SIGINT)
    assert code == 0, demo.shown
    assert "Traceback" not in demo.shown
    assert list(tmp_path.glob("stepwell-demo-*")) == [], "nothing is left behind"


def test_nobody_looks_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    for stream in ("stdin", "stdout"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True, raising=False)
    assert attended()
    monkeypatch.setenv("CI", "true")
    assert not attended()
    monkeypatch.delenv("CI")
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert not attended()


def test_it_points_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    point(tmp_path)
    (said,) = capsys.readouterr().out.split("\n")[1:-1]
    assert said.endswith(f"stepwell server stepwell.cli.demo_app:app --url sqlite:///{tmp_path / 'demo.db'}")


def test_the_browser_gets_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    _open("http://127.0.0.1:8765/runs/order-1002")
    assert opened == ["http://127.0.0.1:8765/runs/order-1002"]
