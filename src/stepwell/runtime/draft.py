"""A change in the making: what an activation has decided since its last submit."""

from stepwell.core.payloads import payload_of
from stepwell.model.change import Change, NewRun, Patch, Post, Wait
from stepwell.model.entry import AnyEntry, Payload, encode_entries
from stepwell.model.run import InboxItem


class Draft:
    """Collects entries and writes of one run; `take` turns them into a `Change` and starts over."""

    __slots__ = ("_kept", "arm", "blobs", "closes", "disarm", "entries", "opens", "patch", "post", "put_back", "start", "took")

    def __init__(self, kept: dict[str, bytes]) -> None:
        self._kept = kept
        self.clear()

    def clear(self) -> None:
        self.entries: list[AnyEntry] = []
        self.patch: Patch | None = None
        self.took: list[int] = []
        self.arm: list[Wait] = []
        self.disarm: list[str] = []
        self.put_back: list[InboxItem] = []
        self.start: list[NewRun] = []
        self.post: list[Post] = []
        self.blobs: list[tuple[str, bytes]] = []
        self.closes = False
        self.opens = b""

    @property
    def empty(self) -> bool:
        return not (self.entries or self.patch or self.took or self.arm or self.disarm or self.put_back
                    or self.start or self.post)  # fmt: skip

    def payload(self, data: bytes, what: str) -> Payload:
        """A payload of the next entry; large data becomes a blob of the same change, and is kept at hand."""
        payload = payload_of(data, self.blobs, what)
        if payload.r:
            self._kept[payload.r] = data
        return payload

    def take(self, run: bytes, epoch: int, generation: int, seq: int) -> Change:
        """The change; `seq` is the number of its first entry."""
        change = Change(
            run=run,
            epoch=epoch,
            generation=generation,
            seq=seq,
            count=len(self.entries),
            data=encode_entries(self.entries) if self.entries else b"",
            patch=self.patch,
            took=tuple(self.took),
            arm=tuple(self.arm),
            disarm=tuple(self.disarm),
            put_back=tuple(self.put_back),
            start=tuple(self.start),
            post=tuple(self.post),
            blobs=tuple(self.blobs),
            closes=self.closes,
            opens=self.opens,
        )
        self.clear()
        return change
