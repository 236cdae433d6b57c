"""Hearing of other stores' commits by LISTEN, over a connection that serves nothing else.

A hint is never the truth: who hears nothing polls. So the listener may fail without harm, but it must not fail unseen:
it sends itself a message now and then, and connects again when that does not come back.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Any, Final

from stepwell.store.postgres.connection import Db, Home, connect
from stepwell.store.postgres.translation import translated

log = logging.getLogger("stepwell.store.postgres")

CHECK: Final = 30.0
"""Seconds between messages to itself."""
ANSWER: Final = 5.0
"""Seconds within which they have to come back."""
PAUSE: Final = 0.02
"""Seconds between notifications: what is committed meanwhile is told by one."""
FIRST_PAUSE: Final = 0.1
LONGEST_PAUSE: Final = 30.0


class Hints:
    """One listener per store, however many wait."""

    def __init__(self, home: Home, *, check: float = CHECK, answer: float = ANSWER) -> None:
        self._home = home
        self._check = check
        self._answer = answer
        self._loop = asyncio.get_running_loop()
        self._heard = False
        self._waiting: set[asyncio.Future[bool]] = set()
        self._news = asyncio.Event()
        self._back = asyncio.Event()
        self._lost = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.listening = asyncio.Event()

    def begin(self) -> None:
        """Start to listen, in the background."""
        self._task = self._loop.create_task(self._run())

    async def wait(self, timeout: float) -> bool:
        """Wait for a commit of somebody else, since the last one heard; False after `timeout` seconds without."""
        if self._heard:
            self._heard = False
            return True
        future: asyncio.Future[bool] = self._loop.create_future()
        self._waiting.add(future)
        try:
            async with asyncio.timeout(timeout):  # not wait_for: in 3.11 it may lose a cancellation
                return await future
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(future)

    def tell(self) -> None:
        """Something was committed here that others may wait for."""
        self._news.set()

    async def close(self) -> None:
        """Stop listening; whoever waits has heard nothing."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        for future in self._waiting:
            if not future.done():
                future.set_result(False)

    # -- the listener --------------------------------------------------------------------------

    async def _run(self) -> None:
        pause, away = FIRST_PAUSE, False
        while True:
            db: Db | None = None
            try:
                db = await connect(self._home, plain=True)
                await self._listen(db)
                if away:
                    log.info("listening again at %s", self._home.address.shown)
                pause, away = FIRST_PAUSE, False
                self._hear()  # what was committed while nobody listened
                await self._serve(db)
            except Exception as error:  # noqa: BLE001 - whatever it is, polling goes on, and so does trying
                if not away:  # once, however long it takes
                    log.info("not listening, so polling alone: %s", translated(error, self._home.address.shown))
                away = True
            finally:
                self.listening.clear()
                if db is not None:
                    db.conn.terminate()
            await _sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _listen(self, db: Db) -> None:
        self._lost.clear()
        db.conn.add_termination_listener(lambda _: self._lost.set())
        await db.conn.add_listener(self._home.channel, self._notified)
        await self._ping(db)
        self.listening.set()

    async def _serve(self, db: Db) -> None:
        """Tell what is to be told; look after the connection now and then. Ends by an error."""
        checked = self._loop.time()
        while True:
            left = checked + self._check - self._loop.time()
            if left <= 0:
                await self._ping(db)
                checked = self._loop.time()
            elif await _first(left, self._news, self._lost):
                if self._lost.is_set():
                    raise ConnectionResetError("the connection was lost")
                self._news.clear()
                await self._notify(db, self._home.token)
                await _sleep(PAUSE)

    async def _ping(self, db: Db) -> None:
        self._back.clear()
        await self._notify(db, f"ping {self._home.token}")
        async with asyncio.timeout(self._answer):
            await self._back.wait()

    async def _notify(self, db: Db, payload: str) -> None:
        # No wait for the disk: nothing is lost with a hint. Both texts are our own and need no quoting.
        told = f"SELECT pg_notify('{self._home.channel}', '{payload}')"
        await db.conn.execute(f"BEGIN; SET LOCAL synchronous_commit = off; {told}; COMMIT")

    def _notified(self, _conn: Any, _pid: int, _channel: str, payload: object) -> None:
        if payload == f"ping {self._home.token}":
            self._back.set()
        elif payload != self._home.token and not str(payload).startswith("ping "):
            self._hear()

    def _hear(self) -> None:
        self._heard = not self._waiting
        for future in self._waiting:
            if not future.done():
                future.set_result(True)


async def _first(timeout: float, *events: asyncio.Event) -> bool:
    """Whether one of the events came within `timeout` seconds."""
    tasks = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for task in tasks:
            task.cancel()


async def _sleep(seconds: float) -> None:
    await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=seconds)
