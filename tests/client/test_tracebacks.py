"""Frames of recorded tracebacks."""

import sys
import traceback
from pathlib import Path
from types import ModuleType

import pytest

from stepwell.client.redact import OPEN, Redactor
from stepwell.client.sources import shown
from stepwell.client.tracebacks import failure_of, frames_of, innermost_own
from stepwell.model.failure import Failure


def raised() -> str:
    try:
        raise ValueError("no")
    except ValueError:
        return traceback.format_exc()


def test_own_frames_have_the_lines_around_them() -> None:
    (frame,) = frames_of(raised())
    assert (frame.file, frame.function, frame.own) == (shown(__file__), "raised", True)
    assert frame.package is None
    assert [line.line for line in frame.context] == list(range(frame.line - 2, frame.line + 3))
    assert frame.context[2].text.strip() == 'raise ValueError("no")'
    assert innermost_own(raised()) == frame


def test_libraries_are_told_apart() -> None:
    trace = (
        "Traceback (most recent call last):\n"
        '  File "/srv/app/billing.py", line 7, in charge\n    post(card)\n    ^^^^^^^^^^\n'
        '  File "/srv/venv/lib/python3.12/site-packages/httpx/_api.py", line 3, in post\n    raise X\n'
        '  File "<frozen importlib>", line 1, in y\n'
        "X: gone"
    )
    told = frames_of(trace)
    assert [(frame.function, frame.own) for frame in told] == [("charge", True), ("post", False), ("y", False)]
    assert [frame.package for frame in told] == [None, "httpx", "importlib"]
    assert [frame.file for frame in told][:2] == ["/srv/app/billing.py", "httpx/_api.py"]
    assert [line.text for line in told[0].context] == ["post(card)"]  # as recorded: the file is not here
    found = innermost_own(trace)
    assert found is not None
    assert found.function == "charge"


@pytest.mark.parametrize("named", ["/etc/passwd", "/etc/hostname"])
def test_files_that_are_not_loaded_code_are_not_read(named: str) -> None:
    forged = f'Traceback (most recent call last):\n  File "{named}", line 1, in x\nX: y'
    assert frames_of(forged)[0].context == []
    in_message = (
        f'Traceback (most recent call last):\n  File "a.py", line 1, in x\nX: y\n  File "{named}", line 1, in z'
    )
    assert [frame.file for frame in frames_of(in_message)] == ["a.py"]


def test_a_file_that_has_changed_is_not_shown_as_it_is_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "code.py"
    path.write_text("one\ntwo\n")
    module = ModuleType("some_code")
    module.__file__ = str(path)
    monkeypatch.setitem(sys.modules, "some_code", module)
    trace = f'Traceback (most recent call last):\n  File "{path}", line 1, in x\n    before\nX: y'
    assert [line.text for line in frames_of(trace)[0].context] == ["before"]


def test_a_failure_with_causes_and_members() -> None:
    recorded = Failure(type="stepwell.StepError", message="m", code="c", details={"token": "t"}, notes=["n"],
                       cause=Failure(type="a.b.C"), group=[Failure(type="D")])  # fmt: skip
    told = failure_of(recorded, Redactor())
    assert (told.type, told.code, told.details, told.notes) == ("StepError", "c", {"token": "••••"}, ["n"])
    assert told.cause is not None
    assert (told.cause.module, told.cause.type, told.traceback) == ("a.b", "C", None)
    assert (told.group[0].module, told.group[0].type, told.module) == (None, "D", "stepwell")
    assert failure_of(recorded, OPEN).details == {"token": "t"}
    assert failure_of(Failure(type="E", message="no f", args=["f", ["t"]]), Redactor()).args == ["f", "••••"]
    assert frames_of("") == []


@pytest.mark.parametrize("name", ["CardGone", "Error"])
def test_a_class_that_could_not_be_rebuilt_is_told_by_its_name(name: str) -> None:
    back = Failure(type="stepwell.StepError", message="m", fields={"type_name": name})
    assert (failure_of(back, OPEN).type, failure_of(back, OPEN).module) == (name, None)
    local = failure_of(Failure(type="shop.make.<locals>.CardGone"), OPEN)
    assert (local.module, local.type) == ("shop.make.<locals>", "CardGone")
