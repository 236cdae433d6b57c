"""`stepwell move`: moves an engine to another database, with its runs in flight."""

import os
import shlex
from typing import Any, Final

import click

from stepwell.cli.options import as_json, debugging

INTERRUPTED: Final = 130


class Interrupted(Exception):
    """Ctrl-C came while there was still something to do."""


@click.command()
@click.argument("source", metavar="SOURCE")
@click.argument("target", metavar="[TARGET]", required=False)
@click.option("--namespace", "-n", "namespaces", multiple=True, metavar="NAME",
              help="Only this namespace (repeat for several).  [default: all]")  # fmt: skip
@click.option("--abort", "aborting", is_flag=True, help="Take back a move of SOURCE that has not ended.")
@as_json
@debugging
def command(source: str, target: str | None, namespaces: tuple[str, ...], aborting: bool, json: bool) -> None:
    """Move everything from the database SOURCE to the database TARGET (URLs).

    Workers of the source may be at work: from the first moment on nothing more is committed there, and they stop when
    all has arrived. Then start workers with the URL of the target. Runs go on where they were.

    Interrupted (Ctrl-C), it is simply called again. Until it has ended, `stepwell move --abort SOURCE` takes it back.
    """
    import asyncio

    from stepwell.client.stores import masked

    if aborting == (target is not None):
        raise click.UsageError("--abort takes the SOURCE alone." if aborting else "Missing argument TARGET.")
    if aborting:
        _tell_aborted(masked(source), asyncio.run(_abort(source, namespaces)), json)
        return
    assert target is not None
    try:
        moved = asyncio.run(_move(source, target, namespaces, quiet=json))
    except Interrupted:
        _tell_interrupted(masked(source))
        click.get_current_context().exit(INTERRUPTED)
    _tell_moved(masked(target), moved, json)


async def _move(source: str, target: str, namespaces: tuple[str, ...], *, quiet: bool) -> list[Any]:
    import signal

    from stepwell.adapters.ids import new_key
    from stepwell.cli.moments import CLOCK
    from stepwell.client.move import depot_of, move

    one, other = depot_of(source, CLOCK), depot_of(target, CLOCK)
    progress = Progress(quiet)
    before = signal.signal(signal.SIGINT, progress.interrupt)
    try:
        await one.open(create=False)
        await other.open(create=True)
        return await move(one, other, namespaces, lambda: new_key().hex(), progress.tell)
    finally:
        signal.signal(signal.SIGINT, before)
        progress.end()
        await one.close()
        await other.close()


async def _abort(source: str, namespaces: tuple[str, ...]) -> list[str]:
    from stepwell.adapters.ids import new_key
    from stepwell.cli.moments import CLOCK
    from stepwell.client.move import abort, depot_of

    place = depot_of(source, CLOCK)
    try:
        await place.open(create=False)
        return await abort(place, namespaces, lambda: new_key().hex())
    finally:
        await place.close()


class Progress:
    """What is being moved: one line that is written again in a terminal, one line a table elsewhere.

    It is told after every part, and that is where Ctrl-C ends a move: never in the middle of one, and not any more when
    all parts have arrived.
    """

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._last = ""
        self._interrupted = False

    def interrupt(self, *_: object) -> None:
        """Handle Ctrl-C; the second one ends at once. Raises KeyboardInterrupt."""
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True
        # Not through the stream: this may be called in the middle of a write to it.
        os.write(2, b"\nstopping after this part; once more stops at once\n")

    def tell(self, namespace: str, what: str, done: int, total: int) -> None:
        """As `client.move.Tell`. Raises Interrupted."""
        import sys

        from stepwell.cli.terminal import fancy, line
        from stepwell.client.printable import printable

        if self._interrupted:
            raise Interrupted
        if self._quiet:
            return
        text = f"{printable(namespace)}: {what} {done:,} of {total:,}"
        if fancy(sys.stderr):
            click.echo(f"\r\x1b[2K{text}", nl=False, err=True)
            self._last = text
        elif done == total and text != self._last:
            line(text, err=True)
            self._last = text

    def end(self) -> None:
        """Leave the line."""
        import sys

        from stepwell.cli.terminal import fancy

        if self._last and fancy(sys.stderr):
            click.echo(err=True)


def _tell_interrupted(source: str) -> None:
    from stepwell.cli.terminal import line

    line("Interrupted: the move has not ended, nothing is lost, and the source stays closed meanwhile.", err=True)
    line("Call it again to go on, or take it back: stepwell move --abort ", shlex.quote(source), err=True)


def _tell_moved(target: str, moved: list[Any], json: bool) -> None:
    from stepwell.cli.terminal import line, print_json

    if json:
        print_json([{"namespace": m.namespace, "rows": m.rows, "before": m.before} for m in moved])
        return
    for one in moved:
        if one.before:
            line(f"Namespace {one.namespace} had been moved to {target} before.")
        else:
            line(("moved ", "green"), f"namespace {one.namespace}: {one.rows['runs']:,} runs, "
                 f"{sum(one.rows.values()):,} rows, compared by checksum")  # fmt: skip
    if not moved:
        line("There is nothing to move.")
    else:
        line(f"Start workers and clients with STEPWELL_DATABASE_URL={target}")


def _tell_aborted(source: str, names: list[str], json: bool) -> None:
    from stepwell.cli.terminal import line, print_json

    if json:
        print_json(names)
    elif names:
        line(f"{source} is in use again: {', '.join(names)}")
    else:
        line("There is no move to take back.")
