"""The part of the database that a group works on: locked, read, changed in memory, written back as a whole."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from stepwell.model.change import NewRun
from stepwell.model.run import InboxItem, RunRow
from stepwell.store.postgres.needs import Again, Busy, Needs, Place, Sent
from stepwell.store.postgres.rows import RUN, run_row, run_values
from stepwell.store.sql.rows import Tag

PROVISIONAL: Final = 1 << 62
"""From here on, numbers of messages and waits that are replaced when they are written."""
Journal = tuple[bytes, int, int]
"""The place of a journal row: run, generation, number."""


class Run:
    """A run's row: the values that were read, or that it is to be made with, and what has become of them."""

    __slots__ = ("made", "new", "old", "tags")

    def __init__(self, old: Mapping[str, Any], tags: Mapping[str, Tag], made: NewRun | None = None) -> None:
        self.old = old
        self.new: dict[str, Any] = {}
        self.tags = tags
        self.made = made

    def __getitem__(self, column: str) -> Any:
        new = self.new
        return new[column] if column in new else self.old[column]

    def __setitem__(self, column: str, value: Any) -> None:
        self.new[column] = value

    @property
    def row(self) -> RunRow:
        """As it stands."""
        return run_row([self[column] for column in RUN], {self.old["key"]: dict(self.tags)})


class Box:
    """A locked mailbox: its first waits and its oldest messages, and whether there are more of them."""

    __slots__ = ("messages", "more_messages", "more_waits", "waits")

    def __init__(self) -> None:
        self.waits: dict[int, tuple[bytes, str]] = {}
        self.messages: dict[int, InboxItem] = {}
        self.more_waits = False
        self.more_messages = False


class Found:
    """What was read, as it was read."""

    def __init__(self) -> None:
        self.runs: Sequence[Any] = ()
        """Locked."""
        self.shown: Sequence[Any] = ()
        """Not locked: runs that are there already under a key or an id, or that somebody else holds."""
        self.tags: Mapping[bytes, dict[str, Tag]] = {}
        self.alive: frozenset[str] = frozenset()
        self.journal: dict[Journal, tuple[int, str]] = {}
        self.inboxes: list[tuple[bytes, InboxItem]] = []
        self.waits_of: list[tuple[bytes, str, Place, int]] = []
        self.locked_boxes: frozenset[Place] = frozenset()
        self.tried_boxes: frozenset[Place] = frozenset()
        self.waits: list[tuple[Place, int, bytes, str]] = []
        self.messages: list[tuple[Place, InboxItem]] = []
        self.full: set[tuple[Place, str]] = set()
        """Mailboxes of which only the first ("waits" or "messages") were read."""
        self.sent: frozenset[Sent] = frozenset()


class Extract:
    """A working copy of what was found, and the writes that make the database equal to it."""

    def __init__(self, needs: Needs, found: Found) -> None:
        self.needs = needs
        self._found = found
        self.alive = found.alive
        tags = found.tags
        self._shown = {values["key"]: Run(values, tags.get(values["key"], {})) for values in found.shown}
        self.runs = {values["key"]: Run(values, tags.get(values["key"], {})) for values in found.runs}
        self._ids = {run["id"]: key for key, run in {**self._shown, **self.runs}.items() if run["id"] is not None}
        self.journal = dict(found.journal)
        self.inboxes: dict[bytes, dict[int, InboxItem]] = {key: {} for key in needs.inboxes}
        for key, item in found.inboxes:
            self.inboxes[key][item.n] = item
        self._waits_of: dict[bytes, dict[str, tuple[Place, int]]] = {key: {} for key in needs.waits}
        for key, call, place, n in found.waits_of:
            self._waits_of[key][call] = place, n
        self._boxes = {place: Box() for place in found.locked_boxes}
        for place, n, key, call in found.waits:
            self._boxes[place].waits[n] = key, call
        for place, item in found.messages:
            self._boxes[place].messages[item.mail_seq] = item
        for place, what in found.full:
            setattr(self._boxes[place], f"more_{what}", True)
        self.sent = set(found.sent)
        self.numbers = 0
        self.appended: list[tuple[Any, ...]] = []
        self.blobs: list[tuple[bytes, str, bytes]] = []
        self.remembered: list[tuple[Sent, float]] = []
        self.new_items: dict[tuple[bytes, int], InboxItem] = {}
        self.gone_items: list[tuple[bytes, int]] = []
        self.new_messages: dict[tuple[Place, int], InboxItem] = {}
        self.gone_messages: set[tuple[Place, int]] = set()
        self.new_waits: dict[int, tuple[Place, bytes, str]] = {}
        self.gone_waits: list[tuple[Place, int]] = []

    # -- runs ----------------------------------------------------------------------------------

    def run(self, key: bytes) -> Run | None:
        """A run that is to be looked at or changed. Raises Again, Busy."""
        run = self.runs.get(key)
        if run is not None:
            return run
        if key in self.needs.runs:
            if key in self._shown:
                raise Busy
            return None
        self.needs.runs.add(key)
        raise Again

    def there(self, new: NewRun) -> Run | None:
        """The run that has the key or the id of one to make."""
        key = new.row.key
        return self.runs.get(key) or self._shown.get(key) or (self.named(new.row.id) if new.named else None)

    def named(self, run_id: str) -> Run | None:
        """The run of this id."""
        key = self._ids.get(run_id)
        return None if key is None else self.runs.get(key) or self._shown[key]

    def shown(self, run: Run) -> RunRow:
        """A run's row as it stands, to be answered. Raises Again."""
        if run["tagged"] and run.made is None and not self.needs.probing:
            self.needs.probing = True
            raise Again
        return run.row

    def make(self, new: NewRun, row: RunRow) -> None:
        """A new run, as `row` says."""
        values = dict(zip(RUN, run_values(row, new.named), strict=True))
        self.runs[row.key] = Run(values, row.tags, new)
        if new.named:
            self._ids[row.id] = row.key
        if row.key in self.needs.inboxes:
            self.inboxes[row.key] = {}

    def append(self, place: Journal, epoch: int, count: int, data: str) -> None:
        """A new journal row."""
        self.journal[place] = epoch, data
        self.appended.append((*place, epoch, count, data))

    # -- inboxes -------------------------------------------------------------------------------

    def inbox(self, key: bytes) -> dict[int, InboxItem]:
        """A run's inbox. Raises Again."""
        inbox = self.inboxes.get(key)
        if inbox is None:
            self.needs.inboxes.add(key)
            raise Again
        return inbox

    def add_item(self, key: bytes, item: InboxItem) -> None:
        """A new item in an inbox."""
        self.new_items[key, item.n] = item
        if key in self.inboxes:
            self.inboxes[key][item.n] = item

    def remove_items(self, key: bytes, numbers: Iterable[int]) -> None:
        """Items that are taken out of an inbox, if they are in it."""
        inbox = self.inboxes.get(key)
        for n in numbers:
            if inbox is not None:
                inbox.pop(n, None)
            if self.new_items.pop((key, n), None) is None:
                self.gone_items.append((key, n))

    # -- mailboxes -----------------------------------------------------------------------------

    def box(self, place: Place) -> Box:
        """A mailbox. Raises Again, Busy."""
        box = self._boxes.get(place)
        if box is None:
            if place in self._found.tried_boxes:
                raise Busy
            self.needs.box(place)
            raise Again
        return box

    def waits_of(self, key: bytes) -> dict[str, tuple[Place, int]]:
        """The waits of a run, by call. Raises Again."""
        waits = self._waits_of.get(key)
        if waits is None:
            self.needs.waits.add(key)
            raise Again
        return waits

    def number(self) -> int:
        """A new number for a message or a wait."""
        self.numbers += 1
        return PROVISIONAL + self.numbers - 1

    def first_wait(self, place: Place) -> tuple[int, bytes, str] | None:
        """The first wait of a mailbox. Raises Again."""
        box = self.box(place)
        if box.more_waits and not any(n < PROVISIONAL for n in box.waits):
            self.needs.more(place)
            raise Again
        if not box.waits:
            return None
        n = min(box.waits)
        return (n, *box.waits[n])

    def add_wait(self, place: Place, run: bytes, call: str) -> None:
        """A new wait, behind all others of the mailbox."""
        n = self.number()
        self.box(place).waits[n] = run, call
        self.waits_of(run)[call] = place, n
        self.new_waits[n] = place, run, call

    def remove_wait(self, place: Place, n: int, run: bytes, call: str) -> None:
        """A wait that is over."""
        self.box(place).waits.pop(n, None)
        if run in self._waits_of:
            self._waits_of[run].pop(call, None)
        if self.new_waits.pop(n, None) is None:
            self.gone_waits.append((place, n))

    def keep(self, place: Place, message: InboxItem) -> None:
        """A message that nobody waits for."""
        seq = message.mail_seq
        self.box(place).messages[seq] = message
        if (place, seq) in self.gone_messages:
            self.gone_messages.discard((place, seq))
        else:
            self.new_messages[place, seq] = message

    def take_oldest(self, place: Place) -> InboxItem | None:
        """The oldest message of a mailbox. Raises Again."""
        box = self.box(place)
        if box.more_messages and not any((place, seq) not in self.new_messages for seq in box.messages):
            self.needs.more(place)
            raise Again
        if not box.messages:
            return None
        seq = min(box.messages)
        if self.new_messages.pop((place, seq), None) is None:
            self.gone_messages.add((place, seq))
        return box.messages.pop(seq)
