import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from stepwell.store.sqlite.depot import SqliteDepot

Invoke = Callable[..., Result]


@pytest.fixture
def full(url: str, stepwell: Invoke) -> str:
    """A database with some runs, no worker."""
    assert stepwell("db", "init", "-u", url).exit_code == 0
    for n in range(3):
        assert stepwell("start", "hello", json.dumps({"name": f"n{n}"}), "--id", f"r{n}", "-u", url).exit_code == 0
    return url


def test_there_and_never_back(stepwell: Invoke, full: str, tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path / 'new.db'}"
    moved = stepwell("move", full, target)
    assert moved.exit_code == 0, moved.output
    assert "namespace default: 3 runs" in moved.stdout
    assert "compared by checksum" in moved.stdout
    assert "default: checking runs 3 of 3" in moved.stderr
    assert len(json.loads(stepwell("runs", "list", "--json", "-u", target).stdout)["runs"]) == 3
    refused = stepwell("runs", "list", "-u", full)
    assert refused.exit_code == 5
    assert "error[store_moved]" in refused.stderr
    assert "had been moved" in stepwell("move", full, target).stdout
    assert stepwell("move", "--abort", full, "-n", "default").exit_code == 4
    assert "no move to take back" in stepwell("move", "--abort", full).stdout


def test_as_data(stepwell: Invoke, full: str, tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path / 'new.db'}"
    (moved,) = json.loads(stepwell("move", full, target, "--json").stdout)
    assert moved["namespace"] == "default"
    assert moved["rows"]["runs"] == 3
    assert json.loads(stepwell("move", "--abort", full, "--json").stdout) == []


def test_wrong_usage(stepwell: Invoke, full: str) -> None:
    assert stepwell("move", full).exit_code == 2
    assert stepwell("move", "--abort", full, full).exit_code == 2
    same = stepwell("move", full, full)
    assert same.exit_code == 2
    assert "the same" in same.stderr
    assert stepwell("move", full, "memory://").exit_code == 2
    assert stepwell("move", full, full.replace("test.db", "b.db"), "-n", "nobody").exit_code == 3
    missing = stepwell("move", full.replace("test.db", "a.db"), full)
    assert missing.exit_code == 5
    assert "schema_missing" in missing.stderr


def test_killed_in_the_middle_and_called_again(stepwell: Invoke, full: str, tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path / 'new.db'}"
    code = (
        "import os, signal, sys\n"
        "from stepwell.store.sqlite.depot import SqliteDepot\n"
        "plain = SqliteDepot.write\n"
        "async def write(self, namespace, table, rows, guard):\n"
        "    await plain(self, namespace, table, rows, guard)\n"
        "    if table.name == 'journal':\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "SqliteDepot.write = write\n"
        "from stepwell.cli.main import main\n"
        "main()\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, "-c", code, "move", full, target], env=environment, check=False,
                            capture_output=True, timeout=100)  # fmt: skip
    assert killed.returncode == -signal.SIGKILL, killed
    for url, said in ((full, "being moved"), (target, "still arriving")):
        refused = stepwell("runs", "list", "-u", url)
        assert refused.exit_code == 5
        assert said in refused.stderr
    again = stepwell("move", full, target)
    assert again.exit_code == 0, again.output
    assert len(json.loads(stepwell("runs", "list", "--json", "-u", target).stdout)["runs"]) == 3


@pytest.mark.parametrize("table", ["runs", "journal"])
def test_ctrl_c_ends_it_after_a_part_and_says_what_to_do(
    stepwell: Invoke, full: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    target = f"sqlite:///{tmp_path / 'new.db'}"
    plain = SqliteDepot.write

    async def write(self: SqliteDepot, namespace: str, what: Any, rows: Any, guard: Any) -> None:
        await plain(self, namespace, what, rows, guard)
        if what.name == table:
            signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patched:
        patched.setattr(SqliteDepot, "write", write)
        stopped = stepwell("move", full, target)
    assert stopped.exit_code == 130
    assert "the move has not ended, nothing is lost" in stopped.stderr
    assert f"stepwell move --abort {full}" in stopped.stderr
    assert "moved" not in stopped.stdout
    assert signal.getsignal(signal.SIGINT) is before
    assert "namespace default: 3 runs" in stepwell("move", full, target).stdout


def test_ctrl_c_when_all_has_arrived_does_not_hide_that_it_has(
    stepwell: Invoke, full: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = SqliteDepot.settle

    async def settle(self: SqliteDepot, namespace: str, note: str) -> None:
        signal.raise_signal(signal.SIGINT)
        await plain(self, namespace, note)

    monkeypatch.setattr(SqliteDepot, "settle", settle)
    moved = stepwell("move", full, f"sqlite:///{tmp_path / 'new.db'}")
    assert moved.exit_code == 0, moved.output
    assert "namespace default: 3 runs" in moved.stdout


def test_the_second_ctrl_c_ends_at_once(stepwell: Invoke, full: str, tmp_path: Path,
                                        monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    async def settle(self: SqliteDepot, namespace: str, note: str) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        raise AssertionError("not reached")

    monkeypatch.setattr(SqliteDepot, "settle", settle)
    ended = stepwell("move", full, f"sqlite:///{tmp_path / 'new.db'}")
    assert ended.exit_code == 130
    assert "moved" not in ended.stdout
