"""From a run's journal, as plain data, to the tree of its calls: what people want to see of it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from stepwell.client.titles import title_of

Entry = Mapping[str, Any]
_ENDS: Final = ("step", "event", "timer", "ended", "nested", "fold")


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that failed and was followed, or will be, by another at `again`."""

    attempt: int
    error: dict[str, Any]
    began: float
    ended: float
    again: float


class CallNode(msgspec.Struct, kw_only=True):
    """A call, a scope (no `kind`), or both. Times are epoch seconds.

    `state`: done, failed, retrying, begun (an intent is recorded), waiting, running. `label` is the path as a
    person reads it.
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
    """One generation of a run: its calls, and what else happened to it."""

    entries: int = 0
    void: int = 0
    started: float | None = None
    attempt: int = 1
    roots: list[CallNode] = []
    nodes: dict[str, CallNode] = {}
    marks: list[tuple[float, str]] = []
    end: dict[str, Any] | None = None


def view_of(entries: Sequence[Entry]) -> JournalView:
    """The tree of one generation's entries, in the order in which calls were first heard of."""
    void = {number for entry in entries if entry["k"] in ("rewind", "fold") for number in entry.get("void", ())}
    view = JournalView(entries=len(entries), void=len(void))
    for number, entry in enumerate(entries):
        if number not in void:
            _read(view, entry)
    return view


def add_open(view: JournalView, calls: Iterable[tuple[str, str, float | None]], running: bool) -> None:
    """Add what a replay says is open: (kind, call, due of a timer). `running`: a worker holds the run."""
    for kind, path, due in calls:
        parent = view.nodes.get(path.removesuffix("/timeout"))
        if kind == "timer" and path.endswith("/timeout") and parent is not None:
            parent.due = due
            continue
        if kind == "step" and not running and path not in view.nodes:
            continue  # not begun: nobody holds the run
        node = _node(view, path)
        node.kind = node.kind or kind.removesuffix(" run")
        if node.state not in ("retrying", "begun"):
            node.state = "running" if kind == "step" and running else "waiting"
        node.due = node.due or due


def _read(view: JournalView, entry: Entry) -> None:
    kind, at = entry["k"], entry.get("at", 0.0)
    if "call" in entry:
        _call(view, _node(view, entry["call"]), kind, entry)
    elif kind == "started":
        view.started, view.attempt = at, entry.get("attempt", 1)
    elif kind == "finish":
        view.end = dict(entry)
    elif kind == "cancel":
        view.marks.append((at, f"cancel requested ({entry.get('reason', 'operator')})"))
    elif kind == "rewind":
        view.marks.append((at, f"retried: {len(entry.get('void', ()))} entries count no longer"))
    elif kind == "code":
        view.marks.append((at, f"went on by other code ({entry['code']})"))
    elif kind == "continue":
        view.marks.append((at, f"went on in a new generation ({entry.get('reason', '')})"))


def _call(view: JournalView, node: CallNode, kind: str, entry: Entry) -> None:
    at = entry.get("at", 0.0)
    if kind == "attempt":
        node.kind, node.state = "step", "retrying"
        node.attempt = entry["attempt"] + 1
        node.due = entry.get("again")
        node.tried = [*node.tried, Tried(attempt=entry["attempt"], error=entry["error"], began=entry.get("began", at),
                                         ended=at, again=entry.get("again", at))]  # fmt: skip
    elif kind == "intent":
        node.kind, node.state, node.began, node.attempt = "step", "begun", at, entry["attempt"]
    elif kind == "armed":
        node.kind, node.state, node.began = "event", "waiting", at
        node.note = _address(entry)
    elif kind == "child":
        node.kind, node.began = "child", at
        node.state = "done" if entry.get("detached") else "waiting"
        node.note = f"{entry.get('workflow', '')} {entry.get('id', '')}".strip()
    elif kind in _ENDS:
        _ended(node, kind, entry)


def _ended(node: CallNode, kind: str, entry: Entry) -> None:
    at = entry.get("at", 0.0)
    failed = entry.get("error") is not None or entry.get("status", "succeeded") != "succeeded"
    node.kind = {"ended": "child", "nested": "step"}.get(kind, kind)
    node.state = "failed" if failed else "done"
    node.ended, node.due = at, None
    node.began = entry.get("began") or node.began or at
    node.attempt = entry.get("attempt", 1)
    node.error = entry.get("error")
    if kind == "event":
        node.note = _address(entry)
    if kind == "ended" and failed:
        node.note = f"{node.note} {entry['status']}".strip()
    if not failed and kind != "timer":
        node.value = _payload(entry.get("value"))


def _address(entry: Entry) -> str:
    return "" if entry.get("key") is None else f"key={entry['key']}"


def _payload(value: Mapping[str, Any] | None) -> Any:
    if value is None:
        return msgspec.UNSET
    return "(stored apart)" if value.get("r") else value.get("v")


def _node(view: JournalView, path: str) -> CallNode:
    """The node of a path; its scopes are made on the way."""
    known = view.nodes.get(path)
    if known is not None:
        return known
    above, _, name = path.rpartition("/")
    parent = _node(view, above) if above else None
    title = title_of(name)
    node = CallNode(name=title, path=path, label=title if parent is None else f"{parent.label} / {title}")
    (view.roots if parent is None else parent.children).append(node)
    view.nodes[path] = node
    return node
