"""The pytest plugin, as a user's test run sees it."""

import os
import subprocess
import sys
from pathlib import Path

SUITE = """
import pytest
from stepwell import App, sleep

app = App("memory://")

@app.workflow
async def nap() -> str:
    await sleep("1 day")
    return "rested"

@pytest.mark.stepwell
async def test_rest(stepwell_env):
    async with stepwell_env(app) as env:
        run = await nap.start()
        assert await run.result() == "rested"

def test_plain(stepwell_env):
    assert stepwell_env.__name__ == "Environment"
"""


def test_marker_and_fixture_work_without_another_plugin(tmp_path: Path) -> None:
    (tmp_path / "test_user.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "stepwell.testing.plugin", "-p", "no:cacheprovider",
               str(tmp_path)]  # fmt: skip
    env = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # neither anyio, nor this one by its entry point
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=tmp_path, env=env)
    assert "2 passed" in done.stdout, done.stdout + done.stderr


def test_loading_it_imports_nothing_heavy() -> None:
    code = "import sys, stepwell.testing.plugin; print([m for m in sys.modules if m.startswith('stepwell.client')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.strip() == "[]"
