"""`stepwell dev`: a worker that is begun anew whenever a file changes."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from stepwell.cli.options import database

if TYPE_CHECKING:
    from stepwell.client.discover import Reference


@click.command()
@click.argument("app", metavar="REF", envvar="STEPWELL_APP")
@click.option("--watch", "-w", multiple=True, type=click.Path(exists=True, path_type=Path), metavar="PATH",
              help="Watch these instead of the app's own folder.")  # fmt: skip
@click.option("--quiet", "-q", is_flag=True, help="Log only what needs attention.")
@database
def command(app: str, watch: tuple[Path, ...], quiet: bool, url: str | None, namespace: str | None) -> None:
    """Work on an app's runs, and reload it when a Python file changes: REF is file.py or module:app.

    Runs in flight survive the reload: they go on in the new process, with the new code. Ctrl-C drains.
    """
    import asyncio

    from stepwell.cli.reloading import GRACE, Reloading
    from stepwell.cli.serving import Service
    from stepwell.client.discover import parse
    from stepwell.client.logs import write_log

    reference = parse(app)
    level = "warning" if quiet else "info"
    write_log(level)
    service = Service(reference=str(reference), url=url, namespace=namespace, grace=GRACE, level=level,
                      verbose=not quiet, banner="first")  # fmt: skip
    reloading = Reloading(service, watch or (folder_of(reference),))
    click.get_current_context().exit(asyncio.run(reloading.run()))


def folder_of(reference: "Reference") -> Path:
    """What to watch: the folder from which the app's imports start."""
    if reference.file is None:
        return Path.cwd()
    return reference.file.parents[reference.module.count(".")]
