"""`stepwell worker`: works on an app's runs, in one or more processes."""

import click

from stepwell.cli.options import database_only

LEVELS = click.Choice(["debug", "info", "warning", "error"], case_sensitive=False)
FORMATS = click.Choice(["text", "json"], case_sensitive=False)


@click.command()
@click.argument("app", metavar="REF", envvar="STEPWELL_APP")
@click.option("--processes", "-p", type=click.IntRange(1, 256), default=1, show_default=True, metavar="N",
              help="How many worker processes; more of them for more cores.")  # fmt: skip
@click.option("--concurrency", "-c", type=click.IntRange(1), metavar="N",
              help="Step bodies at once in each process.  [env: STEPWELL_CONCURRENCY; default: 10]")  # fmt: skip
@click.option("--queues", "-q", multiple=True, metavar="NAME", help="Serve only these queues (repeat, or a,b).")
@click.option("--workflows", "-w", multiple=True, metavar="NAME", help="Serve only these workflows (repeat, or a,b).")
@click.option("--log-level", type=LEVELS, envvar="STEPWELL_LOG_LEVEL", default="info",
              show_default=True, help="What is logged, to standard error.")  # fmt: skip
@click.option("--log-format", type=FORMATS, envvar="STEPWELL_LOG_FORMAT", default="text",
              show_default=True, help="Lines for people, or one JSON object a line.")  # fmt: skip
@database_only
def command(app: str, processes: int, concurrency: int | None, queues: tuple[str, ...], workflows: tuple[str, ...],
            log_level: str, log_format: str, url: str | None, namespace: str | None) -> None:  # fmt: skip
    """Work on the runs of an app: REF is module:app, package.module or file.py.

    A process that dies is replaced. A run that killed two workers is executed alone, in a process of its own.

    SIGTERM or Ctrl-C drains: nothing new is begun, running steps have the app's grace (30 s), the other runs are
    handed back at once. A second signal stops at once; runs then go on elsewhere when their leases end.

    \b
    Exit codes: 0 drained; 1 some process ended badly; 2 the app cannot be loaded;
    5 the database cannot be used; 130 or 143 after a second signal.
    """
    import asyncio

    from stepwell.cli.serving import Service
    from stepwell.cli.supervisor import Supervisor
    from stepwell.client.discover import parse
    from stepwell.client.logs import Format, write_log

    form = Format(log_format)
    write_log(log_level, form)
    service = Service(reference=str(parse(app)), url=url, namespace=namespace, concurrency=concurrency,
                      queues=_names(queues), workflows=_names(workflows), level=log_level, form=form)  # fmt: skip
    click.get_current_context().exit(asyncio.run(Supervisor(service, processes).run()))


def _names(given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name.strip() for part in given for name in part.split(",") if name.strip())
