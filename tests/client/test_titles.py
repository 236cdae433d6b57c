"""Names of calls."""

import pytest

from stepwell.client.titles import steps_of, title_of


@pytest.mark.parametrize(
    ("name", "title"),
    [("charge", "charge"), ("charge#3", "charge #3"), ("a%2Fb", "a/b"), ("x:0123456789abcdef", "x"), ("@4", "task 4")],
)
def test_titles(name: str, title: str) -> None:
    assert title_of(name) == title


@pytest.mark.parametrize(
    ("call", "nested", "names"),
    [("charge", False, ["charge"]), ("group/@2/charge#3", False, ["charge"]), ("a%2Fb%23#2", False, ["a/b#"]),
     ("x:0123456789abcdef", False, ["x:0123456789abcdef"]), ("charge/look:0123456789abcdef", True, ["look"]),
     ("charge/a/b#1:0123456789abcdef#2", True, ["a/b#1", "b#1"])],
)  # fmt: skip
def test_names_of_steps(call: str, nested: bool, names: list[str]) -> None:
    assert steps_of(call, nested=nested) == names
