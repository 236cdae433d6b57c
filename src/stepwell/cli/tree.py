"""Draws the tree of a run's calls as lines, the same for a terminal, a pipe and a live view."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from stepwell.cli.calls import CallNode, JournalView, Tried
from stepwell.cli.moments import span
from stepwell.cli.terminal import STYLES, Part, cut, width
from stepwell.client.printable import printable
from stepwell.client.usertrace import users_part

Line = list[Part]
ICONS: Final = {
    "done": ("✓", "green"),
    "failed": ("✗", "red"),
    "cancelled": ("⊘", "bright_black"),
    "retrying": ("↻", "yellow"),
    "begun": ("?", "yellow"),
    "waiting": ("…", "yellow"),
    "running": ("▶", "bold blue"),
}
NAME_WIDTH: Final = 44
VALUE_WIDTH: Final = 60
LONGEST_TRACE: Final = 40


def drawn(view: JournalView, now: float) -> list[Line]:
    """The tree: name, when it began (after the start), how long it took, what came of it."""
    rows = list(_rows(view.roots, "", view.started or 0.0, now))
    names = min(max((width(printable(head[1])) + width(head[0]) for head, *_ in rows), default=0), NAME_WIDTH)
    whens = max((len(when) for _, when, *_ in rows), default=0)
    tooks = max((len(took) for _, _, took, _ in rows), default=0)
    lines: list[Line] = []
    for (guide, name, icon, style), when, took, detail in rows:
        shown = printable(name)
        shown = cut(shown, max(names - width(guide), min(width(shown), 8)))
        space = " " * max(names - width(guide) - width(shown), 0)
        line: Line = [(f"  {guide}", "bright_black"), (f"{icon} ", style), shown, space,
                      (f"  {when:>{whens}}", "bright_black"), f"  {took:>{tooks}}", *detail]  # fmt: skip
        lines.append(line)
    for at, text in view.marks:
        lines.append([("  ! ", "yellow"), text, (f"  +{span(at - (view.started or at))}", "bright_black")])
    return [*lines, *_end(view)]


def shortened(lines: list[Line], most: int | None, hint: str = "") -> list[Line]:
    """At most so many lines: of more, the first and the last ones, and how many are between them."""
    if most is None or len(lines) <= most:
        return lines
    head = (most - 1) * 2 // 5
    tail = max(most - 1 - head, 1)
    left = len(lines) - head - tail
    return [*lines[:head], [(f"  … {left:,} more{hint}", "yellow")], *lines[len(lines) - tail :]]


def _end(view: JournalView) -> list[Line]:
    """How the generation ended, if it did."""
    if view.end is None:
        return []
    status, value = view.end["status"], (view.end.get("value") or {}).get("v")
    started = view.started or 0.0
    at = f"  +{span(view.end.get('at', started) - started)}"
    result = f"  → {compact(value)}" if status == "succeeded" and value is not None else ""
    error = f"  {headline(view.end['error'])}" if view.end.get("error") else ""
    return [[("  ■ ", STYLES[status]), (status, STYLES[status]), (at, "bright_black"), result, (error, "red")]]


_Row = tuple[tuple[str, str, str, str], str, str, Line]


def _rows(nodes: list[CallNode], guide: str, start: float, now: float) -> Iterator[_Row]:
    for node in nodes:
        last = node is nodes[-1]
        own, below = (guide + ("└ " if last else "├ "), guide + ("  " if last else "│ ")) if guide else ("", "")
        icon, style = ICONS.get(node.state, ("▸", "bright_black"))
        when = f"+{span(node.began - start)}" if node.began else ""
        yield (own, node.name, icon, style), when, _took(node, now), _detail(node, now)
        inner = below or " "
        for tried in node.tried:
            yield (inner, f"attempt {tried.attempt}", "✗", "red"), "", span(tried.ended - tried.began), _again(tried)
        yield from _rows(node.children, inner, start, now)


def _took(node: CallNode, now: float) -> str:
    if node.kind == "timer" or node.began is None:
        return ""
    if node.ended is not None:
        return span(node.ended - node.began)
    return span(now - node.began) if node.state in ("waiting", "running") else ""


def _detail(node: CallNode, now: float) -> Line:
    detail: Line = []
    if node.kind and node.kind != "step":
        detail.append((f"  {node.kind}", "bright_black"))
    if node.note:
        detail.append(f"  {node.note}")
    if node.attempt > 1:
        detail.append((f"  attempt {node.attempt}", "yellow"))
    if node.due is not None:
        word = {"retrying": "again", "waiting": "until then" if node.kind == "timer" else "timeout"}.get(
            node.state, "due"
        )
        detail.append((f"  {word} in {span(max(node.due - now, 0.0))}", "yellow"))
    if node.error is not None:
        detail.append((f"  {headline(node.error)}", "red"))
    elif node.value is not msgspec.UNSET and node.value is not None:
        detail.append((f"  → {compact(node.value)}", "bright_black"))
    return detail


def _again(tried: Tried) -> Line:
    pause = tried.again - tried.ended
    return [
        (f"  {headline(tried.error)}", "red"),
        (f"  (again after {span(pause)})" if pause > 0 else "", "bright_black"),
    ]


def compact(value: Any, room: int = VALUE_WIDTH) -> str:
    """A value as JSON on one line, cut to `room`."""
    return cut(msgspec.json.encode(value, enc_hook=str).decode(), room)


def headline(failure: dict[str, Any], room: int = 100) -> str:
    """A failure in one line: its class and message."""
    known_as = (failure.get("fields") or {}).get("type_name") if failure.get("type") == "stepwell.StepError" else None
    name = str(known_as or failure.get("type", "error")).rpartition(".")[2]
    message = str(failure.get("message", "")).strip().replace("\n", " ")
    return cut(f"{name}: {message}" if message else name, room)


def told(failure: dict[str, Any]) -> list[Line]:
    """A failure in full: with code, notes, traceback, causes and members."""
    lines: list[Line] = [[(headline(failure, 2000), "bold red"), _code(failure)]]
    trace = users_part(str(failure.get("traceback", "")).rstrip()).splitlines()
    if len(trace) > LONGEST_TRACE:
        trace = [*trace[:10], f"  … {len(trace) - LONGEST_TRACE} lines …", *trace[10 - LONGEST_TRACE :]]
    lines.extend([("  " + text, "bright_black")] for text in trace)
    lines.extend([f"  note: {note}"] for note in failure.get("notes") or ())
    if failure.get("details") is not None:
        lines.append(["  details: ", compact(failure["details"], 400)])
    for member in failure.get("group") or ():
        lines += [["  ", *line] for line in told(member)]
    if failure.get("cause"):
        lines.append([("caused by", "bold")])
        lines += told(failure["cause"])
    return lines


def _code(failure: dict[str, Any]) -> Part:
    facts = [f"code {failure['code']}"] if failure.get("code") else []
    if failure.get("retryable") is False:
        facts.append("not retryable")
    return (f"  ({', '.join(facts)})" if facts else "", "bright_black")
