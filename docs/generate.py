"""Writes the generated parts of the documentation: tables and diagrams that the code itself knows.

    python docs/generate.py            # rewrite them
    python docs/generate.py --check    # say which are not current; exit code 1 if one is not

A part stands between `<!-- generated: NAME -->` and `<!-- /generated -->`, in any page.
"""

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

from stepwell import App, StepwellError
from stepwell.client.config import PREFIX, Settings
from stepwell.core import admission, payloads
from stepwell.core.kernel import ACTIVATION_BUDGET
from stepwell.core.retry import next_delay
from stepwell.core.syscalls import OPEN_CALLS
from stepwell.core.transitions import MOVES, VERBS, Act, Verb
from stepwell.errors import ERRORS, EngineRefusal, RunError, UsageError, WorkError, WorldError
from stepwell.model.duration import LONGEST, describe
from stepwell.model.policy import BACKOFFS, Policy, Retry
from stepwell.model.status import ALIASES, RunStatus
from stepwell.ports.store import ALONE, DEATHS
from stepwell.runtime.activation import KEEP_HOT
from stepwell.runtime.reaper import EVERY

# Errors register themselves: every module that defines some has to be there, whatever imported this one.
HOMES = ("stepwell.errors", "stepwell.authoring.starting", "stepwell.client.discover", "stepwell.server.refusals")
for home in HOMES:
    import_module(home)

DOCS = Path(__file__).parent
PART = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- /generated -->)", re.DOTALL)


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


# --- the life of a run ---------------------------------------------------------------------------------------


def states() -> str:
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> queued: start"]
    for state, moves in MOVES.items():
        lines += [f"    {state} --> {to}: {what}" for what, to in moves.items()]
    lines += [f"    {state} --> [*]" for state in RunStatus if state.terminal]
    return "\n".join([*lines, "```"]) + "\n"


def verbs() -> str:
    short = {
        None: "refused",
        Act.NOTHING: "–",
        Act.POST: "told to its holder",
        Act.SET: "at once",
        Act.OPEN: "new generation",
        Act.REWIND: "rewinds",
        Act.FREE: "at once",
    }
    rows = [[f"`{verb}`", *(short[VERBS[verb].get(state)] for state in RunStatus)] for verb in Verb]
    return table(["", *RunStatus], rows)


def words() -> str:
    theirs: dict[RunStatus, list[str]] = {state: [] for state in RunStatus}
    for word, state in ALIASES.items():
        theirs[state].append(word)
    return table(["state", "also understood as a filter"], [[f"`{s}`", ", ".join(w)] for s, w in theirs.items() if w])


# --- steps ---------------------------------------------------------------------------------------------------


def delays() -> str:
    rows = []
    for backoff in BACKOFFS:
        retry = Retry(100, delay="2s", backoff=backoff, jitter=0)
        cells = [describe(delay) for n in (1, 2, 3, 4, 10, 20) if (delay := next_delay(retry, n, True, None, 0.5))]
        rows.append([f"`{backoff}`", {"constant": "d", "linear": "d · n", "exponential": "d · 2ⁿ⁻¹"}[backoff], *cells])
    return table(["backoff", "n-th delay", "1st", "2nd", "3rd", "4th", "10th", "20th"], rows)


# --- errors --------------------------------------------------------------------------------------------------

FAMILIES: list[tuple[type[StepwellError], str]] = [
    (UsageError, "The caller: the calling code has to change"),
    (RunError, "The run's owner: how a run ended"),
    (WorkError, "The workflow's author: something inside a run did not succeed"),
    (EngineRefusal, "The operator or caller: the engine understood, and says no"),
    (WorldError, "Whoever runs the machines: database, disk, network"),
]


def errors() -> str:
    parts = []
    for family, heading in FAMILIES:
        rows = [
            [f"`{code}`", f"`{cls.__name__}`", "yes" if cls.retryable else "", first_sentence(cls.__doc__)]
            for code, cls in sorted(ERRORS.items(), key=lambda item: HOMES.index(item[1].__module__))
            if issubclass(cls, family)
        ]
        parts.append(f"### {heading}\n\n" + table(["code", "class", "retried", "meaning"], rows))
    return "\n".join(parts)


def first_sentence(doc: str | None) -> str:
    text = " ".join((doc or "").split())
    return re.split(r"(?<=\.) (?=[A-Z`])", text)[0]


# --- configuration -------------------------------------------------------------------------------------------

MEANING: dict[str, tuple[str, str]] = {
    "database_url": ("", "The database: `sqlite:///relative.db`, `sqlite:////absolute/path.db`, `memory://`."),
    "namespace": ("", "Several systems in one database: each sees its own runs only."),
    "mode": ("", "`all` works and talks, `client` only talks to the database, `worker` is as `all`."),
    "concurrency": ("step bodies", "How many run at once in each worker, thread steps included."),
    "poll_interval": ("seconds", "How often an idle worker looks for work unasked; it backs off to 5 s."),
    "lease": ("seconds", "How long a worker that is not heard of keeps its runs. It beats three times as often."),
    "grace": ("seconds", "How long a stopping worker lets running steps finish."),
    "hot_runs": ("runs", "How many suspended runs a worker keeps in memory, to spare their replay."),
    "durability": ("", "`full`: acknowledged is on disk. `normal`: see [Durability](durability.md)."),
    "log_level": ("", "What the engine logs to standard error: `debug`, `info`, `warning` or `error`."),
    "retention": ("seconds", "How long ended runs are kept; for ever when unset."),
}
TIMES = {name for name, (unit, _) in MEANING.items() if unit == "seconds"}


def settings() -> str:
    arguments = {"database_url": "url", **{name: name for name in inspect.signature(App).parameters}}
    defaults = Settings()
    rows = []
    for name in Settings.__struct_fields__:
        if name == "origin":
            continue
        unit, meaning = MEANING[name]
        value = getattr(defaults, name)
        said = "–" if value is None else f"`{value:g}`" if name in TIMES else f"`{value}`"
        argument = f"`{arguments[name]}=`" if name in arguments else "–"
        rows.append([f"`{PREFIX}{name.upper()}`", argument, said, unit, meaning])
    return table(["variable", "`App(…)`", "default", "unit", "meaning"], rows)


def defaults() -> str:
    retry, step = Retry(), Policy().retry()
    rows = [
        ["`retries` of a step or workflow, not given", str(step.retries), "further attempts"],
        ["`retries` of `Retry()`", str(retry.retries), "further attempts"],
        ["`delay`", f"{retry.delay:g}", "seconds"],
        ["`backoff`", retry.backoff, ""],
        ["`max_delay`", f"{retry.max_delay:g}", "seconds (24 h)"],
        ["`jitter`", f"{retry.jitter:g}", "fraction, both ways"],
        ["`timeout`, `queue_timeout`, `deadline`", "none", "seconds"],
        ["`timeout=` of a wait", "none", "seconds; `App(event_timeout=…)` changes it"],
        ["`effect`", "`at_least_once`", ""],
        ["`priority`", "100", "lower first"],
        ["one point of priority", f"{admission.AGEING:g}", "seconds of waiting"],
        ["head start of a run that goes on", f"{admission.RESUMED:g}", "seconds"],
        ["`queue`", "`default`", ""],
        ["longest duration", f"{LONGEST:,}", "seconds (100 years)"],
        ["payload kept in the journal", f"{payloads.INLINE:,}", "bytes, larger ones beside it"],
        ["largest payload", f"{payloads.LARGEST:,}", "bytes"],
        ["open calls of a run, and as many timers", f"{OPEN_CALLS:,}", "calls"],
        ["callbacks of a body without waiting", f"{ACTIVATION_BUDGET:,}", "callbacks, then it is parked"],
        ["waits sat out without giving the lease back", f"{KEEP_HOT:g}", "seconds, at most"],
        ["deaths after which a run is executed alone", str(ALONE), "workers"],
        ["deaths after which it is quarantined", str(DEATHS), "workers"],
        ["retention looks for what may go every", f"{EVERY:g}", "seconds"],
    ]
    return table(["what", "default", "unit"], rows)


PARTS: dict[str, Callable[[], str]] = {
    "states": states,
    "verbs": verbs,
    "words": words,
    "delays": delays,
    "errors": errors,
    "settings": settings,
    "defaults": defaults,
}


def rendered(text: str) -> str:
    """A page with its generated parts as they should be."""
    return PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]()}\n{part[3]}", text)


def pages() -> Iterator[tuple[Path, str, str]]:
    """(page, as it is, as it should be), of those that have generated parts."""
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        if PART.search(text):
            yield page, text, rendered(text)


def main(check: bool) -> int:
    stale = [(page, wanted) for page, there, wanted in pages() if there != wanted]
    for page, wanted in stale:
        print(f"{page.relative_to(DOCS)} {'is not current' if check else 'rewritten'}")
        if not check:
            page.write_text(wanted, encoding="utf-8")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv[1:]))
