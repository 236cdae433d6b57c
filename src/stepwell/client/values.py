"""The values of a run's entries as plain data, with what is secret in them hidden: the one way for all views."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from stepwell.client.marks import Marks
from stepwell.client.redact import Redactor
from stepwell.model.entry import AnyEntry, ChildStarted, Payload


class Reader:
    """Reads values of one run. `entries`, and those that it is told of later, say what the run's calls started."""

    def __init__(self, marks: Marks, redactor: Redactor, workflow: str, blobs: Mapping[str, bytes],
                 entries: Iterable[AnyEntry] = ()) -> None:  # fmt: skip
        self._marks = marks
        self._redactor = redactor
        self._workflow = workflow
        self._blobs = blobs
        self._children: dict[str, str] = {}
        for entry in entries:
            self.note(entry)

    def note(self, entry: AnyEntry) -> None:
        """An entry that comes before those whose values are read."""
        if isinstance(entry, ChildStarted):
            self._children[entry.call] = entry.workflow

    def __call__(self, entry: AnyEntry, payload: Payload) -> Any:
        """A value of an entry. Raises msgspec.DecodeError if it is not to be read."""
        data = self._blobs.get(payload.r, b"null") if payload.r else bytes(payload.v)
        return self.hide(entry, msgspec.json.decode(data))

    def hide(self, entry: AnyEntry, value: Any) -> Any:
        """What is shown of a value of an entry."""
        whole = self._marks.whole(entry, value, self._redactor, workflow=self._workflow, children=self._children)
        return self._redactor.value(value, whole=whole)
