"""Values of entries. What of them is hidden: test_marks.py; over REST: tests/server/test_secrets.py."""

from typing import Annotated

import msgspec
import pytest

from stepwell import App
from stepwell.client.marks import Marks
from stepwell.client.redact import HIDDEN, OPEN, Redactor, Secret
from stepwell.client.values import Reader
from stepwell.model.entry import ChildEnded, ChildStarted, Finished, Payload, Stepped


def app() -> App:
    made = App("memory://")

    @made.workflow
    async def sign() -> Annotated[str, Secret]:
        return ""

    @made.workflow
    async def show() -> str:
        return ""

    return made


def test_children_are_known_by_the_entries_before() -> None:
    marks = Marks(app().registry)
    ended = ChildEnded(call="c", run="", status="succeeded", value=Payload(v=msgspec.Raw(b'"hush"')))
    for workflow, shown in (("sign", HIDDEN), ("show", "hush")):
        started = ChildStarted(call="c", run="", id="r", workflow=workflow)
        for redactor, told in ((Redactor(), shown), (OPEN, "hush")):
            assert Reader(marks, redactor, "show", {}, [started])(ended, Payload(v=msgspec.Raw(b'"hush"'))) == told
            later = Reader(marks, redactor, "show", {})
            later.note(started)
            assert later.hide(ended, "hush") == told
            assert later.hide(ended, None) is None


def test_values_beside_the_journal_and_broken_ones() -> None:
    reader = Reader(Marks(app().registry), Redactor(), "show", {"d": b'{"token":"hush"}'})
    assert reader(Finished(status="succeeded"), Payload(r="d")) == {"token": HIDDEN}
    assert reader(Stepped(call="show"), Payload(r="gone")) is None
    with pytest.raises(msgspec.DecodeError):
        reader(Stepped(call="show"), Payload(v=msgspec.Raw(b"{")))
