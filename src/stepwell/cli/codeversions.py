"""`stepwell versions`: the versions of workflows and steps that workers have brought, and what changed."""

from typing import Any

import click

from stepwell.cli.options import Target, Verbs, as_json, place


@click.group(cls=Verbs)
def command() -> None:
    """List the versions of workflows and steps, and show what changed."""


@command.command("list")
@click.argument("name", required=False)
@as_json
@place
def list_(name: str | None, target: Target, json: bool) -> None:
    """List the versions that workers have brought: of NAME, or of all workflows and steps."""
    from stepwell.cli.moments import CLOCK, iso
    from stepwell.cli.session import talk
    from stepwell.cli.terminal import line, print_json
    from stepwell.client.versions import offering

    async def look(client: Any) -> Any:
        held = {(one.workflow, one.code): one.count for one in await client.pinned()}
        return await client.versions(name), await client.workers(), held

    found, workers, held = talk(target, look)
    now = CLOCK.now()
    rows = [{"kind": one.kind, "name": one.name, "number": one.number, "code": one.code, "first_seen": iso(one.at),
             "workers": offering(workers, one.name, one.code, now), "python": one.python,
             "pinned": held.get((one.name, one.code), 0)}
            for one in found]  # fmt: skip
    if json:
        print_json({"versions": rows})
    elif rows:
        _print(found, rows, now)
    else:
        line("No worker has brought any code yet." if name is None else f"{name!r} has no versions.", err=True)


def _print(found: list[Any], rows: list[dict[str, Any]], now: float) -> None:
    from stepwell.cli.moments import ago
    from stepwell.cli.terminal import table

    table(
        ["KIND", "NAME", "VERSION", "CODE", "FIRST SEEN", "WORKERS", "PINNED"],
        [[row["kind"], (row["name"], "bold"), str(row["number"]), row["code"], ago(one.at, now),
          (str(row["workers"]), "green" if row["workers"] else "bright_black"),
          (str(row["pinned"]), "bold yellow" if row["pinned"] and not row["workers"] else "")]
         for one, row in zip(found, rows, strict=True)],
        right=["VERSION", "WORKERS", "PINNED"],
    )  # fmt: skip


@command.command("diff")
@click.argument("name")
@click.argument("old", required=False, metavar="[A]")
@click.argument("new", required=False, metavar="[B]")
@as_json
@place
def diff_(name: str, old: str | None, new: str | None, target: Target, json: bool) -> None:
    """Show what changed in NAME from version A to B: numbers, or fingerprints as they begin.

    Without B to the newest, without A from the one before. Exit code 1 if they differ, as of diff.
    """
    from stepwell.cli.session import talk
    from stepwell.cli.terminal import print_json
    from stepwell.client.versions import diff, pick
    from stepwell.errors import NotFound

    found = talk(target, lambda client: client.versions(name))
    if not found:
        raise NotFound(f"{name!r} has no versions", hint="`stepwell versions list` shows what there is.")
    last = pick(found, name, new) if new else found[-1]
    before = [one for one in found if one.number < last.number]
    if old is None and not before:
        raise NotFound(f"{name!r} has no version before {last.number}", hint="There is nothing to compare.")
    first = pick(found, name, old) if old else before[-1]
    lines = diff(first, last)
    if json:
        print_json({"name": name, "from": first, "to": last, "diff": lines})
    else:
        _print_diff(lines)
    if first.code != last.code:
        click.get_current_context().exit(1)


def _print_diff(lines: list[str]) -> None:
    from stepwell.cli.terminal import line

    for text in lines:
        style = "bold" if text.startswith(("---", "+++")) else {"+": "green", "-": "red", "@": "cyan"}.get(text[:1], "")
        line((text, style))
