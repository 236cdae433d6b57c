"""A server over real HTTP, in a thread with an event loop of its own."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from typing import Any

from stepwell import App
from stepwell.server.serving import Serving, serve


class Live:
    """A server that is up, and the way into its loop."""

    def __init__(self, app: App, serving: Serving, loop: asyncio.AbstractEventLoop) -> None:
        self.app = app
        self.serving = serving
        self.url = serving.url
        self.loop = loop

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)


@contextmanager
def live(make: Callable[[], App], **options: Any) -> Generator[Live]:
    """Serve an app, which works in its own process, on a free port."""
    ready, stop = threading.Event(), asyncio.Event()
    found: list[Any] = []

    async def main() -> None:
        app = make()
        async with app:
            serving = await serve(app, port=0, **options)
            found.append(Live(app, serving, asyncio.get_running_loop()))
            ready.set()
            await stop.wait()
            await serving.stop()

    def begin() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            found.append(error)
            ready.set()
            raise

    thread = threading.Thread(target=begin, daemon=True)
    thread.start()
    assert ready.wait(60)
    if isinstance(found[0], BaseException):
        raise found[0]
    try:
        yield found[0]
    finally:
        found[0].loop.call_soon_threadsafe(stop.set)
        thread.join(60)
        assert not thread.is_alive()
