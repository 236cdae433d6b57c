from typing import Any

import pytest

from stepwell.cli import demo_stage
from stepwell.cli.calls import view_of
from stepwell.cli.demo_stage import Stage
from stepwell.cli.snapshot import Snapshot
from stepwell.client.check import OpenCall
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus


def seen(worker: str | None) -> Snapshot:
    row = RunRow(key=b"k" * 16, id="r1", workflow="flow", status=RunStatus.RUNNING, worker=worker, created_at=1.0)
    entries = [{"k": "started", "at": 1.0}, {"k": "step", "at": 2.0, "call": "one", "began": 2.0}]
    view = view_of(row, entries, open_calls=[OpenCall("step", "two")])
    return Snapshot(row=row, entries=[], view=view, generation=1, now=3.0)


def play(stage: Stage) -> None:
    with stage.open():
        stage.say("it ", ("begins", "bold"))
        stage.show(seen("w1"))
        stage.lost = "w1"
        stage.show(seen("w1"))
        stage.show(seen("w2"))


def test_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    play(Stage())
    said = [" ".join(line.split()[2:]) for line in capsys.readouterr().out.splitlines()]
    assert said == [
        "it begins",
        "r1 running",
        "✓ one 0 ms",
        "▶ two",
        "? two its worker was killed",
        "worker B has the run; from the journal it has the results of one",
        "▶ two",
    ]


def test_a_live_tree(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_stage, "fancy", lambda *_: True)
    stage: Any = Stage()
    play(stage)
    assert stage._live is None
    out = capsys.readouterr().out
    assert "it begins" in out
    assert "▶ two" in out
