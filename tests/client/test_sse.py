"""Event streams, as the HTML standard writes them."""

import asyncio
from collections.abc import AsyncIterator

from stepwell.client.sse import Event, events


def read(text: str) -> list[Event]:
    async def lines() -> AsyncIterator[str]:
        for line in text.split("\n"):
            yield line

    async def main() -> list[Event]:
        return [event async for event in events(lines())]

    return asyncio.run(main())


def test_events() -> None:
    first, second = read("event: run\nid: 1\ndata: {\ndata:}\n\ndata: x\n\n")
    assert first == Event("run", "{\n}", "1")
    assert second == Event("message", "x", "1")


def test_comments_unknown_fields_and_empty_events_are_passed_over() -> None:
    assert read(": hello\nretry: 5\nodd\nevent: ping\n\nid\ndata\n\n") == [Event("message", "", "")]


def test_what_is_cut_off_at_the_end_is_no_event() -> None:
    assert read("data: a\n\ndata: b") == [Event("message", "a", None)]


def test_an_id_with_nul_is_none() -> None:
    assert read("id: a\0b\ndata: x\n\n") == [Event("message", "x", None)]
