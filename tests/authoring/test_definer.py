"""The decorators of an app, with and without options, for `async def` and `def`."""

import asyncio
from typing import Any

import pytest

from stepwell import App, Event, Policy, Retry, RunFailed, Step, Workflow
from stepwell.errors import InvalidOption
from stepwell.testing.environment import Environment


async def double(x: int) -> int:
    return 2 * x


def triple(x: int) -> int:
    return 3 * x


def test_three_ways_to_make_a_step() -> None:
    bare, called, plain = App("memory://"), App("memory://"), App("memory://")

    @bare.step
    async def one(x: int) -> int:
        return x

    @called.step(retries=2, timeout="30s")
    async def two(x: int) -> int:
        return x

    three = plain.step(retries=4)(double)
    assert all(isinstance(step, Step) for step in (one, two, three, App("memory://").step(double)))
    assert [step.definition.rules.retry.retries for step in (one, two, three)] == [0, 2, 4]
    assert [step.definition.rules.timeout for step in (one, two, three)] == [None, 30.0, None]
    assert three.fn is double


def test_empty_parentheses_say_nothing() -> None:
    app = App("memory://")
    assert app.step()(double).policy == Policy()
    assert app.workflow()(triple).rules.retry.retries == 0


@pytest.mark.parametrize(
    ("value", "retries", "delay", "timeout"),
    [
        (Policy(retries=7, timeout="2s"), 7, 1.0, 2.0),
        (Retry(4, delay=3), 4, 3.0, None),
        (None, 0, 1.0, None),
    ],
)
def test_a_policy_or_a_retry_as_a_value(value: Any, retries: int, delay: float, timeout: float | None) -> None:
    rules = App("memory://").step(value)(double).definition.rules
    assert (rules.retry.retries, rules.retry.delay, rules.timeout) == (retries, delay, timeout)


def test_options_beside_a_value_win() -> None:
    app = App("memory://")
    step = app.step(Policy(retries=7, timeout="2s", name="shared"), retries=1, name="own")(double)
    assert (step.name, step.definition.rules.retry.retries, step.definition.rules.timeout) == ("own", 1, 2.0)


def test_one_decorator_can_be_used_for_several_functions() -> None:
    app = App("memory://")
    patient = app.step(retries=9)
    assert [patient(fn).definition.rules.retry.retries for fn in (double, triple)] == [9, 9]
    assert app.registry.workflow_names() == ("double", "triple")


def test_an_unknown_option_is_refused_by_its_name() -> None:
    for make in (
        lambda: App("memory://").step(speed=3),
        lambda: App("memory://").step(double, speed=3),  # type: ignore[call-overload]
        lambda: App("memory://").workflow(speed=3)(double),
    ):
        with pytest.raises(InvalidOption, match="'speed'"):
            make()


def test_all_kinds_of_functions_work() -> None:
    app = App("memory://")
    a_double, a_triple = app.step(double), app.step(triple)

    @app.workflow
    async def in_async(x: int) -> list[int]:
        return [await a_double(x), await a_triple(x)]

    @app.workflow
    def in_def(x: int) -> list[int]:
        return [a_double(x).result(), a_triple(x).result()]

    @app.workflow(name="with options", retries=1)
    async def with_options(x: int) -> list[int]:
        return await in_def(x)

    assert isinstance(in_async, Workflow)
    assert isinstance(with_options, Workflow)

    async def main() -> None:
        async with Environment(app):
            for flow in (in_async, in_def, with_options):
                assert await (await flow.start(5)).result() == [10, 15]

    asyncio.run(main())


def test_defaults_of_the_app_lie_under_those_of_a_step() -> None:
    app = App("memory://", defaults=Policy(retries=2, delay="1s", jitter=0))
    tries: list[str] = []

    @app.step
    async def by_default() -> None:
        tries.append("default")
        raise ValueError("no")

    @app.step(retries=0)
    async def own() -> None:
        tries.append("own")
        raise ValueError("no")

    async def main() -> None:
        async with Environment(app):
            for step in (by_default, own):
                with pytest.raises(RunFailed):
                    await (await step.start()).result()

    asyncio.run(main())
    assert tries == ["default"] * 3 + ["own"]


def test_an_event_has_a_payload_or_none() -> None:
    app = App("memory://")
    paid, done = app.event("paid", int), app.event("done")
    assert isinstance(paid, Event)
    assert paid.encode(3) == ("paid", b"3")
    assert done.encode(None) == ("done", b"null")
    assert repr(paid) == "<Event paid>"


def test_apps_know_nothing_of_each_other() -> None:
    one, other = App("memory://"), App("memory://")
    one.step(double)
    other.workflow(double)
    assert (one.registry.workflow_names(), other.registry.workflow_names()) == (("double",), ("double",))
    assert one.registry is not other.registry


def test_a_client_takes_the_definitions_of_another_app() -> None:
    one = App("memory://")
    one.step(double)
    assert App(mode="client", like=one).registry is one.registry
