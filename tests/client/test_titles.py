"""Names of calls."""

import pytest

from stepwell.client.titles import title_of


@pytest.mark.parametrize(
    ("name", "title"),
    [("charge", "charge"), ("charge#3", "charge #3"), ("a%2Fb", "a/b"), ("x:0123456789abcdef", "x"), ("@4", "task 4")],
)
def test_titles(name: str, title: str) -> None:
    assert title_of(name) == title
