"""`stepwell dev`: a worker with the dashboard, begun anew whenever a file changes."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from stepwell.cli.options import database_only

if TYPE_CHECKING:
    from stepwell.client.discover import Reference

MOST: Final = 50


@click.command()
@click.argument("app", metavar="REF", envvar="STEPWELL_APP")
@click.option("--watch", "-w", multiple=True, type=click.Path(exists=True, path_type=Path), metavar="PATH",
              help="Watch these instead of the app's own folder.")  # fmt: skip
@click.option("--port", "-p", type=click.IntRange(1, 65535), default=8765, show_default=True, envvar="STEPWELL_PORT",
              metavar="N", help="The dashboard's port; the next free one, if this is taken.")  # fmt: skip
@click.option("--no-dashboard", is_flag=True, help="Work only.")
@click.option("--quiet", "-q", is_flag=True, help="Log only what needs attention.")
@database_only
def command(app: str, watch: tuple[Path, ...], port: int, no_dashboard: bool, quiet: bool, url: str | None,
            namespace: str | None) -> None:  # fmt: skip
    """Work on an app's runs, show them in a browser, and reload it when a Python file changes.

    REF is file.py or module:app. The dashboard and the REST API are served on this machine's own address.

    Runs in flight survive the reload: they go on in the new process, with the new code. Code that cannot be loaded is
    shown with its error, and what ran before goes on until it is mended. Ctrl-C drains.
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
                      verbose=not quiet, banner="first", port=None if no_dashboard else free_port(port))  # fmt: skip
    reloading = Reloading(service, watch or (folder_of(reference),))
    click.get_current_context().exit(asyncio.run(reloading.run()))


def free_port(first: int) -> int:
    """The first port from this one on that nobody listens on; the first itself if none is free."""
    import socket

    for port in range(first, min(first + MOST, 65536)):
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    return first


def folder_of(reference: "Reference") -> Path:
    """What to watch: the folder from which the app's imports start."""
    if reference.file is None:
        return Path.cwd()
    return reference.file.parents[reference.module.count(".")]
