import msgspec
import pytest

from stepwell.errors import StoreCorrupt
from stepwell.model.run import InboxItem, RunRow, WorkerRow
from stepwell.model.status import RunStatus
from stepwell.store.sql.dialect import SQLITE
from stepwell.store.sql.rows import (
    RUN,
    decoded,
    inbox_item,
    item_values,
    run_columns,
    run_row,
    run_values,
    tag,
    tag_values,
    tagged_keys,
    worker_row,
    worker_values,
)

FULL = RunRow(
    key=b"k" * 16, id="one", workflow="w", queue="q", status=RunStatus.PARKED, priority=-3, epoch=4, generation=5,
    inbox=6, worker="me", claimed_seq=7, deaths=2, due=8.5, rank=9.5, created_at=10.5, started_at=11.5,
    finished_at=12.5, expires_at=13.5, parent=b"p" * 16, parent_call="c", origin=b"o" * 16, digest="d", progress=0.0,
    note="n", reason="r", cancelling=True, options="{}", tags={"a": 1},
)  # fmt: skip


def _read(row: RunRow, named: bool) -> list[object]:
    """What a database would answer."""
    hexed = {name for name, column in zip(RUN, run_columns(SQLITE), strict=True) if column.startswith("hex(")}
    values = dict(zip(RUN, run_values(row, named), strict=True))
    return [(value or b"").hex() if name in hexed else value for name, value in values.items()]  # type: ignore[union-attr]


@pytest.mark.parametrize("row", [FULL, RunRow(key=b"k" * 16, id=(b"k" * 16).hex(), workflow="w")])
def test_a_run_there_and_back(row: RunRow) -> None:
    named = row.id == "one"
    assert set(RUN) == {*row.__struct_fields__, "tagged"} - {"tags"}
    assert run_row(_read(row, named), {row.key: {"a": 1}}) == row
    assert tagged_keys([_read(row, named)]) == ([row.key] if row.tags else [])


def test_a_run_without_an_id_of_its_own_has_its_key_s() -> None:
    assert run_row(_read(FULL, named=False), {FULL.key: {}}).id == FULL.key.hex()


def test_an_item_there_and_back() -> None:
    item = InboxItem(n=3, kind="message", at=1.5, event="e", key="k", call="c", mail_seq=9, message_id="m",
                     data=msgspec.Raw('{"é":1}'.encode()))  # fmt: skip
    assert inbox_item(item_values(item)) == item
    with pytest.raises(UnicodeDecodeError):
        item_values(msgspec.structs.replace(item, data=msgspec.Raw(b"\xff")))


def test_a_worker_there_and_back() -> None:
    row = WorkerRow(
        id="w", host="h", pid=1, version="v", concurrency=2, started_at=3.5, beat_at=4.5, expires_at=5.5, held=6
    )
    assert worker_row(worker_values(row)) == row


@pytest.mark.parametrize("value", [1, 0, True, False, 1.5, "1", ""])
def test_a_tag_there_and_back(value: str | float | bool) -> None:
    kind, stored = tag_values(value)
    assert not isinstance(stored, bool)
    found = tag(kind, stored)
    assert found == value
    assert type(found) is type(value)


def test_truth_is_not_one() -> None:
    assert tag_values(True) != tag_values(1)
    assert tag_values(1) == tag_values(1.0)


def test_rows_that_cannot_be_read() -> None:
    assert decoded(None) == []
    assert decoded("[]") == []
    with pytest.raises(StoreCorrupt):
        decoded("[[1,")
    with pytest.raises(StoreCorrupt):
        decoded("[1]")
