"""`stepwell open`: opens the dashboard in the browser."""

from typing import Final

import click

from stepwell.cli.options import Target, place

HERE: Final = "http://127.0.0.1:{port}"
PORT: Final = "8765"
"""Where `stepwell dev` and `stepwell server` listen unless they are told otherwise."""


@click.command("open")
@click.argument("run", required=False)
@click.option("--print", "-p", "only_print", is_flag=True, help="Only print the URL.")
@place
def command(run: str | None, only_print: bool, target: Target) -> None:
    """Open the dashboard, or the page of RUN.

    Where there is no display, the URL is printed.
    """
    import sys

    from stepwell.cli.terminal import line
    from stepwell.client.http import checked_url

    url = page_of(checked_url(server_of(target)), run)
    if only_print or not has_display(sys.platform):
        line(url)
        return
    import webbrowser

    line("Opening ", (url, "bold"), err=True)
    if not webbrowser.open(url):
        line(url)


def server_of(target: Target) -> str:
    """The server that is meant, else the one that `stepwell dev` and `stepwell server` begin on this machine.

    Raises:
        InvalidOption: a database is named by an option.
    """
    import os

    from stepwell.client.places import place_of
    from stepwell.errors import InvalidOption

    if target.url is not None:
        raise InvalidOption("--url: a database has no pages", hint="Serve it: stepwell server --url …; then --server.")
    found = place_of(None, target.server, namespace=target.namespace, profile=target.profile)
    return found.server or HERE.format(port=os.environ.get("STEPWELL_PORT", PORT))


def page_of(server: str, run: str | None) -> str:
    """The URL of a run's page; of the first page without a run."""
    from urllib.parse import quote

    return f"{server}/" if run is None else f"{server}/runs/{quote(run, safe='')}"


def has_display(platform: str) -> bool:
    """Whether a browser would have a screen; on Linux the session says so."""
    import os

    if platform in ("darwin", "win32"):
        return not os.environ.get("SSH_CONNECTION")
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
