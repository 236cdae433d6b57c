"""Rows on their way: who held a run holds it no more; checksums see everything but the order."""

import random

from stepwell.model.status import CODE, RunStatus
from stepwell.store.sql.freight import FLAGS, TABLES, Sum, departed
from stepwell.store.sql.rows import RUN

RUNS = TABLES[0]


def test_a_held_run_is_queued_under_the_next_epoch() -> None:
    values = dict.fromkeys(RUNS.columns, 0) | {"epoch": 4, "worker": "w", "status": CODE[RunStatus.RUNNING]}
    after = dict(zip(RUNS.columns, departed(RUNS, tuple(values.values())), strict=True))
    assert after == values | {"epoch": 5, "worker": None, "status": CODE[RunStatus.QUEUED]}


def test_everything_else_stays() -> None:
    for status in set(RunStatus) - {RunStatus.RUNNING}:
        row = tuple((dict.fromkeys(RUNS.columns, 0) | {"status": CODE[status]}).values())
        assert departed(RUNS, row) == row
    for table in TABLES[1:]:
        row = tuple(range(len(table.columns)))
        assert departed(table, row) == row


def test_every_column_of_a_run_goes_along() -> None:
    assert set(RUNS.columns) == set(RUN)
    assert [RUNS.columns[at] for at in FLAGS] == ["cancelling", "tagged"]


def test_sums() -> None:
    rows = [(b"k", n, 1.5, None, "x") for n in range(50)]
    one, other = Sum(), Sum()
    one.add(rows)
    random.Random(1).shuffle(rows)
    other.add(rows[:20])
    assert one != other
    other.add(rows[20:])
    assert one == other
    for changed in ((b"k", 0, 1.5, None, "y"), (b"k", 0, 1.5, "", "x"), (b"k", 0.0, 1.5, None, "x")):
        third = Sum()
        third.add([changed, *[row for row in rows if row[1]]])
        assert third.count == one.count
        assert third != one
    assert "50 rows" in repr(one)
