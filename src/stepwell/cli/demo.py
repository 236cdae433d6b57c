"""`stepwell demo`: a run that survives the killing of its worker, before your eyes."""

from pathlib import Path

import click

from stepwell.cli.options import debugging


@click.command()
@click.option("--keep", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
              help="Keep the database and the log of the bodies in this folder.")  # fmt: skip
@click.option("--open", "opens", is_flag=True, help="Open the dashboard in a browser, too.")
@click.option("--pace", type=float, default=1.0, hidden=True)
@debugging
def command(keep: Path | None, opens: bool, pace: float) -> None:
    """Watch a run survive the killing of its worker, and look at it in the dashboard.

    An order is worked on by a real worker process, which is killed in the middle of a step. A second worker finds
    the run and goes on where it was; the run then waits for a payment, gets it, and ends. It takes about 20 seconds.

    In a terminal the dashboard is then served until Ctrl-C, and nothing is left behind. Elsewhere the last line says
    how to look at it, and the database is kept for that, in a temporary folder unless --keep names one.

    Exit code 0 only if everything it claims was seen to hold.
    """
    import asyncio
    import shutil
    import tempfile

    from stepwell.cli.demo_dashboard import attended, point, show
    from stepwell.cli.demo_story import told

    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        if (keep / "demo.db").exists():
            raise click.BadParameter(f"{keep} has a demo already; name a new folder")
    folder = Path(tempfile.mkdtemp(prefix="stepwell-demo-")) if keep is None else keep.absolute()
    here = attended()
    left = keep is not None
    try:
        held = asyncio.run(told(folder, kept=left or not here, pace=pace))
        if held and here:
            asyncio.run(show(folder, opens=opens))
        elif held:
            point(folder)
            left = True
    finally:
        if not left:
            shutil.rmtree(folder, ignore_errors=True)
    if not held:
        click.get_current_context().exit(1)
