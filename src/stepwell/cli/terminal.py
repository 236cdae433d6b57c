"""What the terminal shows: styled lines, tables and JSON, plain wherever no person with colours is looking."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import IO, Any, Final

import click

from stepwell.client.printable import printable, printable_json

Part = str | tuple[str, str]
"""A piece of a line: text, or text with a style as rich names it ("bold red")."""

STYLES: Final = {
    "queued": "cyan",
    "running": "bold blue",
    "waiting": "yellow",
    "paused": "magenta",
    "parked": "bold red",
    "succeeded": "green",
    "failed": "red",
    "cancelled": "bright_black",
    "terminated": "bright_black",
}
"""The colour of each run status, everywhere the same."""


READABLE: Final = 6
"""Of a text that is cut, fewer columns say nothing."""


def fancy(stream: IO[Any] | None = None) -> bool:
    """Whether a stream is a terminal that may be coloured and redrawn."""
    return (stream or sys.stdout).isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def line(*parts: Part, err: bool = False) -> None:
    """Print one line; what could steer the terminal is written out."""
    stream = sys.stderr if err else sys.stdout
    click.echo("".join(_part(part, fancy(stream)) for part in parts), err=err)


def styled(text: str, style: str, stream: IO[Any]) -> str:
    """The text in a style, if the stream shows styles."""
    return _part((text, style), fancy(stream))


def _part(part: Part, colours: bool) -> str:
    if isinstance(part, str):
        return printable(part)
    text, style = part
    if not colours or not style:
        return printable(text)
    words = style.split()
    colour = next((word for word in words if word not in ("bold", "dim", "italic")), None)
    return click.style(printable(text), fg=colour, bold="bold" in words or None, dim="dim" in words or None,
                       italic="italic" in words or None)  # fmt: skip


def table(columns: Sequence[str], rows: Sequence[Sequence[Part]], *, right: Sequence[str] = (),
          squeeze: Mapping[str, int] | None = None) -> None:  # fmt: skip
    """Print rows under their headings; in a terminal the columns `squeeze` give way when the width does not do.

    They do so in turn, each down to its least width; one that may vanish does, where too little of it would be left.
    Elsewhere nothing is cut, so that what is piped on is whole.
    """
    texts = [[printable(part if isinstance(part, str) else part[0]) for part in row] for row in rows]
    widths = [max([width(head), *(width(row[n]) for row in texts)]) for n, head in enumerate(columns)]
    if fancy() and squeeze:
        widths = _squeezed(widths, {columns.index(name): least for name, least in squeeze.items()})
    for row in [[(head, "bold") for head in columns], *rows]:
        click.echo(_row(row, widths, columns, right))


def _squeezed(widths: Sequence[int], least: Mapping[int, int]) -> list[int]:
    """Widths that fit the terminal, where they can; -2 for a column that is left out, with the gap beside it."""
    room, found = shutil.get_terminal_size().columns, list(widths)
    for at, smallest in least.items():
        over = sum(found) + 2 * (len(found) - 1) - room
        left = found[at] - max(over, 0)
        found[at] = max(left, min(found[at], smallest))
        if not smallest and over > 0 and left < READABLE:
            found[at] = -2
    return found


def _row(row: Sequence[Part], widths: list[int], columns: Sequence[str], right: Sequence[str]) -> str:
    cells = []
    for part, room, column in zip(row, widths, columns, strict=True):
        if room < 0:
            continue
        text, style = (part, "") if isinstance(part, str) else part
        text = cut(printable(text), room)
        space = " " * (room - width(text))
        cell = _part((text, style), fancy())
        cells.append(space + cell if column in right else cell + space)
    return "  ".join(cells).rstrip()


def width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(0 if unicodedata.combining(char) else 1 + (unicodedata.east_asian_width(char) in "WF") for char in text)


def cut(text: str, room: int) -> str:
    """The text, or its beginning and an ellipsis where it is wider than `room`."""
    text = text[: room + 1]
    if width(text) <= room:
        return text
    while text and width(text) > room - 1:
        text = text[:-1]
    return text + "…"


def print_json(value: Any) -> None:
    """Print a value as JSON, indented; times are ISO 8601 in UTC."""
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode()
    click.echo(printable_json(text))
