"""`stepwell workers`: who works on the database."""

from typing import Any

import click

from stepwell.cli.options import Target, Verbs, as_json, place


@click.group(cls=Verbs)
def command() -> None:
    """List workers."""


@command.command("list")
@as_json
@place
def list_(target: Target, json: bool) -> None:
    """List the workers that are alive, or were until their lease ran out."""
    from stepwell.cli.moments import CLOCK
    from stepwell.cli.rows import worker_data
    from stepwell.cli.session import talk
    from stepwell.cli.terminal import line, print_json
    from stepwell.client.app import App
    from stepwell.client.versions import said

    async def look(client: Any) -> Any:
        return await client.workers(), await client.stranded() if isinstance(client, App) else []

    workers, lost = talk(target, look)
    now = CLOCK.now()
    if json:
        print_json({"workers": [worker_data(w) | {"alive": w.expires_at > now} for w in workers], "stranded": lost})
        return
    if not workers:
        line("No worker is alive. Begin one: stepwell worker app.py", err=True)
    else:
        _print(workers, now)
    for one in lost:
        line(("! ", "bold yellow"), f"{said(one)}. Start one, or let others: stepwell runs unpin RUN", err=True)


def _print(workers: list[Any], now: float) -> None:
    from stepwell.cli.moments import ago, span
    from stepwell.cli.terminal import Part, table

    def state(worker: Any) -> Part:
        if worker.expires_at <= now:
            return ("lost", "red")
        return ("draining", "yellow") if worker.draining else ("alive", "green")

    table(
        ["ID", "STATE", "HOST", "PID", "RUNS", "SLOTS", "BEAT", "UP", "VERSION"],
        [[w.id, state(w), w.host, str(w.pid), str(w.held), str(w.concurrency), ago(w.beat_at, now),
          span(now - w.started_at), w.version] for w in workers],
        right=["PID", "RUNS", "SLOTS"],
    )  # fmt: skip
