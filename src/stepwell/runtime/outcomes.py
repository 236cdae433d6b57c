"""How a transactional step came out, as it is recorded with the user's own rows."""

import msgspec

from stepwell.model.record import Record
from stepwell.ports.guest import OUTCOME, VOID, Fence
from stepwell.ports.store import Store


class _Outcome(msgspec.Struct):
    v: msgspec.Raw


def outcome_of(data: bytes) -> bytes:
    """What is recorded for a result."""
    return msgspec.json.encode(_Outcome(msgspec.Raw(data)))


def result_of(outcome: bytes) -> bytes:
    """The result from what was recorded."""
    return bytes(msgspec.json.decode(outcome, type=_Outcome).v)


async def decide_outcome(store: Store, fence: Fence, now: float) -> bytes | None:
    """Whether a commit of unknown outcome happened: its result, or None, and then it never will.

    What decides is the key of the record: writing it here waits for a transaction that has it and is still going on.
    """
    void = Record(kind=OUTCOME, owner=fence.run, id=fence.call, at=now, data=VOID)
    (written,) = await store.put([void])
    if written:
        return None
    after: str | None = None
    while page := await store.records(OUTCOME, owner=fence.run, after=after):
        for record in page:
            if record.id == fence.call:
                return None if record.data == VOID else result_of(record.data)
        after = page[-1].id
    return None
