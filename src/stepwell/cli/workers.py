"""`stepwell workers`: who works on the database."""

from typing import Any, Final

import click

from stepwell.cli.options import Target, Verbs, as_json, place

LATE: Final = 0.5
"""The part of its lease that a worker may have been silent for: it beats every third of it."""


@click.group(cls=Verbs)
def command() -> None:
    """List workers."""


@command.command("list")
@as_json
@place
def list_(target: Target, json: bool) -> None:
    """List the workers that are alive, or were until their lease ran out."""
    from stepwell.cli.moments import now_by
    from stepwell.cli.rows import worker_data
    from stepwell.cli.session import talk
    from stepwell.cli.terminal import line, print_json
    from stepwell.client.versions import said

    async def look(client: Any) -> Any:
        return await client.workers(), await client.stranded(), now_by(client)

    workers, lost, now = talk(target, look)
    if json:
        states = {w.id: state(w, now) for w in workers}
        print_json({"workers": [worker_data(w) | {"state": states[w.id], "alive": w.expires_at > now,
                                                  "late": states[w.id] == "late"} for w in workers],
                    "stranded": lost})  # fmt: skip
        return
    if not workers:
        line("No worker is alive. Begin one: stepwell worker app.py", err=True)
    else:
        _print(workers, now)
        _warn(workers, now)
    for one in lost:
        line(("! ", "bold yellow"), f"{said(one)}. Start one, or let others: stepwell runs unpin RUN", err=True)


def state(worker: Any, now: float) -> str:
    """How a worker is: "lost" when its lease is over, "late" when it has missed a heartbeat; else draining or alive."""
    if worker.expires_at <= now:
        return "lost"
    if now - worker.beat_at > LATE * (worker.expires_at - worker.beat_at):
        return "late"
    return "draining" if worker.draining else "alive"


def _print(workers: list[Any], now: float) -> None:
    from stepwell.cli.moments import ago, span
    from stepwell.cli.terminal import table

    colours = {"lost": "red", "late": "bold yellow", "draining": "yellow", "alive": "green"}
    states = [state(worker, now) for worker in workers]
    table(
        ["ID", "STATE", "HOST", "PID", "RUNS", "SLOTS", "BEAT", "UP", "VERSION"],
        [[w.id, (how, colours[how]), w.host, str(w.pid), str(w.held), str(w.concurrency), ago(w.beat_at, now),
          span(now - w.started_at), w.version] for w, how in zip(workers, states, strict=True)],
        right=["PID", "RUNS", "SLOTS"],
    )  # fmt: skip


def _warn(workers: list[Any], now: float) -> None:
    """What to do about those that are not heard of."""
    from stepwell.cli.moments import counted, span
    from stepwell.cli.terminal import line

    for w in workers:
        if (how := state(w, now)) in ("late", "lost"):
            what = f"process {w.pid} on {w.host or 'an unknown host'} has not been heard of for {span(now - w.beat_at)}"
            runs = counted(w.held, "run")
            then = (
                f"its {runs} go to others"
                if how == "lost"
                else f"in {span(w.expires_at - now)} its {runs} go to others"
            )
            line(("! ", "bold yellow"), f"{what}; {then}", err=True)
