"""`stepwell events`: sends events to runs, or publishes them."""

from typing import Any

import click

from stepwell.cli.options import Target, Verbs, as_json, code, place


@click.group(cls=Verbs)
def command() -> None:
    """Send events to runs, or publish them."""


@command.command()
@click.argument("name")
@click.argument("payload", required=False)
@click.option("--key", "-k", metavar="KEY", help="To whichever run waits for the event with this key, now or later.")
@click.option("--run", "-r", metavar="RUN", help="To this run's own mailbox.")
@click.option("--id", "event_id", metavar="ID", help="Sending the same id again changes nothing.")
@code
@place
def send(name: str, payload: str | None, key: str | None, run: str | None, event_id: str | None,
         target: Target) -> None:  # fmt: skip
    """Send the event NAME to a key or to one run.

    PAYLOAD is JSON, @file, or - for standard input. With --app it is checked against the event's type.
    """
    from stepwell.cli.arguments import json_argument
    from stepwell.cli.session import talk
    from stepwell.cli.terminal import line

    if (key is None) == (run is None):
        raise click.UsageError("Give exactly one of --key and --run.")
    data = json_argument(payload)

    async def tell(client: Any) -> None:
        if target.app is not None:
            import msgspec

            client.registry.event(name).plan.decode(msgspec.json.encode(data))
        await client.events.send(name, key=key, run=run, data=data, id=event_id)

    talk(target, tell, create=run is None)
    line(("sent ", "green"), f"{name} to ", f"key {key}" if key is not None else f"run {run}", err=True)


@command.command()
@click.argument("name")
@click.argument("payload", required=False)
@click.option("--id", "event_id", metavar="ID", help="Publishing the same id again starts nothing twice.")
@as_json
@code
@place
def publish(name: str, payload: str | None, event_id: str | None, target: Target, json: bool) -> None:
    """Publish the event NAME: every workflow that is `on=` it is started.

    Without --app these are the workflows whose workers have been seen in this database.
    """
    from stepwell.cli.arguments import json_argument
    from stepwell.cli.session import talk
    from stepwell.cli.terminal import line, print_json
    from stepwell.cli.warned import unlogged
    from stepwell.client.app import App

    data = json_argument(payload)

    async def tell(client: Any) -> list[tuple[str, str]]:
        if isinstance(client, App) and target.app is None and name not in client.registry.events:
            client.event(name, Any)
        with unlogged("stepwell.client"):  # that nothing was on it is said below
            runs = await client.send(name, data, id=event_id)
        return [(run.id, run.workflow) for run in runs]

    runs = talk(target, tell, create=True)
    if json:
        print_json({"runs": [{"id": run_id, "workflow": workflow} for run_id, workflow in runs]})
        return
    for run_id, workflow in runs:
        line(run_id, "  ", workflow)
    if not runs:
        line("Nothing was started: no workflow is on this event.", err=True)
