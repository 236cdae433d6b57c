"""`stepwell version`: what is installed."""

import click

from stepwell.cli.options import as_json

PARTS = ("apsw", "asyncpg", "click", "cronsim", "greenlet", "httptools", "httpx", "litestar", "msgspec", "pydantic",
         "rich", "uvicorn", "uvloop", "watchfiles")  # fmt: skip


@click.command()
@as_json
def command(json: bool) -> None:
    """Show the versions of Stepwell and of what it stands on."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from stepwell.cli.terminal import line, print_json
    from stepwell.client.version import VERSION

    versions = {"stepwell": VERSION, "python": platform.python_version()}
    for part in PARTS:
        try:
            versions[part] = version(part)
        except PackageNotFoundError:
            continue
    if json:
        print_json(versions)
        return
    line(("stepwell ", "bold"), VERSION)
    line((f"Python {versions['python']} ({platform.python_implementation()}, {platform.system()} {platform.machine()})",
          "bright_black"))  # fmt: skip
    line((", ".join(f"{name} {found}" for name, found in list(versions.items())[2:]), "bright_black"))
