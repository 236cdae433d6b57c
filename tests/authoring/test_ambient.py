"""Where code runs: the body of a workflow, a step, or outside of any run; and what is refused there."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from stepwell import App, now, random, sleep
from stepwell.authoring.ambient import body_kernel, facts_of, kernel_here, step_here
from stepwell.errors import WrongContext
from stepwell.testing.environment import Environment


def where() -> str:
    if kernel_here() is not None:
        return "body"
    return "outside" if step_here() is None else "step"


def play(app: App, flow: Any, *args: Any) -> Any:
    async def main() -> Any:
        async with Environment(app):
            assert where() == "outside"  # the engine is open, but this is the test's own loop
            return await (await flow.start(*args)).result()

    return asyncio.run(main())


def test_each_place_knows_what_it_is() -> None:
    app = App("memory://")

    @app.step
    async def in_loop() -> str:
        return where()

    @app.step
    def in_thread() -> str:
        return where()

    async def task() -> str:
        await sleep(1)
        return where()

    @app.workflow
    async def flow() -> list[str]:
        return [where(), await in_loop(), await in_thread(), await asyncio.create_task(task()), where()]

    assert play(app, flow) == ["body", "step", "step", "body", "body"]
    assert where() == "outside"


def test_a_def_body_is_a_body() -> None:
    app = App("memory://")

    @app.step
    def inner() -> str:
        return where()

    @app.workflow
    def flow() -> list[str]:
        return [where(), inner().result(), where()]

    assert play(app, flow) == ["body", "step", "body"]


def test_a_step_outside_of_a_run_is_outside() -> None:
    app = App("memory://")

    @app.step
    def plain() -> str:
        return where()

    assert plain().result() == "outside"


def test_the_facts_are_those_of_the_run_and_the_step() -> None:
    app = App("memory://")

    @app.step
    async def inner() -> str:
        scope = step_here()
        assert scope is not None
        return f"{scope.run_id} {scope.workflow} {scope.call}"

    @app.workflow
    async def flow() -> list[str]:
        facts = facts_of(body_kernel("this"))
        return [facts.row.id, facts.row.workflow, await inner()]

    assert play(app, flow.options(id="run-1")) == ["run-1", "flow", "run-1 flow inner"]


@pytest.mark.parametrize(
    ("ask", "what"),
    [
        (now, "stepwell.now()"),
        (random, "stepwell.random()"),
        (lambda: sleep(1), "stepwell.sleep()"),
        (lambda: body_kernel("it"), "it"),
    ],
)
def test_refusals_say_what_where_and_what_to_do(ask: Callable[[], Any], what: str) -> None:
    app = App("memory://")

    @app.step
    async def in_step() -> str:
        with pytest.raises(WrongContext) as refused:
            ask()
        return f"{refused.value.code}: {refused.value}"

    @app.workflow
    async def flow() -> str:
        return await in_step()

    assert play(app, flow) == (
        f"wrong_context: {what} was called inside a step, where nothing can be waited for durably. "
        "Do this in the workflow, and give the step its result."
    )
    with pytest.raises(WrongContext) as refused:
        ask()
    assert str(refused.value) == f"{what} was called outside of any run; expected a workflow body around it"
