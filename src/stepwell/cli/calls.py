"""The tree of a run's calls, as a terminal shows it: what the timeline says of each, in words of the command line."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from stepwell.client.check import OpenCall
from stepwell.client.timeline import Attempt, CallView, timeline_of
from stepwell.core.history import voided
from stepwell.model.entry import AnyEntry, Payload, decode_entries
from stepwell.model.failure import Failure
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus

Entry = Mapping[str, Any]
_PLACE: Final = ("generation", "seq")
_KINDS: Final = {"scope": "", "sleep": "timer", "timeout": "timer", "wait": "event", "nested": "step", "undo": "step"}
_STATES: Final = {"succeeded": "done", "failed": "failed", "cancelled": "cancelled", "waiting": "waiting",
                  "queued": "waiting", "running": "running", "unknown": "begun"}  # fmt: skip


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that failed and was followed, or will be, by another at `again`."""

    attempt: int
    error: dict[str, Any]
    began: float
    ended: float
    again: float


class CallNode(msgspec.Struct, kw_only=True):
    """A call, a scope (no `kind`), or both. Times are epoch seconds.

    `state`: done, failed, cancelled, retrying, begun (what came of it is unknown), waiting, running. `label` is the
    path as a person reads it.
    """

    name: str
    path: str
    label: str
    kind: str = ""
    state: str = ""
    began: float | None = None
    ended: float | None = None
    attempt: int = 1
    tried: list[Tried] = []
    value: Any = msgspec.UNSET
    error: dict[str, Any] | None = None
    note: str = ""
    due: float | None = None
    children: list["CallNode"] = []


class JournalView(msgspec.Struct, kw_only=True):
    """One generation of a run: its calls, and what else happened to it. `code`: the last that its journal names."""

    entries: int = 0
    void: int = 0
    started: float | None = None
    attempt: int = 1
    code: str = ""
    roots: list[CallNode] = []
    nodes: dict[str, CallNode] = {}
    marks: list[tuple[float, str]] = []
    end: dict[str, Any] | None = None


def view_of(row: RunRow, entries: Sequence[Entry], *, last: bool = True,
            open_calls: Iterable[OpenCall] | None = None) -> JournalView:  # fmt: skip
    """The tree of one generation's entries. `last` and `open_calls` as of `timeline_of`.

    What is to be executed and nobody has begun is left out.
    """
    plain = [{name: value for name, value in entry.items() if name not in _PLACE} for entry in entries]
    typed: list[AnyEntry] = decode_entries(msgspec.json.encode(plain))
    void = voided(typed)
    view = JournalView(entries=len(entries), void=len(void))
    for number, entry in enumerate(entries):
        if number not in void:
            _read(view, entry)
    calls = timeline_of(row, typed, last=last, open_calls=open_calls)
    begun = [call for call in calls if call.kind != "scope" and (call.status != "queued" or call.attempts)]
    shown = {path for call in begun for path in _upwards(call.id)}
    for call in calls:
        if call.id in shown:
            _add(view, call, row)
    return view


def _upwards(path: str) -> Iterable[str]:
    """A path, and those of all scopes around it."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def _read(view: JournalView, entry: Entry) -> None:
    kind, at = entry["k"], entry.get("at", 0.0)
    if kind == "started":
        view.started, view.attempt, view.code = at, entry.get("attempt", 1), entry.get("code", "")
    elif kind == "finish":
        view.end = dict(entry)
    elif kind == "cancel":
        view.marks.append((at, f"cancel requested ({entry.get('reason', 'operator')})"))
    elif kind == "rewind":
        view.marks.append((at, f"retried: {len(entry.get('void', ()))} entries count no longer"))
    elif kind == "code":
        if view.code:  # else it was started without the code, and began with this
            view.marks.append((at, f"went on by other code ({entry['code']})"))
        view.code = entry["code"]
    elif kind == "continue":
        view.marks.append((at, f"went on in a new generation ({entry.get('reason', '')})"))


def _add(view: JournalView, call: CallView, row: RunRow) -> None:
    parent = None if call.parent is None else view.nodes[call.parent]
    node = CallNode(name=call.name, path=call.id, kind=_KINDS.get(call.kind, call.kind),
                    label=call.name if parent is None else f"{parent.label} / {call.name}")  # fmt: skip
    (view.roots if parent is None else parent.children).append(node)
    view.nodes[call.id] = node
    if call.kind == "scope":
        return
    node.state, node.tried = _state(call, row), _tried(call)
    node.began, node.ended, node.due = call.began, call.ended, call.due
    if call.attempts:
        node.attempt = call.attempts[-1].n + (node.state == "retrying")
    node.error = None if call.error is None else _plain(call.error)
    if call.kind == "wait":
        node.note = "" if call.key is None else f"key={call.key}"
    elif call.kind == "child":
        outcome = call.outcome if call.outcome != "succeeded" else ""
        node.note = f"{call.workflow or ''} {call.child or ''} {outcome or ''}".strip()
    if call.value is not None and call.error is None:
        node.value = _payload(call.value)


def _state(call: CallView, row: RunRow) -> str:
    state = _STATES.get(call.status, "")
    if state == "waiting" and call.attempts:
        return "retrying"
    if state == "running" and row.status is not RunStatus.RUNNING:
        return "begun"  # its worker is gone
    return state


def _tried(call: CallView) -> list[Tried]:
    """The attempts that another one followed, or will."""
    before = call.attempts if call.status in ("waiting", "queued") else call.attempts[:-1]
    return [_one(attempt, attempt.error) for attempt in before if attempt.error is not None]


def _one(attempt: Attempt, error: Failure) -> Tried:
    ended = attempt.ended or attempt.began or 0.0
    return Tried(attempt=attempt.n, error=_plain(error), began=attempt.began or ended, ended=ended,
                 again=attempt.again or ended)  # fmt: skip


def _plain(failure: Failure) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(failure))
    return data


def _payload(value: Payload) -> Any:
    return "(stored apart)" if value.r else msgspec.json.decode(value.v)
