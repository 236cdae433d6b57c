from stepwell.model.run import RunFilter
from stepwell.model.status import RunStatus
from stepwell.store.postgres.filters import Params, conditions, has_tag


def test_no_filter_is_the_namespace() -> None:
    params = Params()
    assert conditions(RunFilter(), 7, params) == ["r.ns = $1"]
    assert params == [7]


def test_each_value_is_a_parameter_but_the_status() -> None:
    params = Params()
    which = RunFilter(
        status=(RunStatus.FAILED, RunStatus.PARKED), workflow=("w",), queue=("q",), id_prefix="Ab", parent=b"p",
        tags={"t": 1.0}, since=1.0, until=2.0, text="TeXt", reason="quarantine",
    )  # fmt: skip
    found = conditions(which, 7, params, after=b"k")
    assert "r.status IN (11, 4)" in found
    assert params == [7, b"k", ("w",), ("q",), "Ab", "Ab\U0010ffff", b"p", 1.0, 2.0, "quarantine", "text", "t", "1"]
    text = " AND ".join(found)
    assert all(f"${n}" in text for n in range(1, len(params) + 1))
    assert f"${len(params) + 1}" not in text


def test_a_prefix_that_may_be_a_key() -> None:
    params = Params()
    (_, condition) = conditions(RunFilter(id_prefix="0a"), 7, params)
    assert "r.id IS NULL" in condition
    assert params[3:] == [b"\x0a" + bytes(15), b"\x0a" + b"\xff" * 15]


def test_pinned_or_not() -> None:
    assert conditions(RunFilter(pinned=True), 7, Params())[1:] == ["r.pin IS NOT NULL"]
    assert conditions(RunFilter(pinned=False), 7, Params())[1:] == ["r.pin IS NULL"]


def test_tags_by_kind() -> None:
    params = Params()
    assert has_tag("t", True, params) == "t.name = $1 AND t.kind = 1 AND t.value = $2"
    assert params == ["t", "1"]
