"""A workflow called inside a run is a child of it; called anywhere else it is refused with the way out."""

import asyncio
import time

import pytest

from stepwell import App, Conflict, RunCancelled, RunFailed, RunStatus, RunTerminated, StepwellError, Workflow, sleep
from stepwell.errors import TypeMismatch, WrongContext
from stepwell.testing.environment import Environment


class Shop:
    """A parent with children of every fate."""

    def __init__(self) -> None:
        self.app = app = App("memory://")
        self.log: list[int] = []

        @app.step
        async def note(x: int) -> int:
            self.log.append(x)
            return x

        @app.workflow
        async def double(x: int) -> int:
            if x < 0:
                raise ValueError("negative")
            return 2 * await note(x)

        @app.workflow
        async def nap(x: int) -> int:
            await sleep("1h")
            return x

        @app.workflow
        async def both(x: int) -> list[int]:
            return list(await asyncio.gather(double(x), double.options(name="again", id=f"again-{x}")(x + 1)))

        @app.workflow
        async def ends(x: int) -> str:
            try:
                await (double if x < 0 else nap.options(id=f"nap-{x}"))(x)
            except (RunFailed, RunCancelled, RunTerminated) as error:
                return f"{type(error).__name__} {error.workflow} {error.__cause__!r}"
            return "succeeded"

        @app.workflow
        async def forget(x: int) -> list[str]:
            run = await nap.start(x)
            named = await nap.options(id=f"mine-{x}").start(x)
            return [run.id, named.id]

        self.double, self.nap, self.both, self.ends, self.forget, self.note = double, nap, both, ends, forget, note


def test_outside_of_a_run_a_call_is_refused_with_the_way_out() -> None:
    shop = Shop()
    with pytest.raises(WrongContext, match="workflow 'double' was called outside of any run") as refused:
        shop.double(1)
    assert "`await double.start(...)`" in str(refused.value)
    assert "`double.fn`" in str(refused.value)


def test_in_a_step_both_calls_and_starts_are_refused() -> None:
    shop = Shop()
    said: list[str] = []

    @shop.app.step
    async def careless() -> None:
        for attempt in (shop.double, shop.double.start):
            try:
                attempt(1)
            except WrongContext as error:
                said.append(str(error))

    async def main() -> None:
        async with Environment(shop.app):
            await (await careless.start()).result()

    asyncio.run(main())
    assert "workflow 'double' was called inside a step" in said[0]
    assert "a run was started inside a step" in said[1]


def test_the_plain_function_stays_within_reach() -> None:
    app = App("memory://")

    @app.workflow
    async def plain(x: int) -> int:
        return x + 1

    assert asyncio.run(plain.fn(1)) == 2


@pytest.mark.parametrize("replay", [False, True])
def test_children_run_beside_each_other_and_answer(replay: bool) -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app, replay=replay) as env:
            run = await shop.both.options(id="parent").start(4)
            assert await run.result() == [8, 10]
            children = [entry for entry in await run.journal() if entry["k"] == "child"]
            assert [(c["call"], c["id"]) for c in children] == [("double", "parent/1/double"), ("again", "again-4")]
            child = await shop.double.get("parent/1/double")
            assert await child.result() == 8
            await env.crash()
            assert [e for e in await run.journal() if e["k"] == "child"] == children

    asyncio.run(main())
    assert sorted(shop.log) == [4, 5]


def test_a_child_survives_a_crash_and_is_started_once() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app) as env:
            run = await shop.ends.start(1)
            await env.settle()
            await env.crash()
            await env.crash()
            assert await run.result() == "succeeded"
            assert await shop.app.runs.count(workflow="nap") == {"succeeded": 1}

    asyncio.run(main())


def test_a_child_that_failed_is_told_with_its_cause() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app):
            assert await (await shop.ends.start(-1)).result() == "RunFailed double ValueError('negative')"

    asyncio.run(main())


@pytest.mark.parametrize(("verb", "told"), [("cancel", "RunCancelled"), ("terminate", "RunTerminated")])
def test_a_child_that_was_stopped_is_told(verb: str, told: str) -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app) as env:
            run = await shop.ends.start(3)
            await env.settle()
            await getattr(await shop.nap.get("nap-3"), verb)()
            assert await run.result() == f"{told} nap None"

    asyncio.run(main())


def test_a_detached_run_is_not_awaited_and_not_stopped() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app, replay=True) as env:
            run = await shop.forget.options(id="parent").start(7)
            assert await run.result() == ["parent/1/start nap", "mine-7"]
            child = await shop.nap.get("mine-7")
            await env.settle()
            assert (await child.status()).state is RunStatus.WAITING
            await env.advance("1h")
            assert await child.result() == 7
            assert await shop.app.runs.count(workflow="nap") == {"succeeded": 2}

    asyncio.run(main())


def test_an_id_that_belongs_to_another_run_is_a_conflict_inside_a_run_too() -> None:
    """P7 holds for every caller; each call is told of its own id, and what is free is started."""
    shop = Shop()

    @shop.app.workflow
    async def careless() -> list[str]:
        said = []
        try:
            await shop.nap.options(id="taken").start(2)
        except Conflict as error:
            said.append(f"detached: {error}")
        free, taken = await asyncio.gather(
            shop.nap.options(id="free")(3), shop.nap.options(id="taken")(2), return_exceptions=True
        )
        assert isinstance(taken, RunFailed | Conflict), taken
        return [*said, f"{free}", f"{taken.__cause__ or taken}"]

    async def main() -> None:
        async with Environment(shop.app):
            other = await shop.nap.options(id="taken").start(1)
            detached, free, taken = await (await careless.start()).result()
            assert detached.startswith("detached: the id 'taken' belongs to another run")
            assert free == "3"
            assert taken.startswith("the id 'taken' belongs to another run")
            assert await other.result() == 1

    asyncio.run(main())


def test_the_arguments_of_a_child_are_checked_where_it_is_called() -> None:
    shop = Shop()

    @shop.app.workflow
    async def wrong() -> str:
        try:
            await shop.double("one")  # type: ignore[arg-type]
        except TypeMismatch as error:
            return error.code
        return "accepted"

    async def main() -> None:
        async with Environment(shop.app):
            assert await (await wrong.start()).result() == "type_mismatch"
            assert await shop.app.runs.count(workflow="double") == {}

    asyncio.run(main())


def test_options_make_another_object_of_the_same_workflow() -> None:
    shop = Shop()
    named = shop.double.options(id="x", priority=3)
    assert isinstance(named, Workflow)
    assert named is not shop.double
    assert (named.name, named.fn, named.definition) == ("double", shop.double.fn, shop.double.definition)

    async def main() -> None:
        async with Environment(shop.app):
            assert (await named.start(1)).id == "x"
            assert (await shop.double.start(1)).id != "x"

    asyncio.run(main())


@pytest.mark.parametrize("options", [{"speed": 1}, {"retries": -1}, {"id": 5}, {"deadline": "soon"}])
def test_options_are_checked(options: dict[str, object]) -> None:
    with pytest.raises(StepwellError) as refused:
        Shop().double.options(**options)
    assert refused.value.code in ("invalid_option", "invalid_duration")


def test_a_definition_is_made_once_when_types_can_be_resolved() -> None:
    app = App("memory://")

    @app.workflow
    async def flow(order: "Order") -> "Order":
        return order

    class Order(dict[str, int]):
        pass

    plain = Shop().double
    assert plain.definition is plain.definition
    assert plain.definition.signature.parameters == ("x",)
    with pytest.raises(StepwellError):
        _ = flow.definition  # a local name, found nowhere


def test_code_that_cannot_be_replayed_is_noticed_where_it_is_defined() -> None:
    app = App("memory://")

    @app.workflow
    async def careless() -> float:
        return time.time()

    @app.workflow
    async def careful(x: int) -> int:
        return x

    assert any("time.time" in warning for warning in careless.definition.warnings)
    assert careful.definition.warnings == ()
