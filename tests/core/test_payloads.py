"""Where a payload goes by its size."""

import msgspec
import pytest

from stepwell.core.payloads import INLINE, LARGEST, check_size, payload_of, resolved
from stepwell.errors import PayloadTooLarge
from stepwell.model.entry import Payload


@pytest.mark.parametrize("size", [0, 1, INLINE])
def test_small_ones_stay_in_the_journal(size: int) -> None:
    blobs: list[tuple[str, bytes]] = []
    payload = payload_of(b"x" * size, blobs, "it")
    assert (bytes(payload.v), payload.r, blobs) == (b"x" * size, "", [])
    assert resolved(payload, {}) is payload


@pytest.mark.parametrize("size", [INLINE + 1, LARGEST])
def test_large_ones_go_beside_it_by_digest(size: int) -> None:
    blobs: list[tuple[str, bytes]] = []
    payload = payload_of(b"x" * size, blobs, "it")
    other = payload_of(b"x" * size, blobs, "the same")
    assert payload.r
    assert payload == other
    assert dict(blobs) == {payload.r: b"x" * size}
    assert bytes(resolved(payload, dict(blobs)).v) == b"x" * size
    assert payload_of(b"y" * size, blobs, "another").r != payload.r


def test_larger_ones_are_refused_and_nothing_is_kept() -> None:
    blobs: list[tuple[str, bytes]] = []
    with pytest.raises(PayloadTooLarge, match=r"the result of 'a' is 1,048,577 bytes.*at most 1,048,576") as refused:
        payload_of(b"x" * (LARGEST + 1), blobs, "the result of 'a'")
    assert (refused.value.size, refused.value.limit) == (LARGEST + 1, LARGEST)
    assert blobs == []
    check_size(LARGEST, "the input")
    with pytest.raises(PayloadTooLarge):
        check_size(LARGEST + 1, "the input")


def test_an_inline_payload_stores_its_json_as_it_is() -> None:
    payload = payload_of(b'{"a":1}', [], "it")
    assert msgspec.json.encode(payload) == b'{"v":{"a":1}}'
    assert msgspec.json.decode(b'{"v":{"a":1}}', type=Payload) == payload
