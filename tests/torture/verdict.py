"""What must hold after a torture run, checked from the external log and the database."""

from collections import Counter
from pathlib import Path
from typing import Any

from stepwell import App, RunFailed
from tests.torture.flows import EXPECTED, SHORTEST_TIMER
from tests.torture.log import THAWED, read

CLOCKS = 0.1
"""How far the database's clock, by which entries are stamped, may be from the log's; repeats come a lease later."""


class Verdict:
    """Collects violations; an empty list means that everything held."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.facts: Counter[str] = Counter()

    def expect(self, holds: bool, what: str) -> None:
        """Note a violation unless it holds."""
        if not holds:
            self.violations.append(what)


async def check(app: App, log_path: Path) -> Verdict:
    """P1 to P8 as far as an outsider can see them."""
    verdict = Verdict()
    log = read(log_path)
    verdict.facts.update(record["what"] for record in log)
    await _results(app, log, verdict)
    await _no_step_twice(app, log, verdict)
    await _counts(app, verdict)
    return verdict


async def _results(app: App, log: list[dict[str, Any]], verdict: Verdict) -> None:
    for record in (r for r in log if r["what"] == "started"):
        run = await app.runs.get(record["run"])
        expected = EXPECTED[run.workflow](record["x"])
        try:
            result = await run.result(timeout=60)
        except RunFailed as error:
            verdict.expect(run.workflow == "saga" and "as planned" in str(error.__cause__), f"{run.id} failed: {error}")
            undone = [e["call"] for e in await run.journal() if e["k"] == "step" and "undo" in e["call"]]
            verdict.expect(len(undone) == 2, f"{run.id}: undone {undone}")
        except Exception as error:
            verdict.expect(False, f"{run.id} ({run.workflow}): {type(error).__name__}: {error}")
        else:
            verdict.expect(result == expected, f"{run.id} ({run.workflow}): {result!r} instead of {expected!r}")


async def _no_step_twice(app: App, log: list[dict[str, Any]], verdict: Verdict) -> None:
    """P2: no body starts after its step's outcome was committed; P4: no message is consumed twice."""
    begun = _begun(log)
    consumed: Counter[str] = Counter()
    after: str | None = None
    while True:
        page = await app.runs.list(limit=500, after=after)
        for row in page.runs:
            run = await app.runs.get(row.id)
            journal = await run.journal()
            _no_timer_early(row.id, journal, verdict)
            for entry in journal:
                if entry["k"] == "step":
                    late = [r for r in begun.get((row.id, entry["call"]), []) if r["at"] > entry["at"] + CLOCKS]
                    excused = [record for record in late if record["excused"]]
                    verdict.facts["excused"] += len(excused)
                    verdict.expect(late == excused, f"{row.id} started again after its commit: {entry}, {late}")
                if entry["k"] == "event" and entry.get("id"):
                    consumed[entry["id"]] += 1
            verdict.facts["runs"] += 1
            verdict.facts[f"id {row.id}"] += 1
        if page.after is None:
            break
        after = page.after
    for message, times in consumed.items():
        verdict.expect(times == 1, f"message {message} was consumed {times} times")
    sent = {r["id"] for r in log if r["what"] == "sent"}
    verdict.expect(sent <= set(consumed), f"{len(sent - set(consumed))} acknowledged messages were never consumed")


def _begun(log: list[dict[str, Any]]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The beginnings of bodies by run and call.

    A process asks whether its lease holds, and enters the body. Nothing helps one that is stopped in between: when it
    goes on, what it does first is `excused`.
    """
    begun: dict[tuple[str, str], list[dict[str, Any]]] = {}
    thawed: set[int] = set()
    for record in log:
        if record["what"] == THAWED:
            thawed.add(record["of"])
        elif record["what"] == "begin":
            begun.setdefault((record["run"], record["call"]), []).append(record | {"excused": record["pid"] in thawed})
        if record["what"] != THAWED:
            thawed.discard(record["pid"])
    return begun


def _no_timer_early(run_id: str, journal: list[dict[str, Any]], verdict: Verdict) -> None:
    """P8: every timer of these workflows is at least so long."""
    for entry in journal:
        if entry["k"] == "timer":
            slept = entry["at"] - journal[entry["opened"] - 1]["at"]
            verdict.facts["timers"] += 1
            verdict.expect(slept >= SHORTEST_TIMER - 1e-6, f"{run_id} {entry['call']}: fired after {slept:.3f} s")


async def _counts(app: App, verdict: Verdict) -> None:
    """P7: one run per id. P15: what is counted is what is there, and nothing of it is under way any more."""
    for fact, times in verdict.facts.items():
        verdict.expect(times == 1 or not fact.startswith("id "), f"{times} runs have the {fact}")
    counts = await app.runs.count()
    verdict.expect(sum(counts.values()) == verdict.facts["runs"], f"{counts} of {verdict.facts['runs']} runs")
    verdict.expect(set(counts) <= {"succeeded", "failed"}, f"not all have ended: {counts}")
