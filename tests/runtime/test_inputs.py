"""What comes to a run from outside, in the order in which it happens."""

import asyncio
from types import SimpleNamespace

import pytest

from stepwell import App, EventTimeout, Run, RunCancelled, RunStatus, first, sleep
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio


def make() -> SimpleNamespace:
    app = App("memory://")
    event = app.event("event", str)
    other = app.event("other", str)

    @app.workflow
    async def answer(key: str | None, timeout: str = "1h") -> str:
        try:
            return await event.wait(key, timeout=timeout)
        except EventTimeout:
            return "too late"

    @app.workflow
    async def collect(count: int, key: str | None = None) -> list[str]:
        return [await event.wait(key) for _ in range(count)]

    return SimpleNamespace(app=app, event=event, other=other, answer=answer, collect=collect)


async def down_for(env: Environment, duration: str) -> None:
    """No worker is up for a while."""
    for worker in list(env.workers):
        found = env.app._opened
        assert found is not None
        await found.stop_worker(worker)
    await env.advance(duration)


@pytest.mark.parametrize("key", ["k", None])
@pytest.mark.parametrize(("sent_at", "outcome"), [("59m 59s", "in time"), ("60m 1s", "too late")])
async def test_what_was_due_first_happens_first_however_late_both_are_seen(
    key: str | None, sent_at: str, outcome: str
) -> None:
    made = make()
    async with Environment(made.app) as env:
        run = await made.answer.start(key)
        await env.settle()
        await down_for(env, sent_at)
        if key is None:
            await run.send(made.event, "in time")
        else:
            await made.event.send("in time", key=key)
        await env.advance("2 days")
        await env.add_worker()
        assert await run.result() == outcome


async def test_an_event_that_came_too_late_is_kept_for_the_next_wait() -> None:
    made = make()
    async with Environment(made.app) as env:
        run = await made.answer.start("k")
        await env.settle()
        await down_for(env, "2h")
        await made.event.send("kept", key="k")
        await env.add_worker()
        assert await run.result() == "too late"
        assert await (await made.answer.start("k")).result() == "kept"


async def test_several_late_timers_fire_in_their_order_with_their_own_stamps() -> None:
    app, log = App("memory://"), []

    @app.workflow
    async def alarms() -> list[str]:
        async def after(hours: int) -> None:
            await sleep(hours * 3600)
            log.append(str(hours))

        await asyncio.gather(*(after(h) for h in (3, 1, 2)))
        return log

    async with Environment(app) as env:
        run = await alarms.start()
        await env.settle()
        await down_for(env, "10h")
        await env.add_worker()
        assert await run.result() == ["1", "2", "3"]
        stamps = [e["at"] for e in await run.journal()]
        assert stamps == sorted(stamps)


async def test_messages_of_one_sender_are_read_in_the_order_in_which_they_were_sent() -> None:
    made = make()
    async with Environment(made.app, replay=True) as env:
        direct = await made.collect.start(20)
        keyed = await made.collect.start(20, "k")
        for n in range(20):
            await direct.send(made.event, str(n))
            await made.event.send(str(n), key="k")
            if n == 7:
                await env.crash()
        assert await direct.result() == [str(n) for n in range(20)]
        assert await keyed.result() == [str(n) for n in range(20)]


async def test_a_message_for_another_event_stays_unread() -> None:
    made = make()
    app: App = made.app

    @app.workflow
    async def both() -> list[str]:
        return [await made.event.wait(), await made.other.wait()]

    async with Environment(app) as env:
        run = await both.start()
        await run.send(made.other, "second")
        await env.settle()
        await env.crash()
        await run.send(made.event, "first")
        assert await run.result() == ["first", "second"]


async def test_a_wait_that_lost_gives_its_message_back_at_its_old_place() -> None:
    """A matched message on its way to a wait that has been given up goes to the next one, before later messages."""
    made = make()
    app: App = made.app
    gate = asyncio.Event()

    @app.step
    async def hold() -> None:
        await gate.wait()

    @app.workflow
    async def gives_up() -> str:
        wait = asyncio.ensure_future(_wait(made))
        await hold()
        wait.cancel()
        await sleep("1h")
        return "gave up"

    async with Environment(app) as env:
        run = await gives_up.start()
        await env.settle()
        gate.set()  # in the same breath the body gives the wait up, and a message is matched to it
        await made.event.send("one", key="k")
        await made.event.send("two", key="k")
        await env.settle()
        assert await (await made.collect.start(2, "k")).result() == ["one", "two"]
        assert await run.result() == "gave up"


async def _wait(made: SimpleNamespace) -> str:
    text: str = await made.event.wait("k")
    return text


async def test_each_message_is_read_by_exactly_one_of_many() -> None:
    made = make()
    async with Environment(made.app, workers=3) as env:
        runs: list[Run[list[str]]] = [await made.collect.start(3, "k") for _ in range(10)]
        for n in range(30):
            await made.event.send(str(n), key="k", id=f"m-{n}")
            await made.event.send(str(n), key="k", id=f"m-{n}")
        await env.settle()
        read = [text for run in runs for text in await run.result()]
        assert sorted(read, key=int) == [str(n) for n in range(30)]


async def test_cancel_comes_in_its_place_among_messages() -> None:
    made = make()
    app: App = made.app
    seen: list[str] = []

    @app.workflow
    async def reader() -> None:
        while True:
            seen.append(await made.event.wait())

    async with Environment(app) as env:
        run = await reader.start()
        await env.settle()
        await down_for(env, "1m")
        await run.send(made.event, "before")
        await run.cancel()
        await run.send(made.event, "after")
        await env.add_worker()
        with pytest.raises(RunCancelled):
            await run.result()
        assert seen == ["before"]
        assert (await run.status()).state is RunStatus.CANCELLED


async def test_the_loser_of_a_race_is_the_same_in_every_replay() -> None:
    made = make()
    app: App = made.app
    winners: list[str] = []

    @app.workflow
    async def race() -> str:
        won = await first(a=made.event.wait("a"), b=made.other.wait("b"), late=sleep("1h"))
        winners.append(won.name)
        await sleep("1h")
        return won.name

    async with Environment(app) as env:
        run = await race.start()
        await env.settle()
        await down_for(env, "30m")
        await made.other.send("x", key="b")
        await made.event.send("x", key="a")
        await env.add_worker()
        await env.settle()
        await env.crash()
        assert await run.result() == "b"
        assert set(winners) == {"b"}
