"""Two actors on one PostgreSQL database whose statements are executed one at a time, in every order.

Each actor has a store, and so connections, of its own. Before a statement it waits for its turn; a `Director` gives
turns as a schedule says: so many statements of one, so many of the other, then the rest. An actor whose statement waits
for a lock of the other's (the server says so) is left waiting, and the other goes on. A "busy" answer is tried again
after the other's next statement, as the journal writer does.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, Final

import asyncpg

from stepwell.model.change import Change, Reply
from stepwell.ports.store import Store

Operation = Callable[[Store], Awaitable[Any]]
ACTOR: ContextVar["Actor | None"] = ContextVar("ACTOR", default=None)
STUCK: Final = 60.0
"""Real seconds after which a schedule that has not come to its end waits for ever."""
LOOK: Final = 0.002


class Actor:
    """One operation on a store of its own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.statements = 0
        self.pids: set[int] = set()
        self.over = False
        self.refused = False
        self.moved = asyncio.Event()
        self._turn = asyncio.Event()
        self._arrived = asyncio.Event()

    async def turn(self) -> None:
        """Wait until the next statement may be executed."""
        self._arrived.set()
        await self._turn.wait()
        self._turn.clear()
        self._arrived.clear()
        self.statements += 1

    def go(self) -> None:
        """Let it execute one statement, and what follows up to the next."""
        self._turn.set()

    def end(self) -> None:
        """It has no more statements."""
        self.over = True
        self._arrived.set()

    async def after_the_other(self) -> None:
        """It was told that a row is busy: nothing to do before the other has done something."""
        self.refused = True
        self.moved.clear()
        self._arrived.set()
        await self.moved.wait()
        self.refused = False
        self._arrived.clear()

    @property
    def waits_for_its_turn(self) -> bool:
        """Whether it is before a statement (or at its end, or has to wait for the other)."""
        return self.over or (self._arrived.is_set() and not self._turn.is_set())


class Turns:
    """An asyncpg connection whose statements wait for their turn, once there is a director."""

    def __init__(self, conn: Any, actor: "Callable[[], Actor | None]") -> None:
        self._conn = conn
        self._actor = actor

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._conn, name)
        if name not in ("fetch", "fetchrow", "fetchval", "execute", "executemany", "copy_records_to_table"):
            return inner

        async def in_turn(*args: Any, **kwargs: Any) -> Any:
            actor = self._actor()
            if actor is not None:
                actor.pids.add(self._conn.get_server_pid())
                await actor.turn()
            return await inner(*args, **kwargs)

        return in_turn


class Director:
    """Plays two operations by schedules."""

    def __init__(self, watcher: "asyncpg.Connection[Any]") -> None:
        self.watcher = watcher
        self.actors = (Actor("first"), Actor("second"))

    async def play(self, stores: tuple[Store, Store], operations: tuple[Operation, Operation],
                   schedule: list[int]) -> tuple[list[Any], tuple[int, int]]:  # fmt: skip
        """The results, and how many statements each had. `schedule`: whose turn it is, statement by statement;
        after its end first the one of its last turn goes to the end, then the other.
        """
        self.actors = first, second = (Actor("first"), Actor("second"))
        tasks = [asyncio.create_task(self._act(actor, store, operation))
                 for actor, store, operation in zip(self.actors, stores, operations, strict=True)]  # fmt: skip
        try:
            async with asyncio.timeout(STUCK):
                for actor in self.actors:
                    await self._arrival(actor)
                for turn in schedule:
                    await self._step(self.actors[turn])
                last = self.actors[schedule[-1]] if schedule else first
                other = second if last is first else first
                while not (first.over and second.over):
                    await self._step(last if other.over or await self._can(last) else other)
            return [await task for task in tasks], (first.statements, second.statements)
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task

    async def serially(self, stores: tuple[Store, Store], operations: tuple[Operation, Operation],
                       order: tuple[int, int]) -> list[Any]:  # fmt: skip
        """The results, by operation, of one after the other."""
        results: list[Any] = [None, None]
        for n in order:
            results[n] = await operations[n](stores[n])
        return results

    async def _act(self, actor: Actor, store: Store, operation: Operation) -> Any:
        ACTOR.set(actor)
        try:
            return await operation(store)
        finally:
            actor.end()

    async def _step(self, actor: Actor) -> None:
        """One statement of an actor, unless it is over, or waits for a lock of the other's."""
        other = self.actors[self.actors[0] is actor]
        if actor.refused and (other.over or other.refused):
            actor.moved.set()
            await asyncio.sleep(0)
        if actor.over or actor.refused:
            return
        if actor.waits_for_its_turn:
            actor.go()
        await self._arrival(actor)
        other.moved.set()

    async def _arrival(self, actor: Actor) -> None:
        """Wait until an actor is before its next statement, at its end, or waits for a lock."""
        await asyncio.sleep(0)
        while not actor.waits_for_its_turn:
            await asyncio.sleep(LOOK)
            blocked = await self._blocked(actor)
            if blocked and not actor.waits_for_its_turn:
                return

    async def _can(self, actor: Actor) -> bool:
        """Whether a turn of this actor would lead anywhere."""
        return not actor.over and not actor.refused and (actor.waits_for_its_turn or not await self._blocked(actor))

    async def _blocked(self, actor: Actor) -> bool:
        sql = "SELECT 1 FROM pg_stat_activity WHERE pid = ANY($1::int[]) AND wait_event_type = 'Lock'"
        return await self.watcher.fetchval(sql, sorted(actor.pids)) is not None


def schedules(first: int, second: int) -> list[list[int]]:
    """All schedules that go over from one actor to the other at most twice before one of them runs to its end."""
    found = []
    for starter, lengths in ((0, (first, second)), (1, (second, first))):
        other = 1 - starter
        for i in range(lengths[0] + 1):
            for j in range(1, lengths[1] + 1):
                found.append([starter] * i + [other] * j + [starter])  # noqa: PERF401 - three loops deep
    return found


async def committed(store: Store, changes: list[Change]) -> list[Reply]:
    """Commit, and again what was busy, as the journal writer does; replies in the order of the changes."""
    replies: dict[int, Reply] = {}
    left = list(range(len(changes)))
    for _ in range(100):
        replies |= dict(zip(left, await store.commit([changes[n] for n in left]), strict=True))
        left = [n for n in left if replies[n].why == "busy"]
        if not left:
            return [replies[n] for n in range(len(changes))]
        await after_the_other()
    raise AssertionError(f"busy for ever: {[changes[n] for n in left]}")


async def after_the_other() -> None:
    """Go on when the other actor has done something; at once when there is none."""
    actor = ACTOR.get()
    if actor is not None:
        await actor.after_the_other()
