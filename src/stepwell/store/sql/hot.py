"""Which changes are hot: so alike and so common that a store writes many of them in one statement."""

from stepwell.model.change import Change


def is_own(c: Change) -> bool:
    """Whether a holder's change writes to its own run, journal and inbox, and to nothing that others can see."""
    return not (
        c.epoch is None
        or c.arm
        or c.start
        or c.post
        or c.blobs
        or c.disarm
        or c.put_back
        or c.opens
        or c.expect is not None
        or c.send is not None
        or c.create is not None
    )
