"""What is checked where a function is decorated: names, kinds of functions, options."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from stepwell import App, Keep, Retention, Retry
from stepwell.errors import DuplicateName, InvalidDuration, InvalidOption, StepwellError


async def work(x: int) -> int:
    return x


class Shop:
    async def charge(self, amount: int) -> int:
        return amount

    @classmethod
    async def refund(cls, amount: int) -> int:
        return amount


def a_generator(x: int) -> Iterator[int]:
    yield x


async def an_async_generator(x: int) -> AsyncIterator[int]:
    yield x


def app() -> App:
    return App("memory://")


def decorators() -> list[Any]:
    return [pytest.param(lambda fn: app().step(fn), id="step"), pytest.param(lambda fn: app().workflow(fn), id="wf")]


@pytest.mark.parametrize("decorate", decorators())
@pytest.mark.parametrize("method", [Shop.charge, Shop().charge, Shop.refund], ids=["function", "bound", "class"])
def test_methods_are_refused_with_the_way_out(decorate: Callable[[Any], Any], method: Any) -> None:
    with pytest.raises(InvalidOption, match=r"Shop\.\w+ is a method; expected a plain function") as refused:
        decorate(method)
    assert "db.inject()" in str(refused.value)


@pytest.mark.parametrize("decorate", decorators())
@pytest.mark.parametrize("fn", [a_generator, an_async_generator])
def test_generators_are_refused(decorate: Callable[[Any], Any], fn: Any) -> None:
    with pytest.raises(InvalidOption, match=rf"{fn.__name__} is a generator; expected a function that returns"):
        decorate(fn)


@pytest.mark.parametrize("decorate", decorators())
@pytest.mark.parametrize("value", [Shop, "charge", 5])
def test_what_is_no_function_is_refused(decorate: Callable[[Any], Any], value: Any) -> None:
    with pytest.raises(InvalidOption, match="expected a function"):
        decorate(value)


def test_a_name_is_given_once_and_both_places_are_told() -> None:
    mine = app()

    @mine.step
    async def ship(x: int) -> int:
        return x

    def other(x: int) -> int:
        return x

    for again in (
        lambda: mine.workflow(name="ship")(other),
        lambda: mine.step(name="ship")(other),
        lambda: mine.step(ship.fn),
    ):
        with pytest.raises(DuplicateName) as refused:
            again()
        said = str(refused.value)
        assert "workflow or step 'ship' is defined twice" in said
        assert f"{__file__}:{ship.fn.__code__.co_firstlineno}" in said
        assert said.count(__file__) == 2
        assert "name=" in said


def test_what_was_refused_leaves_the_first_in_place() -> None:
    mine = app()
    mine.step(work)
    with pytest.raises(DuplicateName):
        mine.workflow(work)
    definition = mine.registry.workflow("work")
    assert mine.registry.workflow_names() == ("work",)
    assert definition is not None
    assert definition.fn is work


def test_events_and_resources_have_names_of_their_own() -> None:
    mine = app()
    mine.step(work)
    mine.event("work", int)
    mine.resource(work)
    with pytest.raises(DuplicateName, match="event 'work' is defined twice"):
        mine.event("work")
    with pytest.raises(DuplicateName, match="resource 'work' is defined twice"):
        mine.resource(work)


@pytest.mark.parametrize("name", ["", 5, None])
def test_an_event_needs_a_name(name: Any) -> None:
    with pytest.raises(InvalidOption, match="expected a non-empty string"):
        app().event(name)


def test_a_resource_is_no_method() -> None:
    with pytest.raises(InvalidOption, match=r"resource Shop.charge is a method"):
        app().resource(Shop.charge)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"speed": 3}, "invalid_option"),
        ({"retries": -1}, "invalid_option"),
        ({"retries": 1.5}, "invalid_option"),
        ({"backoff": "sideways"}, "invalid_option"),
        ({"jitter": 2}, "invalid_option"),
        ({"delay": "2h", "max_delay": "1h"}, "invalid_option"),
        ({"retry_on": "ValueError"}, "invalid_option"),
        ({"raises": "ValueError"}, "invalid_option"),
        ({"timeout": "5 parsecs"}, "invalid_duration"),
        ({"queue_timeout": -1}, "invalid_duration"),
        ({"delay": "soon"}, "invalid_duration"),
    ],
)
@pytest.mark.parametrize("what", ["step", "workflow"])
def test_options_are_checked_where_they_are_written(what: str, options: dict[str, Any], code: str) -> None:
    mine = app()
    with pytest.raises(StepwellError) as refused:
        getattr(mine, what)(**options)(work)
    assert refused.value.code == code
    assert mine.registry.workflow_names() == ()


def test_the_deadline_of_a_workflow_is_a_duration() -> None:
    with pytest.raises(InvalidDuration, match="deadline 'tomorrow'"):
        app().workflow(deadline="tomorrow")(work)
    with pytest.raises(InvalidOption, match="exception classes"):
        app().step(raises=(ValueError, "KeyError"))


def test_what_a_workflow_says_of_its_runs() -> None:
    mine = app()
    paid = mine.event("paid", int)
    flow = mine.workflow(
        name="flow",
        on=[paid, "order.made"],
        queue="slow",
        priority=5,
        deadline="1h",
        queue_timeout="30s",
        retention=Retention("1d"),
        keep=Keep(3),
        retries=2,
        delay=4,
    )(work)
    rules = flow.definition.rules
    assert (flow.name, flow.definition.on) == ("flow", ("paid", "order.made"))
    assert (rules.queue, rules.priority, rules.deadline, rules.queue_timeout) == ("slow", 5, 3600.0, 30.0)
    assert (rules.retention, rules.keep) == (Retention("1d"), Keep(3))
    assert (rules.retry.retries, rules.retry.delay) == (2, 4.0)


def test_what_a_workflow_does_not_say() -> None:
    mine = app()
    rules = mine.workflow(work).definition.rules
    assert (rules.queue, rules.priority, rules.deadline, rules.queue_timeout) == ("default", 100, None, None)
    assert rules.retry.retries == 0
    assert mine.workflow(name="first", priority=0)(work).definition.rules.priority == 0


@pytest.mark.parametrize("on", ["paid", ("paid",)])
def test_one_event_or_several(on: Any) -> None:
    mine = app()
    assert mine.workflow(on=on)(work).on == ("paid",)
    assert mine.workflow(name="by_object", on=mine.event("paid", int))(work).on == ("paid",)


def test_a_step_is_a_task_that_is_not_retried_as_a_run() -> None:
    """Its attempts are those of its one call: retries of the run would multiply them."""
    mine = app()
    mine.step(retries=5, queue_timeout="10s")(work)
    definition = mine.registry.workflow("work")
    assert definition is not None
    assert definition.rules.retry == Retry(0)
    assert definition.rules.queue_timeout == 10.0
    assert definition.on == ()


def test_the_function_stays_what_it_was() -> None:
    mine = app()

    @mine.workflow(name="renamed")
    async def documented(x: int) -> int:
        """What it does."""
        return x

    assert (documented.name, documented.__name__, documented.__doc__) == ("renamed", "documented", "What it does.")
    assert documented.app is mine
