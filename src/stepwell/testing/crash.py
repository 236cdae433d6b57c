"""Crash at every commit: run a scenario once for every write it makes, kill the process there, recover, compare."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

import msgspec

from stepwell.client.app import App
from stepwell.ports.store import Store
from stepwell.store.memory import MemoryStore
from stepwell.testing.clock import VirtualClock
from stepwell.testing.environment import Environment
from stepwell.testing.faults import Fault, FaultyStore

T = TypeVar("T")
Scenario = Callable[[Environment], Awaitable[T]]
MOST = 2_000


class CrashReport(msgspec.Struct, frozen=True):
    """What `crash_at_every_commit` did: the undisturbed outcome, and how many crashes it survived."""

    outcome: Any
    crashes: int
    writes: int


async def crash_at_every_commit(app: App, scenario: Scenario[T], *, faults: Sequence[Fault] = tuple(Fault),
                                reset: Callable[[], None] | None = None,
                                check: Callable[[int, Fault], None] | None = None) -> CrashReport:  # fmt: skip
    """Run `scenario` once undisturbed, then once per write and fault, and compare the outcomes.

    After a crash the scenario is run again from its beginning against the same store, as a client would: give its
    runs and events ids. Its outcome is what it returns, or the type and text of what it raises. `reset` is called
    before each run of the scenario (to empty a test's own log), `check(n, fault)` after each.

    Raises:
        AssertionError: an outcome differs; the message says at which write and fault.
    """
    clean = FaultyStore(MemoryStore("test", clock := VirtualClock()))
    if reset is not None:
        reset()
    expected = await _run(app, scenario, clean, clock)
    crashes = 0
    for fault in faults:
        for n in range(1, MOST):
            if reset is not None:
                reset()
            store = FaultyStore(MemoryStore("test", clock := VirtualClock()), n, fault)
            outcome = await _run(app, scenario, store, clock)
            if not store.hit:
                break
            crashes += 1
            if outcome != expected:
                raise AssertionError(f"{fault.value}, at write {n}: {outcome!r} instead of {expected!r}")
            if check is not None:
                check(n, fault)
    return CrashReport(expected, crashes, clean.writes)


async def _run(app: App, scenario: Scenario[Any], store: FaultyStore, clock: VirtualClock) -> Any:
    async with Environment(app, store=cast(Store, store), clock=clock) as env:
        task = asyncio.ensure_future(_outcome(scenario, env))
        died = asyncio.ensure_future(store.crashed.wait())
        await asyncio.wait([task, died], return_when=asyncio.FIRST_COMPLETED)
        if not store.crashed.is_set():
            died.cancel()
            return task.result()
        task.cancel()
        await asyncio.wait([task])
        store.crashed.clear()
        await env.crash()
        return await _outcome(scenario, env)


async def _outcome(scenario: Scenario[Any], env: Environment) -> Any:
    try:
        return await scenario(env)
    except Exception as error:  # noqa: BLE001 - how it fails is an outcome, too
        cause = error.__cause__
        return type(error).__name__, None if cause is None else f"{type(cause).__name__}: {cause}"
