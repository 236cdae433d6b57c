import pytest

from stepwell.errors import SchemaMissing, SchemaTooNew, SchemaTooOld
from stepwell.store.sql.migrations import Migration
from stepwell.store.sql.versions import check, notes, status_of

STEPS = [Migration(1, "first", 1, ""), Migration(2, "second", 1, "")]


def test_up_to_date() -> None:
    status = status_of("db", 2, 1, STEPS)
    assert status.usable
    assert status.pending == ()
    check(status)


def test_a_newer_schema_that_may_be_used() -> None:
    check(status_of("db", 3, 2, STEPS))


@pytest.mark.parametrize(
    ("schema", "reader", "error", "pending"),
    [
        (0, 0, SchemaMissing, ("0001_first", "0002_second")),
        (1, 1, SchemaTooOld, ("0002_second",)),
        (3, 3, SchemaTooNew, ()),
    ],
)
def test_what_may_not_be_used(schema: int, reader: int, error: type[Exception], pending: tuple[str, ...]) -> None:
    status = status_of("db", schema, reader, STEPS)
    assert not status.usable
    assert status.pending == pending
    with pytest.raises(error, match=r"the database db .*stepwell"):
        check(status)


def test_what_is_noted() -> None:
    assert notes(Migration(3, "third", 2, "")) == [("schema", 3), ("min_reader", 2)]
