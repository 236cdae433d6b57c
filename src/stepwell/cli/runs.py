"""`stepwell runs`: lists runs, shows them, watches them, and steers them."""

from collections.abc import Callable
from typing import Any, Final

import click

from stepwell.cli.options import Target, Verbs, as_json, code, place

LONGEST_REASON: Final = 160


@click.group(cls=Verbs)
def command() -> None:
    """List, show, watch and steer runs."""


@command.command("list")
@click.option("--status", "-s", multiple=True, metavar="STATUS",
              help="Only these: queued, running, …; also other systems' words: pending, completed, …")  # fmt: skip
@click.option("--workflow", "-w", multiple=True, metavar="NAME", help="Only runs of these workflows.")
@click.option("--queue", "-q", multiple=True, metavar="NAME", help="Only runs of these queues.")
@click.option("--tag", "-t", multiple=True, metavar="NAME=VALUE", help="Only runs with all of these tags.")
@click.option("--id-prefix", metavar="TEXT", help="Only runs whose id begins so.")
@click.option("--since", metavar="WHEN", help="Created since: 2h (ago), 2026-01-31, 2026-01-31T10:00Z.")
@click.option("--until", metavar="WHEN", help="Created before.")
@click.option("--limit", "-l", type=click.IntRange(1, 1000), default=20, metavar="N", help="At most so many (20).")
@click.option("--after", metavar="CURSOR", help="Go on after this cursor (the end of the page before).")
@as_json
@place
def list_(target: Target, json: bool, since: str | None, until: str | None, limit: int,
          after: str | None, tag: tuple[str, ...], **which: Any) -> None:  # fmt: skip
    """List runs, newest first."""
    from stepwell.cli.arguments import moment, tags
    from stepwell.cli.moments import CLOCK
    from stepwell.cli.rows import run_data
    from stepwell.cli.session import talk
    from stepwell.cli.terminal import line, print_json

    now = CLOCK.now()
    filters = {name: value for name, value in which.items() if value} | {"tags": tags(tag)}
    filters |= {"since": moment(since, now), "until": moment(until, now)}
    page = talk(target, lambda client: client.runs.list(limit=limit, after=after, **filters))
    if json:
        runs = [run_data(row) | {"brief": page.briefs.get(row.key)} for row in page.runs]
        print_json({"runs": runs, "after": page.after})
        return
    if not page.runs:
        line("No runs" + (" match." if len(filters) > 3 or tag or since or until else " yet."), err=True)
        return
    _print_list(page.runs, page.briefs, now)
    if page.after is not None:
        line(("There may be more: ", "bright_black"), f"--after {page.after}", err=True)


def _print_list(rows: list[Any], briefs: dict[bytes, str], now: float) -> None:
    from stepwell.cli.moments import ago, span
    from stepwell.cli.terminal import STYLES, table

    def took(row: Any) -> str:
        if row.started_at is None:
            return ""
        if row.finished_at is None and row.status.value not in ("running", "waiting"):
            return ""
        return span((row.finished_at or now) - row.started_at)

    table(
        ["ID", "WORKFLOW", "STATUS", "CREATED", "TOOK", "ABOUT"],
        [
            [row.id, row.workflow, (row.status.value, STYLES[row.status.value]), ago(row.created_at, now), took(row),
             (_about(row, briefs.get(row.key)), "bright_black")]
            for row in rows
        ],
        right=["TOOK"],
        squeeze={"ABOUT": 0, "WORKFLOW": 8},
    )  # fmt: skip


def _about(row: Any, brief: str | None = None) -> str:
    from stepwell.cli.terminal import cut

    facts = []
    if brief is not None:
        facts.append(brief)
    elif row.progress is not None:
        facts.append(f"{row.progress:.0%} {row.note or ''}".strip())
    if row.cancelling and not row.status.terminal:
        facts.append("cancelling")
    if row.reason and row.status.value in ("waiting", "parked", "paused", "failed"):
        facts.append(cut(" ".join(row.reason.split()), LONGEST_REASON))
    facts += [f"{name}={value}" for name, value in row.tags.items()]
    return " · ".join(facts)


@command.command()
@click.argument("run")
@click.option("--generation", "-g", type=click.IntRange(1), metavar="N", help="The journal of this generation.")
@click.option("--all", "whole", is_flag=True,
              help="The whole journal; a terminal gets the beginning and the end of a long one.")  # fmt: skip
@as_json
@code
@place
def show(run: str, generation: int | None, whole: bool, target: Target, json: bool) -> None:
    """Show a run: its state, its journal as a tree, its errors.

    With --app the code is replayed over the journal (nothing is executed) to show what the body waits for.
    """
    import sys

    from stepwell.cli.rows import report_data, run_data
    from stepwell.cli.session import talk
    from stepwell.cli.showing import MOST, print_run
    from stepwell.cli.snapshot import snapshot
    from stepwell.cli.terminal import print_json

    async def look(client: Any) -> Any:
        return await snapshot(client, run, generation, replay=target.app is not None), await client.runs.status(run)

    seen, report = talk(target, look)
    if json:
        print_json(run_data(seen.row) | report_data(report) | {"journal": seen.entries})
    else:
        print_run(seen, report, None if whole or not sys.stdout.isatty() else MOST)


@command.command()
@click.argument("run")
@click.option("--every", type=click.FloatRange(0.05), default=0.5, metavar="SECONDS",
              help="Look so often (0.5); a server tells by itself.")  # fmt: skip
@code
@place
def watch(run: str, every: float, target: Target) -> None:
    """Watch a run until it ends or needs a person; exit code 0 only if it succeeds.

    In a terminal it is a live tree; elsewhere a line for whatever happens.
    """
    from stepwell.cli.session import talk
    from stepwell.cli.watching import interruptible, watched

    with interruptible():
        row = talk(target, lambda client: watched(client, run, every, replay=target.app is not None))
    if row.status.value != "succeeded":
        click.get_current_context().exit(1)


@command.command()
@click.argument("run")
@click.option("--follow", "-f", is_flag=True, help="Go on until the run ends or needs a person.")
@click.option("--level", metavar="LEVEL", help="This level and above: debug, info, warning, error, critical.")
@click.option("--limit", "-l", type=click.IntRange(1, 1000), default=200, metavar="N", help="The last N lines (200).")
@as_json
@place
def logs(run: str, follow: bool, level: str | None, limit: int, target: Target, json: bool) -> None:
    """Show what a run's body and steps have logged."""
    from stepwell.cli.loglines import followed, logged, print_lines
    from stepwell.cli.session import talk
    from stepwell.cli.terminal import line, print_json

    if follow:
        talk(target, lambda client: followed(client, run, level, limit, json=json))
        return
    lines = talk(target, lambda client: logged(client, run, level, limit))
    if json:
        print_json({"lines": lines})
    elif not lines:
        line("Nothing was logged.", err=True)
    print_lines([] if json else lines)


# -- steering --------------------------------------------------------------------------------------

_VERBS = {
    "pause": "Stop runs after the steps that are running; their results are kept.",
    "resume": "Let paused or parked runs go on.",
    "cancel": "Ask runs to stop: no further step starts, rollbacks run.",
    "terminate": "Stop runs now, without rollbacks.",
    "restart": "Begin runs again from the beginning, with the same id and input.",
    "retry": "Go on from the failed step; what is recorded before it stays.",
    "unpin": "Let any code go on with pinned runs; code that does not fit parks them.",
}
_SURE = {"terminate": "Rollbacks will not run.", "restart": "Every step will run again."}


def _verb(name: str, about: str) -> click.Command:
    @click.argument("runs", nargs=-1, required=True, metavar="RUN...")
    @as_json
    @place
    def steer(runs: tuple[str, ...], target: Target, json: bool, yes: bool = True) -> None:
        if not yes:
            _make_sure(name, runs)
        _steer(name, runs, target, json)

    made: Callable[..., Any] = steer
    if name in _SURE:
        made = click.option("--yes", "-y", is_flag=True, help="Do not ask.")(made)
    return click.command(name, help=about)(made)


def _make_sure(verb: str, runs: tuple[str, ...]) -> None:
    """Ask a person; a script has said what it wants."""
    import sys

    from stepwell.client.printable import printable

    if sys.stdin.isatty():
        what = printable(runs[0]) if len(runs) == 1 else f"{len(runs)} runs"
        click.confirm(f"{verb.capitalize()} {what}? {_SURE[verb]}", abort=True)


def _steer(verb: str, runs: tuple[str, ...], target: Target, json: bool) -> None:
    from stepwell.cli.failures import exit_code_of, shown
    from stepwell.cli.rows import run_data
    from stepwell.cli.session import talk
    from stepwell.cli.terminal import STYLES, line, print_json
    from stepwell.errors import EngineRefusal

    async def each(client: Any) -> list[Any]:
        answers: list[Any] = []
        for run_id in runs:
            try:
                await getattr(await client.runs.get(run_id), verb)()
                answers.append(await client.runs.row(run_id))
            except EngineRefusal as error:
                answers.append(error)
        return answers

    answers = talk(target, each)
    errors = [answer for answer in answers if isinstance(answer, EngineRefusal)]
    if json:
        print_json({"runs": [run_data(row) for row in answers if not isinstance(row, EngineRefusal)],
                    "errors": [{"code": e.code, "message": str(e)} for e in errors]})  # fmt: skip
    for answer in answers:
        if isinstance(answer, EngineRefusal):
            failure = shown(answer)
            assert isinstance(failure, click.ClickException)
            failure.show()
        elif not json:
            status = str(answer.status.value)
            line(answer.id, "  ", _doing(verb, answer), (status, STYLES[status]))
    if errors:
        click.get_current_context().exit(exit_code_of(errors[0]))


def _doing(verb: str, row: Any) -> str:
    """What has been asked for and is still to be done by whoever takes the run or has it."""
    if verb == "cancel" and row.cancelling and not row.status.terminal:
        return "cancelling, "
    return "pausing, " if verb == "pause" and row.status.value == "running" else ""


for _name, _about_verb in _VERBS.items():
    command.add_command(_verb(_name, _about_verb))
