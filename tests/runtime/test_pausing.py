"""Pause, resume, cancel and terminate, while steps run and wait for slots (P12)."""

import asyncio

import pytest

from stepwell import RunCancelled, RunStatus, RunTerminated, sleep
from stepwell.testing.environment import Environment
from tests.runtime.shop import Shop, kinds, state

pytestmark = pytest.mark.anyio


# -- pause -----------------------------------------------------------------------------------------


async def test_pause_records_what_runs_and_begins_nothing_more(shop: Shop) -> None:
    async with Environment(shop.app, concurrency=4) as env:
        run = await shop.fan.start(10)
        await env.settle()
        assert shop.gates.log == [f"begin {x}" for x in range(4)]
        await run.pause()
        await env.settle()
        shop.gates.open.set()
        await env.settle()
        assert await state(run) is RunStatus.PAUSED
        assert len(shop.gates.log) == 8  # the four that ran have ended; six never began
        assert (await kinds(run)).count("step") == 4
        await env.advance("30 days")
        assert await state(run) is RunStatus.PAUSED
        await run.resume()
        assert await run.result() == [f"done {x}" for x in range(10)]
        assert sorted(shop.gates.log) == sorted([f"{w} {x}" for w in ("begin", "end") for x in range(10)])


async def test_a_paused_run_delivers_nothing_until_it_is_resumed(shop: Shop) -> None:
    async with Environment(shop.app) as env:
        run = await shop.waits.start()
        await env.settle()
        await run.pause()
        await shop.event.send("hello", key="key")
        await env.settle()
        assert await state(run) is RunStatus.PAUSED
        assert shop.gates.log == []
        await run.resume()
        await env.settle()
        assert shop.gates.log == ["hello"]


async def test_resumed_before_the_pause_is_complete_it_goes_on(shop: Shop) -> None:
    async with Environment(shop.app) as env:
        run = await shop.chain.start()
        await env.settle()
        await run.pause()
        await env.settle()
        await run.resume()
        shop.gates.open.set()
        assert await run.result() == ["done 1", "after"]
        assert shop.gates.log.count("begin 1") == 1


async def test_a_cancel_behind_a_message_reaches_a_run_that_is_being_paused(shop: Shop) -> None:
    async with Environment(shop.app) as env:
        run = await shop.chain.start()
        await env.settle()
        await run.pause()
        await env.settle()
        await run.send(shop.event, "unread")
        await run.cancel()
        with pytest.raises(RunCancelled):
            await run.result()
        assert shop.gates.log == ["begin 1", "cancelled 1"]  # P12: running steps are cancelled


async def test_what_the_body_gave_up_in_answer_to_a_held_entry_is_given_up_by_the_next_holder(shop: Shop) -> None:
    """A child that lost a race whose winner was recorded, and not delivered, during a pause."""
    app, gates = shop.app, shop.gates

    @app.workflow
    async def child() -> None:
        await shop.event.wait("never")

    @app.workflow
    async def race() -> str:
        other = asyncio.ensure_future(child())
        result = await shop.work(1)
        other.cancel()
        await sleep("1h")
        return result

    async with Environment(app) as env:
        run = await race.start()
        await env.settle()
        await run.pause()
        await env.settle()
        gates.open.set()
        await env.settle()
        assert await state(run) is RunStatus.PAUSED
        await run.resume()
        await env.settle()
        states = {row.workflow: row.status for row in (await app.runs.list()).runs}
        assert states == {"race": RunStatus.WAITING, "child": RunStatus.CANCELLED}


# -- cancel ----------------------------------------------------------------------------------------


async def test_cancel_stops_running_steps_and_starts_none_that_waits_for_a_slot(shop: Shop) -> None:
    async with Environment(shop.app, concurrency=4) as env:
        run = await shop.fan.start(10)
        await env.settle()
        await run.cancel()
        with pytest.raises(RunCancelled):
            await run.result()
        assert shop.gates.log == [f"begin {x}" for x in range(4)] + [f"cancelled {x}" for x in range(4)]
        await run.cancel()  # idempotent
        assert await state(run) is RunStatus.CANCELLED


async def test_cancel_undoes_what_has_a_result(shop: Shop) -> None:
    app = shop.app

    @app.step
    async def undo_note(text: str) -> None:
        shop.gates.log.append(f"undo {text}")

    @app.workflow
    async def flow() -> None:
        await shop.note("one").on_rollback(undo_note)
        await shop.note("two").on_rollback(undo_note)
        await shop.event.wait("never")

    async with Environment(app) as env:
        run = await flow.start()
        await env.settle()
        await run.cancel()
        with pytest.raises(RunCancelled):
            await run.result()
        assert shop.gates.log == ["one", "two", "undo two", "undo one"]


async def test_only_cleanup_may_begin_steps_while_unwinding(shop: Shop) -> None:
    async with Environment(shop.app) as env:
        run = await shop.careful.start()
        await env.settle()
        await run.cancel()
        with pytest.raises(RunCancelled):
            await run.result()
        assert sorted(shop.gates.log) == ["begin 1", "cancelled 1", "unlocked"]


async def test_a_run_cancelled_before_its_first_claim_begins_no_step(shop: Shop) -> None:
    async with Environment(shop.app, workers=0) as env:
        run = await shop.chain.start()
        await run.cancel()
        await env.add_worker()
        with pytest.raises(RunCancelled):
            await run.result()
        assert shop.gates.log == []


async def test_terminate_ends_it_at_once_and_undoes_nothing(shop: Shop) -> None:
    async with Environment(shop.app) as env:
        run = await shop.fan.start(2)
        waiting = asyncio.ensure_future(run.result())
        await env.settle()
        await run.terminate()
        with pytest.raises(RunTerminated):
            await waiting
        await env.settle()
        assert shop.gates.log == ["begin 0", "begin 1", "cancelled 0", "cancelled 1"]
        assert await kinds(run) == ["started", "finish"]
