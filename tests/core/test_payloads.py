"""Where a payload goes by its size; what is too large is refused before anything is stored."""

import pytest

from stepwell.core.payloads import INLINE, LARGEST, check_size, payload_of, resolved
from stepwell.errors import PayloadTooLarge


@pytest.mark.parametrize(
    ("size", "inline"), [(INLINE - 1, True), (INLINE, True), (INLINE + 1, False), (LARGEST, False)]
)
def test_small_ones_stay_in_the_journal(size: int, inline: bool) -> None:
    data = b'"' + b"x" * (size - 2) + b'"'
    blobs: list[tuple[str, bytes]] = []
    payload = payload_of(data, blobs, "it")
    assert bool(payload.r) is not inline
    assert len(blobs) == (0 if inline else 1)
    assert bytes(resolved(payload, dict(blobs)).v) == data


def test_equal_data_has_one_blob_name() -> None:
    data = b'"' + b"y" * INLINE + b'"'
    first: list[tuple[str, bytes]] = []
    second: list[tuple[str, bytes]] = []
    assert payload_of(data, first, "a").r == payload_of(data, second, "b").r


def test_above_the_bound_nothing_is_stored() -> None:
    blobs: list[tuple[str, bytes]] = []
    with pytest.raises(PayloadTooLarge) as refused:
        payload_of(b"1" * (LARGEST + 1), blobs, "the result of 'x'")
    assert blobs == []
    assert (refused.value.size, refused.value.limit) == (LARGEST + 1, LARGEST)
    assert "the result of 'x'" in str(refused.value)
    check_size(LARGEST, "it")
