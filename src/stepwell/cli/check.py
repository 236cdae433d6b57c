"""`stepwell check`: replays the runs in flight against the code that is to be deployed."""

from collections import Counter
from typing import Any

import click

from stepwell.cli.options import Target, as_json, database_only

SHOWN = 20
"""Misfits printed in full; --json has them all."""


@click.command()
@click.option("--app", "-a", metavar="REF", required=True, envvar="STEPWELL_APP",
              help="The code: module:app or file.py.  [env: STEPWELL_APP]")  # fmt: skip
@as_json
@database_only
def command(app: str, json: bool, url: str | None, namespace: str | None) -> None:
    """Replay every run that has not ended against the code, and say which no longer fit.

    Nothing is executed and nothing is written. A run fits if the code asks for what its journal has, with the same
    arguments. Exit code 1 if one does not, or if the code lacks its workflow.
    """
    from stepwell.cli.session import talk

    verdicts = talk(Target(url, namespace, app, local=True), _looked)
    misfits = [verdict for verdict in verdicts if not verdict.ok]
    if json:
        _print_json(verdicts)
    else:
        _print(verdicts, misfits)
    if misfits:
        click.get_current_context().exit(1)


async def _looked(app: Any) -> list[Any]:
    """All verdicts; a long work shows how far it is."""
    import sys

    from stepwell.cli.terminal import fancy
    from stepwell.client.check import check_all, open_runs

    total = await open_runs(app)
    if not fancy(sys.stderr) or total < 50:
        return [verdict async for verdict in check_all(app)]
    from rich.console import Console
    from rich.progress import Progress

    verdicts = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("replaying", total=total)
        async for verdict in check_all(app):
            verdicts.append(verdict)
            progress.advance(task)
    return verdicts


def _print_json(verdicts: list[Any]) -> None:
    from stepwell.cli.terminal import print_json

    counts = Counter(verdict.fit.value for verdict in verdicts)
    print_json({
        "checked": len(verdicts),
        "counts": counts,
        "misfits": [{"id": v.run_id, "workflow": v.workflow, "status": v.status.value, "fit": v.fit.value,
                     "diff": v.diff} for v in verdicts if not v.ok],
    })  # fmt: skip


def _print(verdicts: list[Any], misfits: list[Any]) -> None:
    from stepwell.cli.moments import counted
    from stepwell.cli.terminal import STYLES, line

    pinned = [verdict for verdict in verdicts if verdict.fit.value == "pinned to other code"]
    for verdict in misfits[:SHOWN]:
        status = verdict.status.value
        line(
            (verdict.run_id, "bold"),
            f"  {verdict.workflow}  ",
            (status, STYLES[status]),
            "  ",
            (verdict.fit.value, "red"),
        )
        for text in verdict.diff.splitlines():
            line("  ", text.strip() if verdict.fit.value != "diverges" else text)
    if len(misfits) > SHOWN:
        line(f"… and {len(misfits) - SHOWN} more; --json has them all.")
    if misfits:
        line()
        counts = Counter(verdict.fit.value for verdict in misfits)
        said = ", ".join(f"{n} {fit}" for fit, n in counts.items())
        line(("do not fit: ", "bold red"), f"{said} of {counted(len(verdicts), 'run')} in flight.")
        _print_fate(counts["unknown workflow"], len(misfits))
    else:
        line(("all fit: ", "bold green"), f"{counted(len(verdicts) - len(pinned), 'run')} in flight replayed.")
    if pinned:
        line(("pinned: ", "bold yellow"), f"{counted(len(pinned), 'run')} stay with workers that have other code; "
             "keep one of each until they have ended: stepwell versions list")  # fmt: skip


def _print_fate(unknown: int, misfits: int) -> None:
    """What would become of the runs that do not fit: a worker takes no run of which it has no code at all."""
    from stepwell.cli.moments import counted
    from stepwell.cli.terminal import line

    if misfits > unknown:
        who = "they" if not unknown else counted(misfits - unknown, "run")
        line(f"Deployed so, {who} would be parked until code that fits them comes, or they are restarted.")
    if unknown:
        whom = "them" if misfits == unknown else counted(unknown, "run")
        line(f"Deployed so, nobody would take {whom}: a worker takes only runs of workflows that it has.")
