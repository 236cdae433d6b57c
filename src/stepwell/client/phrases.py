"""Sentences about runs: what one does, waits for or failed with, in the words of the product."""

from collections.abc import Sequence
from typing import Final

from stepwell.client.shapes import DiffLine, Part, Summary, Why
from stepwell.client.timeline import CallView, open_of
from stepwell.client.titles import title_of
from stepwell.model.policy import Retry
from stepwell.model.rules import StepRules, WorkflowRules
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus as S

_WAITS: Final = "waiting for "
_KINDS: Final = {"event ": "", "timer ": "", "child run ": "child ", "step ": "", "folded scope ": ""}
LONGEST: Final = 200
_UNITS: Final = ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "m"), (60, "m", 1, "s"))


def span(seconds: float) -> str:
    """A length of time in at most two units: "120 ms", "3.1s", "1m 04s", "12h 04m", "3d 2h"."""
    if seconds < 0.9995:
        return f"{max(seconds, 0.0) * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f}s".replace(".0s", "s")
    whole = round(seconds)
    for unit, name, part, smaller in _UNITS:
        if whole >= unit:
            count, rest = divmod(whole, unit)
            if smaller == "h":
                return f"{count}d {rest // part}h"
            return f"{count}{name} {rest // part:02d}{smaller}"
    raise AssertionError


def cut(text: str, most: int = LONGEST) -> str:
    """The first line of a text, at most so long."""
    lines = text.strip().splitlines()
    line = lines[0] if lines else ""
    return line if len(line) <= most else line[: most - 1] + "…"


def now_of(row: RunRow, now: float) -> str | None:
    """What a row of a list says of its run; None when there is nothing to say beside its status."""
    match row.status:
        case S.QUEUED if row.due is not None and row.due > now:
            return f"Starts in {span(row.due - now)}"
        case S.RUNNING if row.cancelling:
            return "Cancelling"
        case S.RUNNING | S.QUEUED if row.progress is not None or row.note:
            return _progress(row)
        case S.QUEUED:
            return f"{row.deaths} workers were lost with it" if row.deaths > 1 else None
        case S.WAITING:
            return _waits(row, now)
        case S.FAILED | S.PARKED | S.PAUSED | S.CANCELLED:
            return _reason(row.reason)
        case _:
            return None


def _progress(row: RunRow) -> str:
    fraction = "" if row.progress is None else f"{row.progress:.0%}"
    return cut(f"{fraction} {row.note or ''}".strip())


def _reason(reason: str | None) -> str | None:
    if not reason:
        return None
    return cut(reason.removeprefix("stepwell.")).rstrip(":")


def why_of(row: RunRow) -> Why | None:
    """Why a run is parked, in parts: the first line of its reason, the lines that are set in below it, the rest."""
    if row.status is not S.PARKED or not (row.reason or "").strip():
        return None
    first, *rest = (row.reason or "").strip().splitlines()
    diff = [DiffLine(label.strip(), text.strip()) for line in rest if line.startswith("  ")
            for label, _, text in [line.partition(":")]]  # fmt: skip
    advice = "\n".join(line.strip() for line in rest if line.strip() and not line.startswith("  "))
    return Why(_sentence(first), diff, advice or None)


def _sentence(text: str) -> str:
    text = text.strip().rstrip(":.")
    return f"{text[:1].upper()}{text[1:]}."


def _waits(row: RunRow, now: float) -> str:
    reason = row.reason or ""
    left = "" if row.due is None else f", {span(row.due - now)} left"
    if not reason.startswith(_WAITS):
        return (cut(reason) or "Waits") + left
    parts = reason.removeprefix(_WAITS).split(", ")
    names = [n for part in parts if (n := _waited(part))]
    if names:
        more = f" and {len(names) - 2} more" if len(names) > 2 else ""
        return cut(f"Waits for {' and '.join(names[:2]) if not more else ', '.join(names[:2])}{more}{left}")
    if any(part.startswith("timer ") for part in parts):
        return "Sleeps" + left
    return "Between two attempts" + ("" if row.due is None else f", next in {span(row.due - now)}")


def _waited(part: str) -> str | None:
    """What one part of a reason waits for; None for sleeps, which the time that is left says."""
    for kind, said in _KINDS.items():
        if part.startswith(kind):
            return None if kind == "timer " else said + title_of(part.removeprefix(kind).rpartition("/")[2])
    return None


# -- the sentence over a run ---------------------------------------------------------------------------


class _Sentence:
    def __init__(self) -> None:
        self.parts: list[Part] = []

    def __call__(self, text: str, *, strong: bool = False) -> "_Sentence":
        if text:
            self.parts.append(Part(text, strong))
        return self

    def done(self) -> Summary:
        return Summary("".join(part.text for part in self.parts), self.parts)


def summary_of(row: RunRow, calls: Sequence[CallView], now: float, *, tries: dict[str, int] | None = None,
               error: tuple[str, str] | None = None, unserved: str | None = None) -> Summary:  # fmt: skip
    """The sentence. `tries`: how many attempts a step has at most, by the name of its call; `error`: type, message.

    `unserved`: why no worker can take the run.
    """
    say = _Sentence()
    match row.status:
        case S.SUCCEEDED:
            say("Succeeded", strong=True)(f" after {span((row.finished_at or now) - row.created_at)}.")
        case S.FAILED:
            _failed(say, calls, error)
        case S.CANCELLED:
            undone = sum(call.undo and call.kind == "undo" and call.status == "succeeded" for call in calls)
            say("Cancelled", strong=True)(f"; {undone} {'step' if undone == 1 else 'steps'} undone." if undone else ".")
        case S.TERMINATED:
            say("Terminated", strong=True)(" without rollbacks.")
        case S.PAUSED:
            say("Paused", strong=True)(" by an operator; resume lets it go on.")
        case S.PARKED:
            say("Parked: it needs a person.", strong=True)(f" {_sentence(cut(row.reason))}" if row.reason else "")
        case _:
            _under_way(say, row, calls, now, tries or {}, unserved)
    return say.done()


def _failed(say: _Sentence, calls: Sequence[CallView], error: tuple[str, str] | None) -> None:
    guilty = next((c for c in reversed(calls) if c.kind == "step" and c.status == "failed"), None)
    if guilty is not None:
        many = len(guilty.attempts)
        say(guilty.name, strong=True)(f" failed after {many} attempts" if many > 1 else " failed")
    else:
        say("Failed", strong=True)
    if error is None:
        say(".")
    else:
        say(": ")(error[0], strong=True)(f": {cut(error[1])}" if error[1] else ".")


def _under_way(say: _Sentence, row: RunRow, calls: Sequence[CallView], now: float, tries: dict[str, int],
               unserved: str | None) -> None:  # fmt: skip
    if row.cancelling:
        say("Cancelling", strong=True)(". ")
    at = open_of(calls)
    doing = [c for c in at if c.kind in ("step", "undo", "nested") and c.status in ("running", "unknown")]
    resting = [c for c in at if c not in doing]
    if row.status is S.QUEUED and not doing:
        late = row.due is not None and row.due > now
        about = f": {unserved}" if unserved else ""
        say("Delayed" if late else "Queued", strong=True)
        say(f", starts in {span(row.due - now)}." if late and row.due is not None else f" in {row.queue}{about}.")
    for n, call in enumerate(doing[:2]):
        say(" " if n else "")("Undoing with " if call.undo else "Running ")(call.name, strong=True)
        say(_attempt(call, tries))(".")
    if len(doing) > 2:
        say(f" And {len(doing) - 2} more.")
    for call in resting[:2]:
        begun = " Also waits" if doing else "Waits" if not say.parts or say.parts[-1].text.endswith(" ") else " Waits"
        say(begun if call is resting[0] else " And")
        _rest(say, call, now, tries)
    if len(resting) > 2:
        say(f" And {len(resting) - 2} more.")
    if not at and row.status is not S.QUEUED:
        say(now_of(row, now) or ("A worker holds it" if row.status is S.RUNNING else "Waits"))(".")


def _rest(say: _Sentence, call: CallView, now: float, tries: dict[str, int]) -> None:
    left = "" if call.due is None else f", {span(call.due - now)} left"
    if call.kind == "wait":
        say(" for ")(call.event or call.name, strong=True)(f" with key {cut(call.key, 60)}" if call.key else "")(left)
    elif call.kind in ("sleep", "timeout"):
        say(" until ")(call.name, strong=True)(" is over")(left)
    elif call.kind == "child":
        say(" for child ")(call.child or call.name, strong=True)
    elif call.status == "queued":
        say(" for a free slot for ")(call.name, strong=True)
    else:
        due = "" if call.due is None else f" in {span(call.due - now)}"
        say(" to try ")(call.name, strong=True)(f" again{due}")(_attempt(call, tries))
    say(".")


def _attempt(call: CallView, tries: dict[str, int]) -> str:
    failed = sum(attempt.status in ("failed", "unknown") and not attempt.lost for attempt in call.attempts)
    most = tries.get(call.name.partition(" #")[0])
    if not failed:
        return ""
    return f", attempt {failed + 1}" + (f" of {most}" if most else "")


# -- policies ------------------------------------------------------------------------------------------


def policy_of(rules: StepRules | WorkflowRules) -> str:
    """A policy in words: "6 attempts, 2s apart, doubling, at most 24h; 30s each"."""
    said = [_retries(rules.retry)]
    if isinstance(rules, StepRules):
        if rules.timeout is not None:
            said.append(f"at most {span(rules.timeout)} each")
        if str(getattr(rules.effect, "value", "")) == "at_most_once":
            said.append("at most once")
    elif rules.deadline is not None:
        said.append(f"at most {span(rules.deadline)} in all")
    if rules.queue_timeout is not None:
        said.append(f"at most {span(rules.queue_timeout)} in the queue")
    return "; ".join(said)


def _retries(retry: Retry) -> str:
    if not retry.retries:
        return "1 attempt"
    growth = {"constant": "", "linear": ", growing", "exponential": ", doubling"}[retry.backoff]
    return f"{retry.retries + 1} attempts, {span(retry.delay)} apart{growth}"
