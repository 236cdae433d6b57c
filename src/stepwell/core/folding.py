"""Several changes of one holder made into one: a group commit is its changes applied one after another."""

import msgspec

from stepwell.model.change import Change, Patch


def fold(first: Change, second: Change) -> Change | None:
    """One change equal to `first`, then `second`; None when they must go into different groups.

    Both are fenced writes of one holder of one run, `second` decided after `first`.
    """
    if first.epoch != second.epoch or first.generation != second.generation or first.opens:
        return None
    if first.patch is not None and first.patch.release:
        return None
    if (second.arm and (first.disarm or first.put_back)) or (second.disarm and first.put_back):
        return None  # one change arms, then disarms, then puts back: these would change places
    return msgspec.structs.replace(
        second,
        seq=first.seq if first.count else second.seq,
        count=first.count + second.count,
        data=_joined(first.data, second.data),
        patch=_merged(first.patch, second.patch),
        took=first.took + second.took,
        arm=first.arm + second.arm,
        disarm=first.disarm + second.disarm,
        put_back=first.put_back + second.put_back,
        start=first.start + second.start,
        post=first.post + second.post,
        blobs=first.blobs + second.blobs,
        closes=first.closes or second.closes,
    )


def _joined(a: bytes, b: bytes) -> bytes:
    if not a or not b:
        return a or b
    return a[:-1] + b"," + b[1:]


def _merged(a: Patch | None, b: Patch | None) -> Patch | None:
    if a is None or b is None:
        return a or b
    later = {f: v for f in b.__struct_fields__ if (v := getattr(b, f)) is not None}
    if b.release:
        later |= {"status": b.status, "due": b.due, "rank": b.rank, "seen": b.seen}  # None says something there
    return msgspec.structs.replace(a, **later)
