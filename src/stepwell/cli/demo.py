"""`stepwell demo`: a run that survives the killing of its worker, before your eyes."""

from pathlib import Path

import click

from stepwell.cli.options import debugging


@click.command()
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Keep the database and the log of the bodies in this folder.")  # fmt: skip
@click.option("--pace", type=float, default=1.0, hidden=True)
@debugging
def command(keep: Path | None, pace: float) -> None:
    """Watch a run survive the killing of its worker.

    An order is worked on by a real worker process, which is killed in the middle of a step. A second worker finds
    the run and goes on where it was; the run then waits for a payment, gets it, and ends. It takes about 20 seconds
    and leaves nothing behind. Exit code 0 only if everything it claims was seen to hold.
    """
    import asyncio
    import tempfile

    from stepwell.cli.demo_story import told

    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        if (keep / "demo.db").exists():
            raise click.BadParameter(f"{keep} has a demo already; name a new folder")
        held = asyncio.run(told(keep.absolute(), kept=True, pace=pace))
    else:
        with tempfile.TemporaryDirectory(prefix="stepwell-demo-") as folder:
            held = asyncio.run(told(Path(folder), kept=False, pace=pace))
    if not held:
        click.get_current_context().exit(1)
