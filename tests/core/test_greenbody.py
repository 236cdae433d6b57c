"""`def` bodies: waiting in the middle of ordinary calls."""

import contextvars
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from stepwell import cleanup, first, scope, sleep
from stepwell.core.greenbody import in_def_body
from stepwell.errors import WrongContext
from tests.core.driver import Held, House
from tests.core.test_kernel_native import replays_alike

house = House()
event = house.event("e", Any)
seen: list[str] = []
variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")


@house.step
def work(name: Any) -> Any:
    return name


@house.workflow
def child(n: int) -> int:
    return n


@house.workflow
def nested(names: list[str]) -> Any:
    def rank(name: str) -> int:
        return int(weigh(name))

    assert in_def_body()
    ordered = sorted(names, key=rank)
    with scope("in parallel"):
        calls = [work(name).start() for name in ordered]
        found = [call.result() for call in calls]
    sleep("1h").result()
    won = first(message=event.wait(), late=sleep("5s")).result()
    return [found, won.name, child(1).result()]


def weigh(name: str) -> Any:
    return work(f"weight of {name}").result()


def test_waiting_deep_in_ordinary_calls() -> None:
    held = Held(nested, ["b", "a", "c"])
    assert held.calls == ["work"]
    for call, weight in (("work", 2), ("work#2", 3), ("work#3", 1)):
        held.done(call, weight)
    assert held.calls == [f"in parallel/work{n}" for n in ("", "#2", "#3")]
    for call in reversed(held.calls):
        held.done(call, held.running[call].args[0])
    held.fire().receive("e").child("child", 7)
    assert held.result == [["c", "b", "a"], "message", 7]
    replays_alike(held)


@house.workflow
def raises() -> str:
    try:
        work("a").result()
    except ValueError as error:
        seen.append(str(error))
        work("b").result()
        raise KeyError("from the body") from error
    return "never"


def test_exceptions_go_in_and_out() -> None:
    seen.clear()
    held = Held(raises).failed("work", ValueError("from the step")).done("work#2")
    assert seen == ["from the step"]
    with pytest.raises(KeyError, match="from the body"):
        _ = held.result
    replays_alike(held)


@contextmanager
def lock() -> Iterator[None]:
    try:
        yield
    finally:
        seen.append("unlocking")
        with cleanup():
            work("unlock").result()
        seen.append("unlocked")


@house.workflow
def locks() -> str:
    with lock():
        assert len(sorted(range(3), key=lambda n: work(n).result() or 0)) == 3
    return "done"


def test_evicted_in_the_middle_of_a_with(silence: None) -> None:
    seen.clear()
    held = Held(locks).done("work")
    held.kernel.close()
    assert seen == ["unlocking"]
    assert held.kernel.take() == []
    assert held.kernel.outcome is None


def test_cancelled_in_the_middle_of_a_with() -> None:
    seen.clear()
    held = Held(locks).done("work").cancel()
    assert held.calls == ["work#3"]
    held.done("work#3")
    assert seen == ["unlocking", "unlocked"]
    assert held.kernel.outcome is not None
    assert held.kernel.cancelled == "operator"


@house.workflow
def contexts() -> list[str]:
    before = variable.get()
    variable.set("body")
    work("a").result()
    return [before, variable.get()]


def test_context_variables_stay_inside() -> None:
    token = variable.set("outside")
    try:
        held = Held(contexts)
        assert variable.get() == "outside"
        assert held.done("work").result == ["none", "body"]
        assert variable.get() == "outside"
    finally:
        variable.reset(token)


def test_result_belongs_to_def_bodies() -> None:
    @House().workflow
    async def body() -> Any:
        return work("a").result()

    with pytest.raises(WrongContext, match="in an async workflow"):
        _ = Held(body).result


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_what_a_def_body_raises_does_not_get_out(kind: type[BaseException]) -> None:
    @House().workflow
    def body() -> None:
        work("a").result()
        raise kind

    with pytest.raises(kind):
        _ = Held(body).done("work").result


def test_bodies_interleave() -> None:
    runs = [Held(locks, key=bytes([n] * 16)) for n in range(5)]
    for n in range(3):
        for held in runs:
            held.done(f"work#{n + 1}" if n else "work")
    for held in runs:
        assert held.done("work#4").result == "done"
