"""Pages of what a run has recorded: its journal's entries, its log's lines, the events that came or are waited for."""

from typing import Any, Final

import msgspec

from stepwell.authoring.handle import as_data
from stepwell.client.engine import OpenEngine
from stepwell.client.redact import Redactor
from stepwell.client.runlogs import LogPage
from stepwell.client.shapes import Moment, moment, moment_or_none
from stepwell.client.values import Reader
from stepwell.client.views import Looked
from stepwell.errors import NotFound, StepwellError
from stepwell.model.entry import AnyEntry, Payload, Received, decode_entries
from stepwell.model.run import RunRow

_VALUES: Final = ("value", "input")


class JournalPage(msgspec.Struct, frozen=True):
    """Entries in order; `after` is the number of the last one, None at the end."""

    entries: list[dict[str, Any]]
    after: int | None
    generations: int


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A wait that is open; `until` is its timeout, `schema` that of the event's payload where the code is here."""

    call: str
    event: str
    key: str | None
    since: Moment | None
    until: Moment | None
    schema: dict[str, Any] | None


class ReceivedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a wait took."""

    call: str
    event: str
    key: str | None
    at: Moment
    id: str | None
    value: Any


class RunEvents(msgspec.Struct, frozen=True):
    """What a run waits for, and what it has received."""

    waiting: list[Waiting]
    received: list[ReceivedEvent]


async def journal_page(engine: OpenEngine, row: RunRow, generation: int | None, after: int | None, limit: int,
                       redactor: Redactor) -> JournalPage:  # fmt: skip
    """Entries of one generation, or of all when None, beyond the number `after`. Raises NotFound."""
    if generation is not None and not 1 <= generation <= row.generation:
        raise NotFound(f"run {row.id!r} has no generation {generation}", expected=f"1 to {row.generation}")
    found: list[dict[str, Any]] = []
    reader = Reader(engine.briefs.marks, redactor, row.workflow, {})
    for made_in, seq, data in await engine.store.journal(row.key, generation):
        for n, entry in enumerate(decode_entries(data)):
            reader.note(entry)
            if after is None or generation is None or seq + n > after:
                found.append({"generation": made_in, "seq": seq + n, **shown(entry, reader, redactor)})
    if generation is None and after is not None:
        found = found[after + 1 :]  # over all generations the cursor counts entries
    more = len(found) > limit
    found = found[:limit]
    last = (
        (after + len(found) if after is not None else len(found) - 1)
        if generation is None
        else found[-1]["seq"]
        if found
        else None
    )
    return JournalPage(found, last if more else None, row.generation)


def shown(entry: AnyEntry, reader: Reader, redactor: Redactor) -> dict[str, Any]:
    """An entry as plain data, with what is secret in its values hidden."""
    data = as_data(entry)
    for name in _VALUES:
        held = data.get(name)
        if isinstance(held, dict) and "v" in held:
            held["v"] = reader.hide(entry, held["v"])
    _hide(data.get("error"), redactor)
    return data


def _hide(failure: Any, redactor: Redactor) -> None:
    if not isinstance(failure, dict):
        return
    for name in ("details", "fields"):
        if name in failure:
            failure[name] = redactor.value(failure[name])
            if failure[name] is None:
                del failure[name]
    if "args" in failure:
        failure["args"] = redactor.arguments(failure["args"], failure.get("message", ""))
    for inner in [failure.get("cause"), *(failure.get("group") or ())]:
        _hide(inner, redactor)


async def entry_value(engine: OpenEngine, row: RunRow, seq: int, generation: int | None,
                      redactor: Redactor) -> Any:  # fmt: skip
    """The value of one entry, whole. Raises NotFound."""
    seen = list[AnyEntry]()
    for _, first, data in await engine.store.journal(row.key, generation or row.generation):
        entries = decode_entries(data)
        seen += entries
        if first <= seq < first + len(entries):
            entry = entries[seq - first]
            payload = getattr(entry, "value", None) or getattr(entry, "input", None)
            if not isinstance(payload, Payload):
                break
            blobs = await engine.store.blobs(row.key) if payload.r else {}
            return Reader(engine.briefs.marks, redactor, row.workflow, blobs, seen)(entry, payload)
    raise NotFound(f"run {row.id!r} has no value with number {seq}")


async def log_page(engine: OpenEngine, row: RunRow, *, limit: int, after: str | None = None, newest: bool = True,
                   level: str | None = None) -> LogPage:  # fmt: skip
    """Lines of a run's log beyond the line `after`. Raises InvalidOption for an unknown level or line."""
    return await engine.logs(row.key, after=after, limit=limit, newest=newest, level=level)


def events_of(engine: OpenEngine, seen: Looked, redactor: Redactor, schemas: dict[str, Any]) -> RunEvents:
    """What a run waits for now, and what it received in this generation."""
    waiting = [Waiting(call=c.id, event=c.event or c.name, key=c.key, since=moment_or_none(c.opened),
                       until=moment_or_none(c.due), schema=schemas.get(c.event or ""))
               for c in seen.calls if c.kind == "wait" and c.status == "waiting"]  # fmt: skip
    reader = Reader(engine.briefs.marks, redactor, seen.row.workflow, seen.blobs)
    received = [ReceivedEvent(call=e.call, event=e.event, key=e.key, at=moment(e.sent or e.at), id=e.id,
                              value=_value(e, reader))
                for e in seen.entries if isinstance(e, Received)]  # fmt: skip
    return RunEvents(waiting, received)


def _value(entry: Received, reader: Reader) -> Any:
    try:
        return reader(entry, entry.value)
    except (msgspec.MsgspecError, StepwellError):
        return None
