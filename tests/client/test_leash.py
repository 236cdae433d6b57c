import asyncio
import os
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from stepwell.client.leash import manner_of, spawn


class Note(msgspec.Struct):
    secret: str
    file: str


CHILD = """
import os, sys, time
from stepwell.client.leash import orders
from test_orders import Note
note = orders(Note)
with open(note.file, "w") as file:
    file.write(f"{note.secret} {sys.argv[1:]} {sys.stdin.read()!r} {os.getpgid(0) != os.getpgid(os.getppid())}")
os.replace(note.file, note.file + ".done")
time.sleep(600)
"""
NOTE = "import msgspec\nclass Note(msgspec.Struct):\n    secret: str\n    file: str\n"


def test_orders_arrive_and_the_end_of_the_parent_is_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "leashed_child.py").write_text(CHILD)
    (tmp_path / "test_orders.py").write_text(NOTE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))
    done = tmp_path / "said.done"

    async def main() -> int:
        child = await spawn("leashed_child", Note("hush", str(tmp_path / "said")), "title")
        while not done.exists():
            await asyncio.sleep(0.01)
        line = Path(f"/proc/{child.pid}/cmdline")
        if line.exists():
            assert b"hush" not in line.read_bytes(), "orders are not on the command line"
        assert child.stdin is not None
        child.stdin.close()  # as the system does when the parent dies
        return await asyncio.wait_for(child.wait(), 60)

    assert asyncio.run(main()) == -signal.SIGTERM
    assert done.read_text() == "hush ['title'] '' True"


def test_a_child_that_dies_at_once_is_no_error() -> None:
    async def main() -> int:
        child = await spawn("there_is_no_such_module", Note("x" * 1_000_000, ""), env={"PYTHONWARNINGS": "ignore"})
        return await child.wait()

    assert asyncio.run(main()) == 1


@pytest.mark.parametrize(
    ("code", "manner"), [(0, "exit code 0"), (2, "exit code 2"), (-9, "signal SIGKILL"), (-250, "signal 250")]
)
def test_manner(code: int, manner: str) -> None:
    assert manner_of(code) == manner
