"""A step in a run, by itself as a queued task, and outside of any run as the function it is."""

import asyncio
import threading
from typing import Any

import pytest

from stepwell import App, Policy, Retry, RunFailed, StepError, StepwellError
from stepwell.errors import InvalidOption, TypeMismatch, WrongContext
from stepwell.testing.environment import Environment


class Declined(Exception):
    def __init__(self, message: str, balance: int) -> None:
        super().__init__(message, balance)
        self.balance = balance


class Unheard(Exception):
    pass


def make_app() -> App:
    return App("memory://")


# --- outside of any run -------------------------------------------------------------------------------------


def test_outside_of_a_run_the_function_runs_when_it_is_asked() -> None:
    app = make_app()
    log: list[str] = []

    @app.step(retries=5)
    async def later(x: int) -> int:
        log.append("async")
        return x + 1

    @app.step
    def now(x: int) -> int:
        log.append("def")
        return x + 2

    async def main() -> None:
        call, other = later(1), now(1)
        assert log == []  # lazy
        assert await other == 3
        assert await call == 2
        assert await call == 2  # the same call again: the same result
        assert log == ["def", "async"]

    asyncio.run(main())
    assert later(5).result() == 6
    assert now(5).result() == 7
    assert later.fn.__name__ == "later"


def test_outside_of_a_run_nothing_is_retried() -> None:
    app = make_app()
    log: list[int] = []

    @app.step(retries=5)
    def failing() -> None:
        log.append(1)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        failing().result()
    assert log == [1]


def test_a_result_does_not_block_a_loop() -> None:
    app = make_app()

    @app.step
    async def one() -> int:
        return 1

    async def main() -> None:
        call = one()
        with pytest.raises(WrongContext, match=r"would block a running event loop. `await` it"):
            call.result()
        assert await call == 1

    asyncio.run(main())


def test_a_call_that_nobody_awaits_warns_at_its_line() -> None:
    app = make_app()

    @app.step
    async def one() -> int:
        return 1

    with pytest.warns(RuntimeWarning, match="call 'one' was never awaited") as warned:
        one()
    assert warned[0].filename == __file__


# --- by itself ----------------------------------------------------------------------------------------------


def test_a_started_step_is_a_task_of_its_own() -> None:
    app = make_app()
    threads: set[str] = set()

    @app.step
    def work(x: int, *, y: int = 1) -> int:
        threads.add(threading.current_thread().name)
        return x + y

    async def main() -> None:
        async with Environment(app):
            run = await work.options(id="task-1", tags={"kind": "task"}).start(1, y=5)
            assert (run.id, run.workflow) == ("task-1", "work")
            assert await run.result() == 6
            assert (await run.status()).tags == {"kind": "task"}
            assert [entry["k"] for entry in await run.journal()] == ["started", "step", "finish"]
            assert (await work.get("task-1")).key == run.key
        assert threading.main_thread().name not in threads

    asyncio.run(main())


def test_a_started_step_is_retried_with_its_own_policy() -> None:
    app = make_app()
    tries: list[float] = []

    @app.step(retries=2, delay="1m", backoff="constant", jitter=0)
    async def work() -> int:
        tries.append(env.now())
        if len(tries) < 3:
            raise ValueError("not yet")
        return len(tries)

    env = Environment(app)

    async def main() -> None:
        async with env:
            assert await (await work.start()).result() == 3
        assert [at - tries[0] for at in tries] == [0, 60, 120]

    asyncio.run(main())


def test_a_step_is_not_started_inside_a_step() -> None:
    app = make_app()

    @app.step
    async def inner() -> int:
        return 1

    @app.step
    async def outer() -> str:
        with pytest.raises(WrongContext, match="Start it in the workflow") as refused:
            inner.start()
        return f"{refused.value.code} {await inner()}"

    async def main() -> None:
        async with Environment(app):
            assert await (await outer.start()).result() == "wrong_context 1"

    asyncio.run(main())


# --- options ------------------------------------------------------------------------------------------------


def test_options_are_merged_and_the_step_stays_as_it_was() -> None:
    app = make_app()

    @app.step(retries=1, timeout="10s", jitter=0)
    async def work(x: int) -> int:
        return x

    shared = Policy(retries=5, delay="2s")
    merged = work.options(shared, timeout="30s").options(Retry(2, delay=7, backoff="linear"))
    rules = merged.definition.rules
    assert (rules.retry.retries, rules.retry.delay, rules.retry.backoff, rules.timeout) == (2, 7.0, "linear", 30.0)
    assert work.options(shared).definition.rules.retry.jitter == 0  # not said there: kept
    assert (work.definition.rules.retry.retries, work.definition.rules.timeout) == (1, 10.0)
    assert merged.fn is work.fn


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"speed": 1}, "invalid_option"),
        ({"retries": -1}, "invalid_option"),
        ({"timeout": "soon"}, "invalid_duration"),
        ({"delay": "-1s"}, "invalid_duration"),
        ({"id": ""}, "invalid_option"),
        ({"effect": "twice"}, "invalid_option"),
    ],
)
def test_options_out_of_range(options: dict[str, Any], code: str) -> None:
    app = make_app()

    @app.step
    async def work(x: int) -> int:
        return x

    with pytest.raises(StepwellError) as refused:
        work.options(**options)
    assert refused.value.code == code
    with pytest.raises(InvalidOption, match="is not a policy"):
        work.options({"retries": 3})


def test_options_hold_for_the_calls_of_that_object() -> None:
    app = make_app()
    tries: dict[str, int] = {"plain": 0, "patient": 0}

    @app.step
    async def work(who: str) -> int:
        tries[who] += 1
        raise ValueError(who)

    @app.workflow
    async def flow() -> None:
        for step, who in ((work, "plain"), (work.options(retries=2, delay=0), "patient")):
            with pytest.raises(ValueError, match=who):
                await step(who)

    async def main() -> None:
        async with Environment(app):
            await (await flow.start()).result()

    asyncio.run(main())
    assert tries == {"plain": 1, "patient": 3}


def test_a_name_for_one_call_is_seen_in_the_journal() -> None:
    app = make_app()

    @app.step
    async def work(x: int) -> int:
        return x

    @app.workflow
    async def named() -> int:
        return await work(1) + await work.options(name="second")(2) + await work(3)

    async def main() -> None:
        async with Environment(app):
            run = await named.start()
            assert await run.result() == 6
            assert [e["call"] for e in await run.journal() if e["k"] == "step"] == ["work", "second", "work#2"]

    asyncio.run(main())


# --- failing ------------------------------------------------------------------------------------------------


def test_classes_in_raises_come_back_as_themselves_others_as_step_errors() -> None:
    app = make_app()

    @app.step(raises=Declined)
    async def charge() -> None:
        raise Declined("no money", 3)

    @app.step
    async def ship() -> None:
        raise Unheard("of")

    @app.workflow
    async def flow() -> list[str]:
        said = []
        try:
            await charge()
        except Declined as error:
            said.append(f"{error.args} {error.balance}")
        try:
            await ship()
        except StepError as error:
            said.append(f"{error} {error.type_name}")
        return said

    async def main() -> None:
        async with Environment(app, replay=True):
            assert await (await flow.start()).result() == ["('no money', 3) 3", "of Unheard"]
            with pytest.raises(RunFailed) as failed:
                await (await charge.start()).result()
            assert isinstance(failed.value.__cause__, Declined)

    asyncio.run(main())


def test_arguments_are_checked_before_anything_is_stored() -> None:
    app = make_app()

    @app.step
    async def work(x: int) -> int:
        return x

    async def main() -> None:
        async with Environment(app) as env:
            for args in (("one",), (), (1, 2)):
                with pytest.raises(TypeMismatch):
                    await work.start(*args)
            assert await env.app.runs.count() == {}

    asyncio.run(main())


# --- undoing ------------------------------------------------------------------------------------------------


def test_only_a_step_undoes_and_only_a_call_that_has_not_begun() -> None:
    app = make_app()

    @app.step
    async def work() -> int:
        return 1

    @app.step
    async def undo(x: int) -> None: ...

    def plain(x: int) -> None: ...

    async def main() -> None:
        call = work()
        with pytest.raises(InvalidOption, match=r"is not a step. Undoing is a side effect"):
            call.on_rollback(plain)  # type: ignore[call-overload]
        with pytest.raises(InvalidOption, match="when='never'; expected 'done' or 'attempted'"):
            call.on_rollback(undo, when="never")  # type: ignore[call-overload]
        assert await call.on_rollback(undo) == 1
        with pytest.raises(InvalidOption, match="call 'work' has begun"):
            call.on_rollback(undo)

    asyncio.run(main())


def test_an_undo_gets_the_result_or_what_is_given() -> None:
    app = make_app()
    undone: list[str] = []

    @app.step
    async def work(x: str) -> str:
        return x

    @app.step
    async def undo(x: str) -> None:
        undone.append(x)

    @app.workflow
    async def flow() -> None:
        await work("first").on_rollback(undo)
        await work("second").on_rollback(undo, "given")
        raise ValueError("no")

    async def main() -> None:
        async with Environment(app):
            with pytest.raises(RunFailed):
                await (await flow.start()).result()

    asyncio.run(main())
    assert undone == ["given", "first"]  # last first
