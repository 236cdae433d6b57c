"""Keeps the reference in docs/cli.md as the commands have it; `python tests/cli/test_reference.py` writes it anew."""

import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from stepwell.cli.main import COMMANDS, cli

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
HEADING = "## Reference\n"
SHARED = ("-u,", "-n,", "--debug", "--json", "-a,", "--server", "--profile")
RANGE = re.compile(r"; [\d.<=]*x[<>=][^\]]*|\[[\d.<=]*x[<>=][^\]]*\]")


def commands(command: click.Command, context: click.Context) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Every command that does something, with its path."""
    if not isinstance(command, click.Group):
        yield context.command_path, command, context
        return
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None
        yield from commands(inner, click.Context(inner, parent=context, info_name=name))


def described(command: click.Command, context: click.Context) -> list[tuple[str, str]]:
    """Options with what they do; arguments are in the usage line."""
    records = [p.get_help_record(context) for p in command.params if isinstance(p, click.Option)]
    found = [(record[0], " ".join(RANGE.sub("", record[1]).split())) for record in records if record is not None]
    return [(option.replace("|", "\\|"), about.replace("|", "\\|")) for option, about in found]


def table(rows: Iterable[tuple[str, str]]) -> list[str]:
    return ["| option | |", "| --- | --- |", *(f"| `{option}` | {about} |" for option, about in rows), ""]


def reference() -> str:
    lines = [HEADING, "Options that many commands have are listed once, at the end.", ""]
    shared: dict[str, str] = {}
    for path, command, context in commands(cli, click.Context(cli, info_name="stepwell", **cli.context_settings)):
        options = described(command, context)
        shared |= {option: about for option, about in options if option.startswith(SHARED)} | shared
        usage = " ".join(command.collect_usage_pieces(context))
        lines += [f"### {path}", "", f"`{path} {usage}`", "", *paragraphs(command.help or ""), ""]
        own = [(option, about) for option, about in options if shared.get(option) != about]
        lines += table(own) if own else []
    return "\n".join([*lines, "### Shared options", "", *table(shared.items())])


def paragraphs(text: str) -> list[str]:
    """Help as Markdown: what click was told not to wrap stays as it is."""
    lines: list[str] = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b"):
            lines += ["```text", *paragraph.splitlines()[1:], "```", ""]
        else:
            lines += [" ".join(paragraph.split()), ""]
    return lines[:-1]


def page() -> str:
    return PAGE.read_text(encoding="utf-8").partition(HEADING)[0] + reference()


def test_the_reference_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "write it anew: python tests/cli/test_reference.py"


def test_every_command_is_in_it() -> None:
    text = reference()
    for name in COMMANDS:
        assert f"### stepwell {name}" in text
    assert "### stepwell runs retry" in text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
