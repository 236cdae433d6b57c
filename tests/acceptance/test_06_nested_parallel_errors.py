"""Acceptance 6: nested, parallel and conditional steps, and errors."""

import asyncio
from typing import Any

import pytest

from stepwell import App, NonRetryableError, RunFailed, StepError, run_step, sleep
from stepwell.errors import WrongContext
from stepwell.testing.crash import crash_at_every_commit
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio
app = App()
log: list[str] = []
done = app.event("done", str)


class ChargeDeclined(Exception):
    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message, reason)
        self.reason = reason


@pytest.fixture(autouse=True)
def _clean() -> None:
    log.clear()


async def work1() -> int:
    log.append("work 1")
    return 1


async def work2(one: int) -> int:
    log.append(f"work 2 after {one}")
    return one + 1


@app.step(name="Parent step")
async def parent() -> dict[str, int]:
    log.append("parent")
    one = await run_step("Child step 1", work1)
    two = await run_step("Child step 2", work2, one)
    return {"one": one, "two": two}


@app.step(name="Parent in a thread")
def parent_in_a_thread() -> int:
    one: int = run_step("Child step 1", work1).result()
    return one


@app.workflow
async def once() -> dict[str, int]:
    return await parent()


@app.workflow
async def twice() -> list[dict[str, int]]:
    return [await parent(), await parent()]


@app.workflow
async def in_a_thread() -> int:
    return await parent_in_a_thread()


@app.step(raises=[ChargeDeclined])
async def risky_operation() -> None:
    log.append("risky")
    raise ChargeDeclined("card declined", reason="stolen")


@app.step
async def cleanup(what: str) -> None:
    log.append(f"cleanup after {what}")


@app.workflow
async def careful() -> list[str]:
    seen = ["nothing"]
    try:
        await risky_operation()
    except ChargeDeclined as error:
        seen = [type(error).__name__, str(error.args), error.reason]
        await cleanup(error.reason)
    await done.wait("go")
    return seen


async def test_children_run_in_order_and_their_results_are_recorded() -> None:
    async with Environment(app):
        run = await once.start()
        assert await run.result() == {"one": 1, "two": 2}
        assert log == ["parent", "work 1", "work 2 after 1"]
        assert [e["k"] for e in await run.journal()].count("nested") == 2


async def test_a_parent_killed_between_its_children_does_not_start_the_first_again() -> None:
    counts: list[int] = []

    async def scenario(env: Environment) -> Any:
        return await (await once.options(id="r").start()).result()

    def check(n: int, fault: object) -> None:
        # Each body may run twice, when it was the one under way; but never again once it was recorded.
        assert log.count("work 1") <= 2, (n, fault, log)
        if "work 2 after 1" in log:
            assert "work 1" not in log[log.index("work 2 after 1") :], (n, fault, log)
        counts.append(len(log))

    report = await crash_at_every_commit(app, scenario, reset=log.clear, check=check)
    assert report.outcome == {"one": 1, "two": 2}
    assert max(counts) > 3  # some of the crashes did hit the parent between its children


async def test_children_of_one_title_do_not_collide() -> None:
    async with Environment(app):
        assert await (await twice.start()).result() == [{"one": 1, "two": 2}] * 2
        assert log == ["parent", "work 1", "work 2 after 1"] * 2


async def test_a_thread_step_has_nested_steps_too() -> None:
    async with Environment(app):
        assert await (await in_a_thread.start()).result() == 1
        assert log == ["work 1"]


async def test_gather_runs_steps_at_the_same_time() -> None:
    together = App()
    inside: set[str] = set()
    all_there = asyncio.Event()

    @together.step
    async def fetch(what: str) -> str:
        inside.add(what)
        if len(inside) == 3:
            all_there.set()
        await asyncio.wait_for(all_there.wait(), 60)
        return what

    @together.workflow
    async def page() -> list[str]:
        return list(await asyncio.gather(fetch("user"), fetch("product"), fetch("stock")))

    async with Environment(together):
        assert await (await page.start()).result() == ["user", "product", "stock"]


async def test_conditional_steps() -> None:
    conditional = App()

    @conditional.step
    async def note(what: str) -> str:
        return what

    @conditional.workflow
    async def work(requires_approval: bool) -> list[str]:
        notes = []
        if requires_approval:
            notes.append(await note("approval"))
        notes.append(await note("process"))
        return notes

    async with Environment(conditional, replay=True):
        assert await (await work.start(True)).result() == ["approval", "process"]
        assert await (await work.start(False)).result() == ["process"]


@pytest.mark.parametrize("recovered", [False, True])
async def test_except_sees_the_same_error_the_first_time_and_after_recovery(recovered: bool) -> None:
    async with Environment(app) as env:
        run = await careful.start()
        await env.settle()
        if recovered:
            await env.crash()
        await done.send("go", key="go")
        seen = await run.result()
        assert seen == ["ChargeDeclined", "('card declined', 'stolen')", "stolen"]
        assert log == ["risky", "cleanup after stolen"]


async def test_an_error_of_an_unnamed_class_is_a_step_error_the_first_time_too() -> None:
    unnamed = App()

    @unnamed.step
    async def fails() -> None:
        raise ChargeDeclined("card declined", reason="stolen")

    @unnamed.workflow
    async def work() -> list[str]:
        caught = ["nothing"]
        try:
            await fails()
        except StepError as error:
            caught = [str(error.type_name), str(error)]
        await sleep("1h")
        return caught

    async with Environment(unnamed, replay=True):
        name, message = await (await work.start()).result()
        assert name.endswith("ChargeDeclined")
        assert "card declined" in message


async def test_validate_makes_one_attempt_whatever_retries_says() -> None:
    strict = App()
    attempts: list[int] = []

    @strict.step(name="Validate payment", retries=10)
    def validate(amount: int) -> bool:
        attempts.append(amount)
        if amount < 100:
            raise NonRetryableError("Amount below minimum")
        return True

    @strict.workflow
    async def work(amount: int) -> bool:
        return await validate(amount)

    async with Environment(strict):
        run = await work.start(5)
        with pytest.raises(RunFailed, match="Amount below minimum"):
            await run.result()
        assert attempts == [5]


@pytest.mark.parametrize("what", ["sleep", "event"])
async def test_a_durable_wait_inside_a_step_is_refused(what: str) -> None:
    confused = App()
    paid = confused.event("paid", str)

    @confused.step
    async def waits() -> None:
        if what == "sleep":
            await sleep("1h")
        else:
            await paid.wait("a")

    @confused.workflow
    async def work() -> None:
        await waits()

    async with Environment(confused):
        with pytest.raises(RunFailed) as failed:
            await (await work.start()).result()
        cause = failed.value.__cause__
        assert isinstance(cause, WrongContext)
        assert "Do this in the workflow" in str(cause)
