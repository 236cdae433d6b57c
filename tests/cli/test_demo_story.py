import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from stepwell.cli.demo_story import RESULT, VICTIM, Outcome, Witness, _claims, _conclude
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus

STEPS = ("first", VICTIM, "last")


def outcome(**fields: Any) -> Outcome:
    row = RunRow(key=b"k" * 16, id="r", workflow="w", status=RunStatus.SUCCEEDED)
    good = {"committed": {"first"}, "interrupted": {VICTIM}, "killed_by": signal.SIGKILL, "row": row, "result": RESULT,
            "recorded": Counter(STEPS)}  # fmt: skip
    return Outcome(**{**good, **fields})


def test_the_witness(tmp_path: Path) -> None:
    witness = Witness(tmp_path / "log")
    assert witness.running() == set()
    notes = [("a", "began"), ("a", "ended"), ("b", "began"), ("b", "began"), ("b", "ended")]
    (tmp_path / "log").write_text("".join(json.dumps({"step": s, "what": w}) + "\n" for s, w in notes))
    assert witness.count("began") == {"a": 1, "b": 2}
    assert witness.running() == {"b"}


@pytest.mark.parametrize(
    ("began", "ended", "fields", "broken"),
    [
        ({}, {}, {}, []),
        ({"first": 2}, {"first": 2}, {}, [1, 3]),
        ({VICTIM: 1}, {}, {}, [2]),
        ({VICTIM: 3}, {VICTIM: 2}, {}, [2]),
        ({"last": 2}, {}, {}, [3]),
        ({}, {}, {"killed_by": 0}, [0]),
        ({}, {}, {"interrupted": set()}, [0, 3]),
        ({}, {}, {"committed": set()}, [1]),
        ({}, {}, {"recorded": Counter(["first", *STEPS])}, [3]),
        ({}, {}, {"row": None, "result": None}, [4]),
        ({}, {}, {"result": "something else"}, [4]),
    ],
)
def test_a_claim_that_was_not_seen_is_not_made(
    began: dict[str, int], ended: dict[str, int], fields: dict[str, Any], broken: list[int]
) -> None:
    all_began = Counter({"first": 1, VICTIM: 2, "last": 1} | began)
    all_ended = Counter({"first": 1, VICTIM: 1, "last": 1} | ended)
    claims = _claims(all_began, all_ended, outcome(**fields))
    assert [n for n, (held, _) in enumerate(claims) if not held] == broken


def test_a_failure_is_said_and_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _conclude(Witness(tmp_path / "none"), outcome(), None) is False
    assert "did not hold" in capsys.readouterr().out
