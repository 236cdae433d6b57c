"""What bodies ask for: waits, children, detached runs, and taking them back."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from stepwell import App, Conflict, Run, RunCancelled, RunFailed, RunStatus, RunTerminated, first, sleep
from stepwell.testing.crash import crash_at_every_commit
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio


def make() -> SimpleNamespace:
    """A parent and its child; `broken` says which names fail."""
    app = App("memory://")
    log: list[str] = []
    broken: set[str] = set()
    event = app.event("event", str)

    @app.step
    async def work(name: str) -> str:
        log.append(name)
        if name in broken:
            raise ValueError(f"{name} is broken")
        return name

    @app.workflow
    async def child(name: str, wait: bool = False) -> str:
        await work(f"{name} begins")
        if wait:
            await event.wait(name)
        return await work(f"{name} ends")

    @app.workflow
    async def parent(name: str, wait: bool = False) -> list[str]:
        before = await work(f"before {name}")
        inside = await child(name, wait)
        return [before, inside, await work(f"after {name}")]

    @app.workflow
    async def impatient(name: str, timeout: str) -> str:
        try:
            async with asyncio.timeout(60 if timeout == "1m" else 3600):
                return await child(name, True)
        except TimeoutError:
            await sleep("1h")
            return "gave up"

    return SimpleNamespace(app=app, log=log, broken=broken, event=event, work=work, child=child, parent=parent,
                           impatient=impatient)  # fmt: skip


async def statuses(app: App) -> dict[str, RunStatus]:
    return {row.workflow: row.status for row in (await app.runs.list()).runs}


# -- children --------------------------------------------------------------------------------------


async def test_a_child_is_a_run_of_its_own() -> None:
    made = make()
    async with Environment(made.app):
        run = await made.parent.start("a")
        assert await run.result() == ["before a", "a ends", "after a"]
        page = await made.app.runs.list(workflow="child")
        assert [row.parent for row in page.runs] == [run.key]
        assert [e["k"] for e in await run.journal()] == ["started", "step", "child", "ended", "step", "finish"]


async def test_what_a_child_raises_reaches_its_parent_as_a_failed_run() -> None:
    made = make()
    made.broken.add("a begins")
    async with Environment(made.app):
        run = await made.parent.start("a")
        with pytest.raises(RunFailed) as failed:
            await run.result()
        cause = failed.value.__cause__
        assert isinstance(cause, RunFailed)
        assert isinstance(cause.__cause__, ValueError)


@pytest.mark.parametrize("crash", [False, True])
async def test_a_child_that_was_given_up_is_cancelled_also_after_a_crash(crash: bool) -> None:
    """The child's key is in the journal: who takes the parent over knows whom to cancel."""
    made = make()
    async with Environment(made.app, replay=True) as env:
        run = await made.impatient.start("a", "1m")
        await env.settle()
        if crash:
            await env.crash()
        await env.advance("1m")
        assert await statuses(made.app) == {"impatient": RunStatus.WAITING, "child": RunStatus.CANCELLED}
        assert await run.result() == "gave up"


async def test_cancelling_a_parent_cancels_its_children_and_terminating_terminates_them() -> None:
    made = make()
    async with Environment(made.app) as env:
        for name, verb, ended in (("a", "cancel", RunCancelled), ("b", "terminate", RunTerminated)):
            run = await made.parent.options(id=name).start(name, True)
            await env.settle()
            await getattr(run, verb)()
            with pytest.raises(ended):
                await run.result()
            await env.settle()
            (row,) = (await made.app.runs.list(parent=run.key)).runs
            assert row.status.value == f"{verb}led" if verb == "cancel" else f"{verb}d"


async def test_a_restarted_parent_has_children_of_its_own_and_cancels_those_it_had() -> None:
    """Whose end, then, is none of the new one's business."""
    made = make()
    async with Environment(made.app) as env:
        run = await made.parent.options(id="p").start("a", True)
        await env.settle()
        await run.restart()
        await env.settle()
        new, old = (await made.app.runs.list(workflow="child")).runs
        assert (old.status, new.status) == (RunStatus.CANCELLED, RunStatus.WAITING)
        assert (await run.status()).state is RunStatus.WAITING
        await made.event.send("go", key="a")
        assert await run.result() == ["before a", "a ends", "after a"]


async def test_a_child_whose_end_is_not_awaited_any_more_tells_nobody() -> None:
    made = make()
    async with Environment(made.app) as env:
        run = await made.impatient.start("a", "1m")
        await env.advance("61s")
        await made.event.send("late", key="a")
        assert await run.result() == "gave up"
        assert "ended" not in [e["k"] for e in await run.journal()]


@pytest.mark.parametrize("chosen", [False, True])
async def test_a_retried_parent_sets_its_failed_child_going_again(chosen: bool) -> None:
    made = make()
    app: App = made.app

    @app.workflow
    async def family(name: str) -> str:
        call = made.child.options(id="the child") if chosen else made.child
        result: str = await call(name)
        return result

    made.broken.add("a ends")
    async with Environment(made.app):
        run = await family.options(id="r").start("a")
        with pytest.raises(RunFailed):
            await run.result()
        made.broken.clear()
        made.log.clear()
        await run.retry()
        assert await run.result() == "a ends"
        assert made.log == ["a ends"]  # the child went on from its failed step, too
        assert len((await made.app.runs.list(workflow="child")).runs) == 1


async def test_a_retried_parent_takes_over_what_its_child_brought_meanwhile() -> None:
    """One child fails the parent while the other is cancelled; a third had ended before."""
    made = make()
    app: App = made.app

    @app.workflow
    async def family() -> list[str]:
        await made.child("done")
        return list(await asyncio.gather(made.child("bad"), made.child("slow", True)))

    made.broken.add("bad ends")
    async with Environment(made.app) as env:
        run = await family.options(id="r").start()
        with pytest.raises(RunFailed):
            await run.result()
        await env.settle()
        by_status = await made.app.runs.count(workflow="child")
        assert by_status == {"succeeded": 1, "failed": 1, "cancelled": 1}
        made.broken.clear()
        made.log.clear()
        await run.retry()
        await env.settle()
        await made.event.send("go", key="slow")
        assert await run.result() == ["bad ends", "slow ends"]
        assert "done begins" not in made.log
        assert len((await made.app.runs.list(workflow="child")).runs) == 3


async def test_an_id_that_belongs_to_another_run_is_a_conflict() -> None:
    made = make()
    app: App = made.app

    @app.workflow
    async def family() -> str:
        try:
            result: str = await made.child.options(id="taken")("a")
        except RunFailed as error:
            return type(error.__cause__).__name__
        return result

    async with Environment(made.app):
        await made.child.options(id="taken").start("b")
        assert await (await family.start()).result() == "Conflict"


@pytest.mark.parametrize("detached", [False, True])
async def test_an_id_that_nobody_chose_yields_to_a_run_that_has_it(detached: bool) -> None:
    """As when a run of the parent's id was there before and has been removed, but not the child that it had."""
    made = make()
    app: App = made.app

    @app.workflow
    async def starter(name: str) -> str:
        if not detached:
            return str(await made.child(name))
        return str((await made.child.start(name)).key.hex())

    async with Environment(app):
        other = await made.child.options(id="p/1/start child" if detached else "p/1/child").start("other")
        assert await other.result() == "other ends"
        found = await (await starter.options(id="p").start("own")).result()
        own = (await app.runs.list()).runs[0]
        assert own.id == own.key.hex()
        assert found == ("own ends" if not detached else own.id)
        assert await (await app.runs.get(own.id)).result() == "own ends"


async def test_a_family_survives_every_crash() -> None:
    made = make()
    app: App = made.app

    @app.workflow
    async def family() -> list[Any]:
        both = await asyncio.gather(made.child("a"), made.child("b", True))
        return [*both, await made.parent("c")]

    async def scenario(env: Environment) -> Any:
        run = await family.options(id="r").start()
        await made.event.send("go", key="b", id="once")
        return await run.result()

    report = await crash_at_every_commit(made.app, scenario, reset=made.log.clear)
    assert report.outcome == ["a ends", "b ends", ["before c", "c ends", "after c"]]
    assert report.crashes > 40


# -- detached runs ---------------------------------------------------------------------------------


async def test_a_detached_run_outlives_its_starter_and_is_found_by_its_handle() -> None:
    made = make()
    app: App = made.app
    handles: list[Run[str]] = []

    @app.workflow
    async def starter(run_id: str | None) -> str:
        options = made.child if run_id is None else made.child.options(id=run_id)
        run: Run[str] = await options.start("a", True)
        handles.append(run)
        return run.id

    async with Environment(made.app):
        for chosen in (None, "mine"):
            run = await starter.start(chosen)
            run_id = await run.result()
            assert run_id == chosen or chosen is None
            assert (await made.app.runs.get(run_id)).key == handles[-1].key
            assert (await handles[-1].status()).state is not RunStatus.CANCELLED
        await made.event.send("go", key="a")
        await made.event.send("go", key="a")
        assert [await handle.result() for handle in handles] == ["a ends", "a ends"]


async def test_a_detached_run_that_was_there_already_is_that_run() -> None:
    made = make()
    app: App = made.app
    keys: list[bytes] = []

    @app.workflow
    async def starter(name: str) -> str:
        try:
            run: Run[str] = await made.child.options(id="mine").start(name)
        except Conflict as error:
            return error.code
        keys.append(run.key)
        return run.id

    async with Environment(made.app):
        there = await made.child.options(id="mine").start("a")
        assert await there.result() == "a ends"
        assert await (await starter.start("a")).result() == "mine"  # same id, same input (P7)
        assert keys == [there.key]
        assert await (await starter.start("b")).result() == "conflict"
        assert made.log.count("a begins") == 1


async def test_detached_starts_survive_every_crash() -> None:
    made = make()
    app: App = made.app

    @app.workflow
    async def starter() -> list[str]:
        automatic: Run[str] = await made.child.start("a")
        chosen: Run[str] = await made.child.options(id="chosen").start("b")
        await made.work("started")
        return [automatic.id, chosen.id]

    async def scenario(env: Environment) -> Any:
        run = await starter.options(id="r").start()
        ids = await run.result()
        return ids, [await (await made.app.runs.get(one)).result() for one in ids]

    report = await crash_at_every_commit(made.app, scenario, reset=made.log.clear)
    assert report.outcome == (["r/1/start child", "chosen"], ["a ends", "b ends"])


# -- waits -----------------------------------------------------------------------------------------


async def test_waits_given_up_leave_their_messages_to_others() -> None:
    made = make()
    app: App = made.app

    @app.workflow
    async def race(key: str) -> str:
        won = await first(message=made.event.wait(key), late=sleep("1m"))
        await sleep("1h")
        return str(won.value) if won.name == "message" else "late"

    async with Environment(made.app) as env:
        early, late = await race.start("k"), await race.start("k")
        await env.advance("1m")
        await made.event.send("too late", key="k")
        assert [await early.result(), await late.result()] == ["late", "late"]
        third = await race.start("k")
        assert await third.result() == "too late"


async def test_two_waits_of_one_event_get_one_message_each_in_order() -> None:
    made = make()
    app: App = made.app

    @app.workflow
    async def pair(key: str | None) -> list[str]:
        return list(await asyncio.gather(made.event.wait(key), made.event.wait(key)))

    async with Environment(made.app) as env:
        keyed = await pair.start("k")
        direct = await pair.start(None)
        await env.settle()
        for text in ("one", "two", "three"):
            await made.event.send(text, key="k")
            if text != "three":
                await direct.send(made.event, text)
        assert await keyed.result() == ["one", "two"]
        assert await direct.result() == ["one", "two"]
        other = await pair.start("k")
        await made.event.send("four", key="k")
        assert await other.result() == ["three", "four"]
