import pytest

from stepwell.model.run import RunFilter
from stepwell.model.status import RunStatus
from stepwell.store.sql.filters import conditions, joined, key_range


def test_no_filter() -> None:
    assert joined(conditions(RunFilter(), 7)) == ("r.ns = ?", [7])


def test_every_field_is_a_condition() -> None:
    which = RunFilter(status=(RunStatus.FAILED, RunStatus.QUEUED), workflow=("a",), queue=("q",), id_prefix="x",
                      parent=b"p", tags={"t": True}, since=1.0, until=2.0, text="T", reason="why",
                      pinned=True)  # fmt: skip
    assert len(conditions(which, 7, b"k")) == 2 + len(RunFilter.__struct_fields__)
    where, values = joined(conditions(which, 7, b"k"))
    assert where.count("?") == len(values)
    assert "r.status IN (?, ?)" in where
    assert values[:4] == [7, b"k", 11, 0]
    assert values.count("%T%") == 4, "the text in four places"


def test_text_in_ids_workflows_reasons_and_notes() -> None:
    (_, plain) = conditions(RunFilter(text="50%_a\\"), 7)
    assert plain[1] == [r"%50\%\_a\\%"] * 4
    (_, key) = conditions(RunFilter(text="0A"), 7)
    assert key[1] == ["%0A%"] * 5, "may be part of a key"
    for odd in ("x" * 1001, "a\0b"):  # LIKE has a longest pattern, and ends at a NUL
        (_, (where, values)) = conditions(RunFilter(text=odd), 7)
        assert "LIKE" not in where
        assert values == [odd] * 4


@pytest.mark.parametrize(
    ("prefix", "first", "last"),
    [
        ("0", "00" * 16, "0f" + "ff" * 15),
        ("01ab", "01ab" + "00" * 14, "01ab" + "ff" * 14),
        ("ff" * 16, "ff" * 16, "ff" * 16),
    ],
)
def test_keys_that_begin_so(prefix: str, first: str, last: str) -> None:
    assert key_range(prefix) == (bytes.fromhex(first), bytes.fromhex(last))


@pytest.mark.parametrize("prefix", ["x", "0X", "AB", "a b", "0" * 33, "é"])
def test_prefixes_of_no_key(prefix: str) -> None:
    assert key_range(prefix) is None
