"""The stored form of lines, which never changes."""

import msgspec

from stepwell.model.logline import Batch, Line, decode_batch

STORED = (
    b'{"lines":[{"at":1.5,"level":"INFO","text":"a","call":"pay","attempt":2},'
    b'{"at":2.0,"level":"ERROR","text":"b"}],"count":2,"size":2}'
)


def test_a_batch_is_stored_so_for_ever() -> None:
    batch = Batch([Line(1.5, "INFO", "a", "pay", 2), Line(2.0, "ERROR", "b")], 2, 2)
    assert msgspec.json.encode(batch) == STORED
    assert decode_batch(STORED) == batch
