"""Server-sent events, read line by line as the HTML standard says (section 9.2)."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import NamedTuple


class Event(NamedTuple):
    """One event of a stream; `id` is where a reader that was cut off goes on."""

    name: str
    data: str
    id: str | None


async def events(lines: AsyncIterator[str]) -> AsyncGenerator[Event]:
    """The events of a stream's lines; one that is cut off at the end is none."""
    name, data, last = "message", list[str](), None
    async for line in lines:
        if not line:
            if data:
                yield Event(name, "\n".join(data), last)
            name, data = "message", []
            continue
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif field == "id" and "\0" not in value:
            last = value
