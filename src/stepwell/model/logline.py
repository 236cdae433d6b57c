"""Lines that were logged in a run, as they are kept: batches in records of the kind "log" that belong to the run."""

from typing import Final

import msgspec

KIND: Final = "log"


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line. `call` is the step call that wrote it, empty for the body; `attempt` is the step's, or the run's."""

    at: float
    level: str
    text: str
    call: str = ""
    attempt: int = 1


class Batch(msgspec.Struct, frozen=True):
    """Lines of one run; `count` and `size` (bytes) are of all lines of the run up to the end of these."""

    lines: list[Line]
    count: int
    size: int


_decoder = msgspec.json.Decoder(Batch)


def decode_batch(data: bytes) -> Batch:
    """The lines of one record."""
    return _decoder.decode(data)
