"""Where Chromium is; where there is none, it is installed: Debian's package by root, else Playwright's own build."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest

GIVEN = "STEPWELL_TEST_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 600
LOCK = Path(tempfile.gettempdir()) / "stepwell-tests-chromium.lock"


@cache
def chromium() -> str | None:
    """The program, or None for the one that Playwright has installed for itself.

    Fails where there is none and none can be had.
    """
    provided, program = provide()
    if provided:
        return program
    pytest.fail(f"no Chromium: install one, or name it in {GIVEN}")


def provide() -> tuple[bool, str | None]:
    """Whether there is one now, and which; one process at a time looks and installs."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = os.environ.get(GIVEN) or _found()
        if found is None and shutil.which("apt-get"):
            _install_package()
            found = _found()
        playwright = [sys.executable, "-m", "playwright", "install", "chromium"]
        return found is not None or _playwright_has_one() or _done(playwright), found


def _found() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def _install_package() -> None:
    command = ["apt-get", "install", "--yes", "--no-install-recommends", "chromium", "fonts-liberation"]
    if os.geteuid() != 0:
        if not shutil.which("sudo"):
            return
        command = ["sudo", "--non-interactive", *command]
    if not _done(command):
        _done([*command[: command.index("install")], "update"])
        _done(command)


def _playwright_has_one() -> bool:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        return Path(playwright.chromium.executable_path).exists()


def _done(command: list[str]) -> bool:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(command, capture_output=True, env=environment, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(0 if provide()[0] else f"no Chromium could be installed: the tests of the dashboard need one ({GIVEN})")
