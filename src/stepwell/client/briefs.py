"""The results of runs in short, as lists show them: a line of JSON in which what is secret is hidden from everybody.

A list is looked at by many and over shoulders, and all who listen to a stream are sent the same bytes: whoever may see
what is hidden finds it on the run's own page.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from stepwell.client.marks import Marks
from stepwell.client.redact import NAMES, Redactor
from stepwell.model.entry import Finished, decode_entries
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus
from stepwell.ports.definitions import Definitions
from stepwell.ports.store import Store

MOST: Final = 4096
"""Of a run whose last journal row has more bytes, a list shows no result."""
LONGEST: Final = 80


class Briefs:
    """Reads them for a page of rows at once. `redactor` of a server knows more names than those of the types here."""

    def __init__(self, store: Store, definitions: Definitions, redactor: Callable[[], Redactor] | None = None,
                 marks: Marks | None = None) -> None:  # fmt: skip
        self._store = store
        self.marks = Marks(definitions) if marks is None else marks
        self._redactor = redactor or self._own
        self._made: tuple[frozenset[str], Redactor] | None = None

    async def of(self, rows: Sequence[RunRow]) -> dict[bytes, str]:
        """By key, of those that succeeded; left out where the result is None, long, or kept beside the journal."""
        done = [row for row in rows if row.status is RunStatus.SUCCEEDED]
        closings = await self._store.closings([row.key for row in done], MOST) if done else {}
        redactor = self._redactor() if closings else None
        found: dict[bytes, str] = {}
        for row in done:
            if redactor is not None and (data := closings.get(row.key)) is not None:
                brief = brief_of(data, redactor, secret=self.marks.result(row.workflow))
                if brief is not None:
                    found[row.key] = brief
        return found

    def _own(self) -> Redactor:
        """By the usual names and those that types here mark; made anew when there are more of them."""
        names = self.marks.names()
        if self._made is None or self._made[0] is not names:
            self._made = (names, Redactor(NAMES, names))
        return self._made[1]


def brief_of(data: bytes, redactor: Redactor, *, secret: bool = False) -> str | None:
    """What a run's last journal row says of its result, in short; `secret`: the whole of it is hidden."""
    try:
        end = decode_entries(data)[-1]
        if not isinstance(end, Finished) or end.status != RunStatus.SUCCEEDED or end.value is None:
            return None
        if end.value.r or end.value.c:
            return None
        value = msgspec.json.decode(end.value.v)
        if value is None:
            return None
        text = msgspec.json.encode(redactor.value(value, whole=secret)).decode()
    except (IndexError, ValueError, OverflowError, RecursionError):
        return None  # written by a later version, or not to be read: the run's own page tells
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
