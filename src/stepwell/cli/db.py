"""`stepwell db`: creates the database's tables, and brings them up to date."""

from typing import Any

import click

from stepwell.cli.options import Verbs, as_json, database_only


@click.group(cls=Verbs)
def command() -> None:
    """Create and upgrade the database."""


@command.command()
@database_only
def init(url: str | None, namespace: str | None) -> None:
    """Create the tables, if they are not there."""
    _upgrade(url, namespace)


@command.command()
@click.option("--sql", is_flag=True, help="Print what would be executed, and execute nothing.")
@database_only
def upgrade(sql: bool, url: str | None, namespace: str | None) -> None:
    """Bring the tables up to date; workers one version older can go on meanwhile."""
    if not sql:
        _upgrade(url, namespace)
        return
    from stepwell.client.database import upgrade_sql

    click.echo(upgrade_sql(_settings(url, namespace)), nl=False)


@command.command()
@as_json
@database_only
def status(json: bool, url: str | None, namespace: str | None) -> None:
    """Say which schema the database has, and whether this version can use it. Exit code 5 if it cannot."""
    from stepwell.cli.absent import creation
    from stepwell.cli.failures import WORLD
    from stepwell.cli.terminal import line, print_json
    from stepwell.client.database import schema_report

    report = schema_report(_settings(url, namespace))
    if json:
        print_json(report._asdict())
    else:
        line("database  ", report.database)
        line("schema    ", f"{report.schema}" if report.schema else "none", f" (this version: {report.newest})")
        if report.usable:
            line("state     ", ("up to date", "green"))
        elif report.schema == 0:
            line("state     ", ("no tables", "yellow"), "; create them: ", creation(url))
        else:
            line("state     ", ("not usable", "red"), f"; pending: {', '.join(report.pending) or 'nothing'}")
    if not report.usable:
        click.get_current_context().exit(WORLD)


def _upgrade(url: str | None, namespace: str | None) -> None:
    from stepwell.cli.moments import CLOCK
    from stepwell.cli.terminal import line
    from stepwell.client import database as place

    settings = _settings(url, namespace)
    before = place.schema_report(settings)
    after = place.upgrade(settings, CLOCK)
    if before.schema == after.schema:
        line(f"{after.database} is up to date (schema {after.schema}).")
    else:
        for step in before.pending:
            line(("applied ", "green"), step)
        line(f"{after.database} has schema {after.schema}.")


def _settings(url: str | None, namespace: str | None) -> Any:
    from stepwell.client.config import settings

    return settings({"database_url": url, "namespace": namespace})
