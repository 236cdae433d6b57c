"""Small letters that all databases agree on, and which runs a filter means."""

import pytest

from stepwell.model.run import RunFilter, RunRow, lowered, matches
from stepwell.model.status import RunStatus


@pytest.mark.parametrize(
    ("text", "small"),
    [("Order-1", "order-1"), ("ÄRGER", "Ärger"), ("İI", "İi"), ("ß@[`{", "ß@[`{"), ("", "")],
)
def test_only_a_to_z_are_lowered(text: str, small: str) -> None:
    assert lowered(text) == small


def test_lowering_again_changes_nothing() -> None:
    every = "".join(map(chr, range(0x250)))
    assert lowered(lowered(every)) == lowered(every)
    assert len(lowered(every)) == len(every)


def test_a_filter_means_what_it_means_to_the_stores() -> None:
    row = RunRow(key=b"k" * 16, id="Order-1", workflow="w", queue="q", status=RunStatus.FAILED, created_at=50.0,
                 reason="ValueError: no", parent=b"p", tags={"a": 1})  # fmt: skip
    fits = [RunFilter(), RunFilter(status=(RunStatus.FAILED,)), RunFilter(text="ORDER"), RunFilter(reason="Value"),
            RunFilter(tags={"a": 1.0}), RunFilter(since=50.0), RunFilter(until=50.1), RunFilter(parent=b"p"),
            RunFilter(id_prefix="Order"), RunFilter(pinned=False)]  # fmt: skip
    assert all(matches(row, which) for which in fits)
    wrong = [RunFilter(workflow=("x",)), RunFilter(queue=("x",)), RunFilter(tags={"a": True}), RunFilter(until=50.0),
             RunFilter(reason="no"), RunFilter(text="zzz"), RunFilter(parent=b"q")]  # fmt: skip
    assert not any(matches(row, which) for which in wrong)
