"""Prints one run: header, tree of calls, errors."""

from typing import Any, Final

from stepwell.authoring.handle import RunStatusReport
from stepwell.cli.moments import ago, counted, local, span
from stepwell.cli.snapshot import Snapshot
from stepwell.cli.terminal import STYLES, line
from stepwell.cli.tree import Line, compact, drawn, headline, shortened, told
from stepwell.model.run import RunRow

_LABEL = 12
MOST: Final = 100
"""Lines of a journal that a person is shown who has not asked for all."""


def print_run(seen: Snapshot, report: RunStatusReport, most: int | None = None) -> None:
    """Everything about a run, top down: what it is, what happened, what went wrong.

    `most`: lines of the journal at most; what is in the middle of more is left out, and how many these are is said.
    """
    for parts in [*header(seen), *_facts(seen, report)]:
        line(*parts)
    lines = shortened(drawn(seen.view, seen.now), most, ": --all")
    line()
    which = f"generation {seen.generation}, " if seen.row.generation > 1 else ""
    void = f", {seen.view.void} void" if seen.view.void else ""
    line(("journal", "bold"), (f"  {which}{counted(seen.view.entries, 'entry', 'entries')}{void}", "bright_black"))
    for parts in lines:
        line(*parts)
    for title, failure in _errors(seen):
        line()
        line((title, "bold"))
        for parts in told(failure):
            line("  ", *parts)


def _errors(seen: Snapshot) -> list[tuple[str, dict[str, Any]]]:
    """The error that a run ended with; where a call's error passed through the body, that of the call."""
    end = seen.view.end or {}
    failure = end.get("error")
    if failure is None:
        return []
    node = seen.view.nodes.get(end.get("cause") or "")
    if node is None or node.error is None:
        return [("error", failure)]
    own = [(f"error of {node.label}", node.error)]
    return own if headline(node.error) == headline(failure) else [*own, ("error of the run", failure)]


def header(seen: Snapshot) -> list[Line]:
    """Which run, and in which state."""
    row = seen.row
    state = row.status.value + (", cancelling" if row.cancelling and not row.status.terminal else "")
    lines: list[Line] = [[(row.id, "bold"), "  ", row.workflow, "  ", (state, STYLES[row.status.value])]]
    if row.progress is not None:
        lines.append([("  " + bar(row.progress), "green"), f" {row.progress:.0%}", f"  {row.note or ''}"])
    if seen.unserved:
        lines.append([("  " + seen.unserved, "yellow")])
    if row.reason and not row.status.terminal and row.status.value in ("waiting", "parked", "paused"):
        style = "bold red" if row.status.value == "parked" else "yellow"
        lines.extend([("  " + text, style)] for text in row.reason.splitlines())
    return lines


def bar(fraction: float, length: int = 24) -> str:
    """A progress bar."""
    full = round(fraction * length)
    return "█" * full + "░" * (length - full)


def _facts(seen: Snapshot, report: RunStatusReport) -> list[Line]:
    row, now = seen.row, seen.now
    facts: list[tuple[str, str]] = [
        ("queue", f"{row.queue}, priority {row.priority}"),
        ("created", f"{local(row.created_at)} ({ago(row.created_at, now)})"),
        ("started", _started(row)),
        ("ended", _ended(row)),
        ("due", f"{local(row.due)} ({ago(row.due, now)})" if row.due and not row.status.terminal else ""),
        ("kept until", local(row.expires_at)),
        ("worker", row.worker or ""),
        ("pinned to", f"code {row.pin}" if row.pin and not row.status.terminal else ""),
        ("attempt", f"{report.attempt}" if report.attempt > 1 else ""),
        ("generation", f"{row.generation}" if row.generation > 1 else ""),
        ("deaths", f"{counted(row.deaths, 'worker')} died with it" if row.deaths else ""),
        ("parent", f"{row.parent.hex()} ({row.parent_call})" if row.parent else ""),
        ("tags", "  ".join(f"{name}={value}" for name, value in row.tags.items())),
        ("input", _value(report.input)),
        ("result", _value(report.result) if row.status.value == "succeeded" else ""),
    ]
    return [[(f"  {name:<{_LABEL}}", "bright_black"), text] for name, text in facts if text]


def _started(row: RunRow) -> str:
    if row.started_at is None:
        return ""
    return f"{local(row.started_at)} (after {span(row.started_at - row.created_at)})"


def _ended(row: RunRow) -> str:
    if row.finished_at is None:
        return ""
    took = row.finished_at - (row.started_at or row.created_at)
    return f"{local(row.finished_at)} (took {span(took)})"


def _value(value: Any) -> str:
    return compact(value, 400)
