"""Random programs in random orders: every prefix of every journal goes on as the run did (P2, P13)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stepwell import EventTimeout, first, fold, random, scope, sleep
from stepwell.core.opencalls import Kind
from stepwell.model.command import FoldScope
from stepwell.model.entry import Armed, ChildStarted
from tests.core.driver import Held, House

house = House()
event = house.event("e", Any)


@house.step
async def work(name: str) -> Any:
    return name


@house.step
async def undo(name: Any) -> Any: ...


@house.workflow
async def child(n: int) -> int:
    return n


Program = list[Any]


class Failing(Exception):
    """What a program raises by itself."""


# --- the language: a program is a list whose first element says what the rest means ---------------

LEAVES: list[st.SearchStrategy[Program]] = [
    st.tuples(st.just("step"), st.sampled_from("abc")).map(list),
    st.tuples(st.just("undoable"), st.sampled_from("abc")).map(list),
    st.tuples(st.just("sleep"), st.integers(0, 20)).map(list),
    st.tuples(st.just("event"), st.sampled_from("kl"), st.one_of(st.none(), st.integers(1, 20))).map(list),
    st.just(["child"]),
    st.just(["random"]),
    st.just(["raise"]),
]


def branches(inner: st.SearchStrategy[Program]) -> st.SearchStrategy[Program]:
    some = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.tuples(st.just("seq"), some).map(list),
        st.tuples(st.just("gather"), some, st.booleans()).map(list),
        st.tuples(st.just("group"), some).map(list),
        st.tuples(st.just("timeout"), st.integers(0, 20), inner).map(list),
        st.tuples(st.just("first"), some).map(list),
        st.tuples(st.just("wait"), some).map(list),
        st.tuples(st.just("try"), inner, inner).map(list),
        st.tuples(st.just("finally"), inner, inner).map(list),
        st.tuples(st.just("scope"), inner).map(list),
        st.tuples(st.just("fold"), inner).map(list),
        st.tuples(st.just("orphan"), inner).map(list),
        st.tuples(st.just("generator"), inner, inner).map(list),
    )


PROGRAMS = branches(st.recursive(st.one_of(LEAVES), branches, max_leaves=12))


async def interpret(program: Program) -> Any:
    kind, *rest = program
    return await MEANING[kind](*rest)


async def _event(key: str, timeout: int | None) -> Any:
    try:
        return await event.wait(key, timeout=timeout)
    except EventTimeout:
        return "late"


async def _sequence(parts: list[Program]) -> Any:
    return [await interpret(part) for part in parts]


async def _gather(parts: list[Program], collect: bool) -> Any:
    found = await asyncio.gather(*(interpret(part) for part in parts), return_exceptions=collect)
    return [repr(one) for one in found]


async def _group(parts: list[Program]) -> Any:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(interpret(part)) for part in parts]
    return [task.result() for task in tasks]


async def _timeout(seconds: int, inner: Program) -> Any:
    try:
        async with asyncio.timeout(seconds):
            return await interpret(inner)
    except TimeoutError:
        return ["late", await work("after")]


async def _first(parts: list[Program]) -> Any:
    won = await first(**{f"n{n}": interpret(part) for n, part in enumerate(parts)})
    return [won.name, won.value]


async def _wait(parts: list[Program]) -> Any:
    tasks = [asyncio.create_task(interpret(part), name=str(n)) for n, part in enumerate(parts)]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    names = [task.get_name() for task in done] + [task.get_name() for task in pending]
    for task in pending:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return names


async def _try(inner: Program, handler: Program) -> Any:
    try:
        return await interpret(inner)
    except Exception as error:
        return [type(error).__name__, await interpret(handler)]


async def _finally(inner: Program, last: Program) -> Any:
    try:
        return await interpret(inner)
    finally:
        await interpret(last)


async def _scope(inner: Program) -> Any:
    async with scope("named"):
        return await interpret(inner)


async def _fold(inner: Program) -> Any:
    if "undoable" in str(inner):
        return await interpret(inner)
    return await fold("part", interpret, inner)


async def _orphan(inner: Program) -> Any:
    asyncio.create_task(interpret(inner)).add_done_callback(lambda task: task.cancelled() or task.exception())


async def _generator(inner: Program, last: Program) -> Any:
    async def pages() -> Any:
        try:
            yield await interpret(inner)
        finally:
            await interpret(last)

    async for page in pages():
        return page
    return None


async def _raise() -> None:
    raise Failing("by itself")


async def _value(value: Any) -> Any:
    return value


MEANING: dict[str, Callable[..., Awaitable[Any]]] = {
    "step": work,
    "undoable": lambda name: work(name).on_rollback(undo, name, when="attempted"),
    "sleep": sleep,
    "event": _event,
    "child": lambda: child(1),
    "random": lambda: _value(random()),
    "raise": _raise,
    "seq": _sequence,
    "gather": _gather,
    "group": _group,
    "timeout": _timeout,
    "first": _first,
    "wait": _wait,
    "try": _try,
    "finally": _finally,
    "scope": _scope,
    "fold": _fold,
    "orphan": _orphan,
    "generator": _generator,
}


@house.workflow
async def runs(program: Any) -> Any:
    return await interpret(program)


# --- playing --------------------------------------------------------------------------------------


def play(program: Program, choices: list[int]) -> Held:
    """Let things happen in an order that `choices` decides."""
    held = Held(runs, program)
    for turn in range(400):
        kernel = held.kernel
        if kernel.outcome is not None or kernel.stuck is not None:
            return held
        choice = choices[turn % len(choices)]
        if choice == 13 and kernel.cancelled is None:
            held.cancel()
            continue
        can: list[Callable[[], Any]] = []
        for call in list(kernel.calls.values()):
            if call.kind is Kind.STEP and call.id in held.running:
                name = call.id
                can.append(lambda name=name: held.done(name, name))  # type: ignore[misc]
                if not held.running[name].rollback:
                    can.append(lambda name=name: held.failed(name, ValueError(name)))  # type: ignore[misc]
            elif call.kind is Kind.EVENT:
                can.append(lambda name=call.id: held.receive(name, "message"))  # type: ignore[misc]
            elif call.kind is Kind.CHILD:
                can.append(lambda name=call.id: held.child(name, 1))  # type: ignore[misc]
        if kernel.next_timer() is not None:
            can.append(held.fire)
        can[choice % len(can)]()
    raise AssertionError(f"no end: {program}")


def end_of(held: Held) -> Any:
    outcome, stuck = held.kernel.outcome, held.kernel.stuck
    return (outcome and (outcome.value, repr(outcome.error)), stuck and str(stuck), held.kernel.undone)


def asked(held: Held, length: int) -> list[str]:
    """The calls whose effect was not recorded yet when the journal had this length."""
    placed = {e.call for e in held.entries[:length] if isinstance(e, Armed | ChildStarted)}
    commanded = [o.call for o in held.snapshots[length - 1] if o.kind not in (Kind.TIMER, Kind.FOLD)]
    return [call for call in commanded if call not in placed]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(PROGRAMS, st.lists(st.integers(0, 13), min_size=1, max_size=12))
def test_every_prefix_goes_on_as_the_run_did(program: Program, choices: list[int]) -> None:
    held = play(program, choices)
    end = end_of(held)
    for length in range(1, len(held.entries) + 1):
        fresh = held.again(held.entries[:length])
        assert fresh.snapshots[length - 1] == held.snapshots[length - 1]
        assert [c.call for c in fresh.replayed if not isinstance(c, FoldScope)] == asked(held, length)
        # Evicted here: nothing comes of it.
        fresh.kernel.close()
        assert (fresh.kernel.take(), fresh.kernel.calls) == ([], {})
        # Gone on from here: what came then comes now.
        other = held.again(held.entries[:length])
        for entry in held.entries[len(other.entries) :]:
            other.kernel.deliver(entry)
        assert end_of(other) == end
        other.kernel.close()
    held.kernel.close()
