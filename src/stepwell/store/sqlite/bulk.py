"""The hot statements: many rows each, so that a group of changes costs a handful of statements.

Every statement lets go of the interpreter's lock and may wait for it again behind a busy event loop, a switch interval
or longer; and a statement of 200 rows costs little more than one of a single row. Hence rows come in a few fixed
sizes, whose texts SQLite keeps prepared, filled up with empty rows; and answers come as one row of text.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from stepwell.model.status import CODE, RunStatus
from stepwell.store.sql.patches import RELEASE
from stepwell.store.sql.rows import RUN, Value
from stepwell.store.sqlite.connection import Db

SIZES: Final = (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512, 1024)
LONGEST_TEXT: Final = 16_000
"""apsw keeps no longer text prepared."""
JOURNAL: Final = ("key", "generation", "seq", "epoch", "count", "data")
STALE, UNCLEAN = -1, -2
_RUNNING = CODE[RunStatus.RUNNING]


class Statement:
    """One statement in all its sizes, for one namespace. `text` makes it of the rows' placeholders."""

    __slots__ = ("_sizes", "_text", "_texts", "_width")

    def __init__(self, width: int, text: Callable[[str], str]) -> None:
        self._width = width
        self._text = text
        self._texts: dict[int, str] = {}
        self._sizes = [size for size in SIZES if len(text("")) + size * (2 * width + 2) < LONGEST_TEXT]

    def chunks(self, flat: list[Value]) -> Iterator[tuple[str, list[Value]]]:
        """The texts to execute, with their parameters; `flat` has the rows one after another, and is used up."""
        width, largest = self._width, self._sizes[-1]
        while flat:
            rows = len(flat) // width
            size = largest if rows >= largest else next(size for size in self._sizes if size >= rows)
            text = self._texts.get(size)
            if text is None:
                text = self._texts[size] = self._text(",".join([f"({','.join('?' * width)})"] * size))
            if rows <= size:
                flat += [None] * ((size - rows) * width)
                yield text, flat
                return
            yield text, flat[: size * width]
            flat = flat[size * width :]

    def run(self, db: Db, flat: list[Value]) -> int:
        """Execute as a write; how many rows it concerned."""
        return sum(db.run(text, values) for text, values in self.chunks(flat))

    def numbers(self, db: Db, flat: list[Value]) -> list[int]:
        """Execute as a query that answers with one number for each row, all in one text."""
        rows = len(flat) // self._width
        found: list[int] = []
        for text, values in self.chunks(flat):
            found += map(int, db.value(text, values).split(","))
        return found[:rows]


class Hot:
    """The hot statements of one namespace."""

    def __init__(self, ns: int) -> None:
        self.create = Statement(len(RUN), lambda rows: _insert("runs", ns, RUN, rows) + " ON CONFLICT DO NOTHING")
        self.append = Statement(len(JOURNAL), lambda rows: _insert("journal", ns, JOURNAL, rows))
        self.fence = Statement(3, lambda rows: _FENCE.format(rows=rows, ns=ns))
        self.release = Statement(len(RELEASE), lambda rows: _RELEASE.format(rows=rows, ns=ns))
        self.took = Statement(2, lambda rows: _TOOK.format(rows=rows, ns=ns))


def _insert(table: str, ns: int, columns: Sequence[str], rows: str) -> str:
    # The namespace is a number of ours and part of the text: one parameter less for every row.
    names = ", ".join(columns)
    return f"INSERT INTO stepwell_{table} (ns, {names}) SELECT {ns}, * FROM (VALUES {rows}) WHERE column1 IS NOT NULL"


# For each (key, epoch, taken): the inbox mark of the run if it is held under that epoch, else -1. `taken` is not NULL
# when the run lets go of its waits: -2 then, if it has a wait left, or items besides the `taken` ones.
_FENCE = (
    f"SELECT group_concat(CASE WHEN r.epoch IS NOT v.column2 OR r.status <> {_RUNNING} THEN {STALE}"
    " WHEN v.column3 IS NULL THEN r.inbox"
    " WHEN r.inbox > 0 AND v.column3 <>"
    " (SELECT count(*) FROM stepwell_inbox i WHERE i.ns = {ns} AND i.key = r.key)"
    f" OR EXISTS (SELECT 1 FROM stepwell_waits w WHERE w.ns = {{ns}} AND w.run = r.key) THEN {UNCLEAN}"
    " ELSE r.inbox END)"
    " FROM (VALUES {rows}) v LEFT JOIN stepwell_runs r ON r.ns = {ns} AND r.key = v.column1"
)

# The likelihood says what the planner cannot know of a list of values: it has to drive the loop, not the table.
_RELEASE = (
    "UPDATE stepwell_runs SET worker = NULL, status = v.column2, due = v.column3, rank = coalesce(v.column4, rank),"
    " finished_at = coalesce(v.column5, finished_at), expires_at = coalesce(v.column6, expires_at),"
    " progress = coalesce(v.column7, progress),"
    " note = CASE WHEN v.column8 IS NULL THEN note ELSE nullif(v.column8, '') END,"
    " reason = CASE WHEN v.column9 IS NULL THEN reason ELSE nullif(v.column9, '') END"
    " FROM (VALUES {rows}) v"
    " WHERE stepwell_runs.ns = {ns} AND stepwell_runs.key = +v.column1"
    " AND likelihood(stepwell_runs.key = +v.column1, 0.0000001)"
)

_TOOK = "DELETE FROM stepwell_inbox WHERE ns = {ns} AND (key, n) IN (VALUES {rows})"
