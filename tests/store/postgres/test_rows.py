from hypothesis import given
from hypothesis import strategies as st

from stepwell.model.run import InboxItem, RunRow
from stepwell.model.status import RunStatus
from stepwell.store.postgres import rows
from stepwell.store.sql import rows as shared

TAGS = st.one_of(st.booleans(), st.integers(), st.text(), st.floats(allow_nan=False, allow_infinity=False))


def test_no_column_is_forgotten() -> None:
    assert set(rows.RUN) == set(shared.RUN)
    assert tuple(rows.ITEM_TYPES) == shared.ITEM
    assert {f.removeprefix("r.") for f in rows.RUN_COLUMNS.split(", ")} == set(rows.RUN)


def test_rows_come_back_as_they_went() -> None:
    row = RunRow(key=b"k" * 16, id="mine", workflow="w", queue="q", status=RunStatus.PARKED, priority=1, epoch=2,
                 generation=3, inbox=4, worker="me", claimed_seq=5, deaths=6, due=7.5, rank=8.5, created_at=9.5,
                 started_at=10.5, finished_at=11.5, expires_at=12.5, parent=b"p", parent_call="c", origin=b"o",
                 digest="d", progress=0.5, note="n", reason="r", cancelling=True, options="{}", pin="x",
                 tags={"a": 1})  # fmt: skip
    values = rows.run_values(row, named=True)
    assert rows.tagged_keys([values]) == [row.key]
    assert rows.run_row(values, {row.key: {"a": 1}}) == row
    plain = RunRow(key=b"\x01" * 16, id="01" * 16, workflow="w")
    values = rows.run_values(plain, named=False)
    assert rows.tagged_keys([values]) == []
    assert rows.run_row(values, {}) == plain


def test_items_come_back_as_they_went() -> None:
    item = InboxItem(n=1, kind="message", at=2.5, event="e", key="k", call="c", mail_seq=9, message_id="m")
    assert rows.inbox_item(rows.item_values(item)) == item


@given(TAGS)
def test_tags_come_back_as_they_went(value: str | float | bool) -> None:
    back = rows.tag(*rows.tag_values(value))
    assert back == value
    assert type(back) is type(value)


@given(TAGS, TAGS)
def test_equal_tags_are_found_by_each_other(a: str | float | bool, b: str | float | bool) -> None:
    equal = a == b and isinstance(a, bool) == isinstance(b, bool)
    assert (rows.tag_values(a)[:2] == rows.tag_values(b)[:2]) is equal


def test_one_is_one_point_nought_but_not_true() -> None:
    assert rows.tag_values(1)[:2] == rows.tag_values(1.0)[:2] != rows.tag_values(True)[:2]


def test_an_update_by_key_sets_what_it_names_and_nothing_else() -> None:
    sql = rows.update_by_key({"status": "v.status", "worker": "NULL"}, "v")
    assert sql.endswith("FROM v ON CONFLICT (ns, key) DO UPDATE SET status = excluded.status, worker = excluded.worker")
    names, values = sql.split(" SELECT ")
    given = values.split(" FROM v")[0].split(", ")
    assert dict(zip(names.split("(")[1].rstrip(")").split(", "), given, strict=True)) | {"status": 0} == {
        "ns": "$1", "key": "key", "workflow": "''", "queue": "''", "status": 0, "priority": "0", "epoch": "0",
        "generation": "0", "inbox": "0", "claimed_seq": "0", "deaths": "0", "rank": "0", "created_at": "0",
        "digest": "''", "cancelling": "false", "tagged": "false", "worker": "NULL",
    }  # fmt: skip
