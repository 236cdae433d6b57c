"""A change in the making: what an activation has decided since its last submit."""

from typing import Any

from stepwell.core.payloads import payload_of
from stepwell.model.change import Change, NewRun, Patch, Post, Wait
from stepwell.model.entry import AnyEntry, Payload, encode_entries
from stepwell.model.run import InboxItem


class Draft:
    """Collects entries and writes of one run; `take` turns them into a `Change` and starts over.

    Most changes are entries and at most a patch, so the lists of the other writes are made when first used.
    """

    __slots__ = ("_kept", "_lists", "closes", "entries", "opens", "patch")

    def __init__(self, kept: dict[str, bytes]) -> None:
        self._kept = kept
        self._lists: dict[str, list[Any]] = {}
        self.entries: list[AnyEntry] = []
        self.patch: Patch | None = None
        self.closes = False
        self.opens = b""

    @property
    def took(self) -> list[int]:
        return self._lists.setdefault("took", [])

    @property
    def arm(self) -> list[Wait]:
        return self._lists.setdefault("arm", [])

    @property
    def disarm(self) -> list[str]:
        return self._lists.setdefault("disarm", [])

    @property
    def put_back(self) -> list[InboxItem]:
        return self._lists.setdefault("put_back", [])

    @property
    def start(self) -> list[NewRun]:
        return self._lists.setdefault("start", [])

    @property
    def post(self) -> list[Post]:
        return self._lists.setdefault("post", [])

    @property
    def empty(self) -> bool:
        return not (self.entries or self.patch or self._lists)

    def payload(self, data: bytes, what: str) -> Payload:
        """A payload of the next entry; large data becomes a blob of the same change, and is kept at hand."""
        blobs: list[tuple[str, bytes]] = []
        payload = payload_of(data, blobs, what)
        if blobs:
            self._lists.setdefault("blobs", []).extend(blobs)
            self._kept.update(blobs)
        return payload

    def take(self, run: bytes, epoch: int, generation: int, seq: int) -> Change:
        """The change; `seq` is the number of its first entry."""
        entries, lists = self.entries, self._lists
        more: dict[str, Any] = {name: tuple(items) for name, items in lists.items() if items} if lists else {}
        change = Change(
            run=run,
            epoch=epoch,
            generation=generation,
            seq=seq,
            count=len(entries),
            data=encode_entries(entries) if entries else b"",
            patch=self.patch,
            closes=self.closes,
            opens=self.opens,
            **more,
        )
        self.entries = []
        self.patch = None
        self.closes = False
        self.opens = b""
        if lists:
            self._lists = {}
        return change
