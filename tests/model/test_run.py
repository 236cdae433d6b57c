"""Small letters that all databases agree on."""

import pytest

from stepwell.model.run import lowered


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
