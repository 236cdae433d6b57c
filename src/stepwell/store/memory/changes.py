"""Applies a change to the dictionaries: guards first, then writes, in the order that the contract names."""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from stepwell.core.admission import rank_of
from stepwell.model.change import Change, NewRun, Patch, Reply, Send, Wait
from stepwell.model.run import InboxItem, RunRow
from stepwell.model.status import RunStatus
from stepwell.store.memory.space import Space

PLAIN = ("generation", "finished_at", "expires_at", "progress", "deaths", "cancelling", "digest")
EMPTIED = ("note", "reason", "pin")


def apply(space: Space, c: Change) -> Reply:
    """The store's answer to one change."""
    if c.create is not None:
        return _start(space, c, c.create)
    row = space.runs.get(c.run)
    if c.epoch is not None or c.expect is not None:
        if row is None:
            return Reply(False, "stale")
        if _applied(space, row, c):
            held = row.epoch == c.epoch and row.status is RunStatus.RUNNING
            released = not (held and c.patch is not None and c.patch.release)
            return Reply(True, inbox=row.inbox, released=released, children=_children(space, c))
        if not _fenced(space, row, c):
            return Reply(False, "stale")
    elif c.patch is not None and row is None:
        return Reply(False, "missing")
    why = _refusal(space, c.send) if c.send is not None else ""
    return Reply(why == "duplicate", why) if why else _write(space, c)


def _start(space: Space, c: Change, new: NewRun) -> Reply:
    known = new.row.key in space.runs
    there = _create(space, new)
    if there is not None and there.key != new.row.key:
        return Reply(False, "exists", row=there)
    return Reply(True, inbox=there.inbox, row=there) if known and there else replace(_write(space, c), row=there)


# --- guards -------------------------------------------------------------------------------------------------


def _applied(space: Space, row: RunRow, c: Change) -> bool:
    """Whether this very change is stored already (P6)."""
    p = c.patch
    if c.data:
        there = space.journals[row.key].get((c.generation, c.seq))
        before = c.epoch if c.expect is None else _written_under(c.expect.epoch, c)
        return there is not None and there[0] == before and there[2] == c.data
    if c.expect is None:
        return p is not None and p.release and row.epoch == c.epoch and row.status is not RunStatus.RUNNING
    if c.post:
        told = space.inboxes.get(row.key, {}).get(c.expect.inbox + 1)
        return c.post[0].target == row.key and told == replace(c.post[0].item, n=c.expect.inbox + 1)
    return p is not None and p.bump and row.epoch == c.expect.epoch + 1 and row.status is p.status


def _written_under(epoch: int, c: Change) -> int:
    """The epoch of a change's journal rows: one that raises it fences off the holder, also at the same place."""
    return epoch + 1 if c.patch is not None and c.patch.bump else epoch


def _fenced(space: Space, row: RunRow, c: Change) -> bool:
    e = c.expect
    if c.epoch is not None and (row.epoch != c.epoch or row.status is not RunStatus.RUNNING):
        return False
    if e and (row.epoch, row.status, row.generation, row.inbox) != (e.epoch, e.status, e.generation, e.inbox):
        return False
    return not c.data or (c.generation, c.seq) not in space.journals[row.key]


def _refusal(space: Space, send: Send) -> str:
    if send.id is not None and _sent_key(send, send.id) in space.sent:
        return "duplicate"
    if send.target is None:
        return ""
    row = space.runs.get(send.target)
    return "missing" if row is None else "closed" if row.status.terminal else ""


def _sent_key(send: Send, message_id: str) -> tuple[str, str, bytes, str]:
    return (send.event, "" if send.target is not None else send.key, send.target or b"", message_id)


# --- writes -------------------------------------------------------------------------------------------------


def _write(space: Space, c: Change) -> Reply:
    children, released = _children(space, c), True
    row = space.runs.get(c.run)
    if row is not None:
        _write_own(space, row, c)
    for new in c.start:
        _create(space, new.beside(space.ids.get(new.row.id)))
    if row is not None and c.patch is not None:
        released = _patch(space, space.runs[c.run], c.patch)
    if row is not None and c.closes:
        _disarm(space, c.run, list(space.waits_of.get(c.run, ())))
        inbox = space.inboxes.get(c.run, {})
        matched = [n for n, item in inbox.items() if item.kind == "message" and item.call is not None]
        _put_back(space, [inbox.pop(n) for n in matched])
    for post in c.post:
        _post(space, post.target, post.item)
    if c.send is not None:
        _send(space, c.send)
    return Reply(True, inbox=space.runs[c.run].inbox if row else 0, released=released, children=children)


def _write_own(space: Space, row: RunRow, c: Change) -> None:
    """What concerns the run alone, and its mailboxes."""
    journal, inbox = space.journals[c.run], space.inboxes.setdefault(c.run, {})
    epoch = _written_under(row.epoch, c)
    if c.data:
        journal[c.generation, c.seq] = (epoch, c.count, c.data)
    if c.opens and c.patch is not None and c.patch.generation is not None:
        journal[c.patch.generation, 0] = (epoch, 1, c.opens)
    space.blobs.setdefault(c.run, {}).update(c.blobs)
    returned = [item for item in c.put_back if item.n not in c.took or item.n in inbox]
    for n in c.took:
        inbox.pop(n, None)
    for wait in c.arm:
        _arm(space, c.run, wait)
    _disarm(space, c.run, c.disarm)
    _put_back(space, returned)


def _create(space: Space, new: NewRun) -> RunRow | None:
    """None when the run was created as asked; else the row that is there."""
    row = new.row
    there = space.runs.get(row.key) or (space.runs.get(space.ids.get(row.id, b"")) if new.named else None)
    if there is not None:
        return there
    lost = row.worker is not None and not space.alive(row.worker)
    if lost:  # nobody's lease would ever run out: the run is queued instead
        row = replace(row, status=RunStatus.QUEUED, worker=None, epoch=0, started_at=None)
    space.runs[row.key] = row
    if new.named:
        space.ids[row.id] = row.key
    space.journals[row.key] = {(row.generation, 0): (row.epoch, max(1, row.claimed_seq), new.started)}
    space.blobs[row.key] = dict(new.blobs)
    return row if lost else None


def _children(space: Space, c: Change) -> tuple[RunRow, ...]:
    """The runs that have the ids of those to start already, and are not these themselves."""
    there = [(new.row.key, space.ids.get(new.row.id)) for new in c.start if new.named and not new.yields]
    return tuple(space.runs[known] for key, known in there if known is not None and known != key)


def _patch(space: Space, row: RunRow, p: Patch) -> bool:
    """Whether the lease was given back, or did not have to be."""
    new: dict[str, object] = {name: value for name in PLAIN if (value := getattr(p, name)) is not None}
    new |= {name: value or None for name in EMPTIED if (value := getattr(p, name)) is not None}
    if p.reopen:
        new |= {"finished_at": None, "expires_at": None}
    if p.generation is not None:
        new["claimed_seq"] = 0
    if p.bump:
        new["epoch"] = row.epoch + 1
    released = p.release and (p.seen is None or row.inbox <= p.seen)
    if released:
        new |= {"worker": None, "due": p.due, "status": p.status or row.status}
        new |= {"rank": p.rank} if p.rank is not None else {}
    space.runs[row.key] = replace(row, **new)
    return released or not p.release


# --- inboxes and mailboxes ----------------------------------------------------------------------------------


def _post(space: Space, target: bytes, item: InboxItem) -> bool:
    row = space.runs.get(target)
    if row is None or row.status.terminal:
        return False
    n = row.inbox + 1
    space.inboxes.setdefault(target, {})[n] = replace(item, n=n)
    row = replace(row, inbox=n)
    if row.status is RunStatus.WAITING:
        row = replace(row, status=RunStatus.QUEUED, due=None, rank=rank_of(item.at, row.priority))
    space.runs[target] = row
    return True


def _send(space: Space, send: Send) -> None:
    if send.id is not None:
        space.sent[_sent_key(send, send.id)] = send.at
    data = msgspec.Raw(send.data)
    item = InboxItem(n=0, kind="message", at=send.at, event=send.event, message_id=send.id, data=data)
    if send.target is not None:
        _post(space, send.target, item)
    else:
        space.mail += 1
        _deliver(space, replace(item, key=send.key, mail_seq=space.mail))


def _deliver(space: Space, message: InboxItem) -> None:
    """To the first wait of its mailbox, else kept at the place that it has."""
    box = (message.event or "", message.key or "")
    waits = space.waits.get(box, {})
    while waits:
        run, call = waits.pop(min(waits))
        del space.waits_of[run][call]
        if _post(space, run, replace(message, call=call)):
            return
    space.messages.setdefault(box, {})[message.mail_seq] = replace(message, n=0, call=None)


def _put_back(space: Space, items: Iterable[InboxItem]) -> None:
    for item in sorted(items, key=lambda i: (i.event or "", i.key or "", i.mail_seq)):
        _deliver(space, item)


def _arm(space: Space, run: bytes, wait: Wait) -> None:
    given = any(i.call == wait.call and i.kind == "message" for i in space.inboxes[run].values())
    if given or wait.call in space.waits_of.get(run, {}):
        return
    box = (wait.event, wait.key)
    messages = space.messages.get(box)
    if messages:
        _post(space, run, replace(messages.pop(min(messages)), call=wait.call))
        return
    space.mail += 1
    space.waits.setdefault(box, {})[space.mail] = (run, wait.call)
    space.waits_of.setdefault(run, {})[wait.call] = (box, space.mail)


def _disarm(space: Space, run: bytes, calls: Sequence[str]) -> None:
    for call in calls:
        placed = space.waits_of.get(run, {}).pop(call, None)
        if placed is not None:
            box, n = placed
            del space.waits[box][n]
