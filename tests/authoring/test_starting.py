"""Starting runs: ids, options, many at once, and what became of each by its position."""

import asyncio
from typing import Any

import pytest

from stepwell import App, Conflict, Retention, RunFailed, RunStatus, StartErrors, StepwellError, sleep
from stepwell.authoring.starting import start_options
from stepwell.errors import AppClosed, DeadlineExceeded, InvalidOption, NotFound, QueueTimeout, TypeMismatch
from stepwell.model.options import StartOptions
from stepwell.testing.environment import Environment


class Shop:
    def __init__(self) -> None:
        self.app = app = App("memory://")
        self.log: list[int] = []

        @app.step
        async def note(x: int) -> int:
            self.log.append(x)
            return x

        @app.workflow
        async def job(x: int, *, y: int = 0) -> int:
            return await note(x) + y

        @app.workflow
        async def nap(x: int) -> int:
            await sleep("1h")
            return x

        self.note, self.job, self.nap = note, job, nap


# --- options ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ({"id": ""}, "invalid_option", "at most 512 characters"),
        ({"id": "x" * 513}, "invalid_option", "at most 512 characters"),
        ({"id": 5}, "invalid_option", "id=5"),
        ({"id": ".."}, "invalid_option", "neither '.' nor '..'"),
        ({"priority": "high"}, "invalid_option", "lower first"),
        ({"priority": True}, "invalid_option", "lower first"),
        ({"priority": 1.5}, "invalid_option", "lower first"),
        ({"tags": ["a"]}, "invalid_option", "a dict of names"),
        ({"tags": {"a": [1]}}, "invalid_option", "strings, numbers or booleans"),
        ({"tags": {"a": None}}, "invalid_option", "strings, numbers or booleans"),
        ({"retention": "7d"}, "invalid_option", "Retention(succeeded=..., failed=...)"),
        ({"reuse": "always"}, "invalid_option", "'never' or 'after_close'"),
        ({"id": "a\0b"}, "invalid_option", "text without NUL"),
        ({"id": "\ud800"}, "invalid_option", "text without NUL and half characters"),
        ({"name": "\0"}, "invalid_option", "text without NUL"),
        ({"queue": "q\0"}, "invalid_option", "text without NUL"),
        ({"tags": {"a\0": 1}}, "invalid_option", "text without NUL"),
        ({"tags": {"a": "b\0"}}, "invalid_option", "tag a='b\\x00'; expected text without NUL"),
        ({"delay": "soon"}, "invalid_duration", "delay 'soon'"),
        ({"delay": -1}, "invalid_duration", "delay -1 is negative"),
        ({"deadline": True}, "invalid_duration", "deadline True"),
        ({"queue_timeout": float("nan")}, "invalid_duration", "queue_timeout nan is not finite"),
    ],
)
def test_options_out_of_range(options: dict[str, Any], code: str, said: str) -> None:
    with pytest.raises(StepwellError) as refused:
        start_options(StartOptions(), options)
    assert refused.value.code == code
    assert said in str(refused.value)
    for startable in (Shop().job, Shop().note):
        with pytest.raises(StepwellError) as refused:
            startable.options(**options)
        assert refused.value.code == code


def test_an_unknown_option_is_told_with_those_there_are() -> None:
    with pytest.raises(InvalidOption, match=r"no option is called 'colour', 'speed'; expected some of .*priority"):
        Shop().job.options(speed=3, colour="red")


def test_later_options_lie_over_earlier_ones() -> None:
    before = start_options(StartOptions(), {"id": "a", "priority": 0, "delay": "1m", "tags": {"a": 1}})
    after = start_options(before, {"priority": 5, "id": None, "deadline": 90, "retention": Retention("1d")})
    assert (after.id, after.priority, after.delay, after.deadline, after.tags) == ("a", 5, 60.0, 90.0, {"a": 1})
    assert before.priority == 0
    assert start_options(before, {}) == before
    assert start_options(before, {"id": "x" * 512}).id == "x" * 512


def test_priority_delay_and_tags_are_those_of_the_run() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app, concurrency=1) as env:
            begun = env.now()
            run = await shop.job.options(delay="1h", tags={"team": "red", "urgent": True, "n": 1.5}).start(1)
            await env.settle()
            status = await run.status()
            assert status.state is RunStatus.QUEUED
            assert status.tags == {"team": "red", "urgent": True, "n": 1.5}
            assert (status.started_at, status.finished_at) == (None, None)
            assert await run.result() == 1
            assert env.now() - begun == 3600
            for x, priority in ((2, 200), (3, 0), (4, None)):
                await shop.job.options(delay="1h", priority=priority).start(x)
            assert [row.priority for row in (await shop.app.runs.list()).runs] == [100, 0, 200, 100]

    asyncio.run(main())


def test_a_deadline_ends_the_run() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app) as env:
            begun = env.now()
            run = await shop.nap.options(deadline="10m").start(1)
            with pytest.raises(RunFailed) as failed:
                await run.result()
            assert isinstance(failed.value.__cause__, DeadlineExceeded)
            assert env.now() - begun == 600
            assert await (await shop.nap.options(deadline="2h").start(2)).result() == 2

    asyncio.run(main())


def test_a_queue_timeout_bounds_the_wait_for_a_worker() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app, workers=0) as env:
            run = await shop.job.options(queue_timeout="5m").start(1)
            await env.advance("6m")
            await env.add_worker()
            await env.advance("1m")
            with pytest.raises(RunFailed) as failed:
                await run.result()
            assert isinstance(failed.value.__cause__, QueueTimeout)

    asyncio.run(main())
    assert shop.log == []


# --- ids ----------------------------------------------------------------------------------------------------


def test_one_id_is_one_run_for_the_same_input() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app) as env:
            first = await shop.job.options(id="order-1").start(1)
            open_again = await shop.job.options(id="order-1").start(1)
            await env.settle()
            closed_again = await shop.job.options(id="order-1").start(x=1)  # passed by name: the same input
            assert {run.key for run in (first, open_again, closed_again)} == {first.key}
            assert await closed_again.result() == 1
            for start in (shop.job.options(id="order-1").start(2), shop.nap.options(id="order-1").start(1)):
                with pytest.raises(Conflict, match="run 'order-1' of 'job' exists with another input"):
                    await start

    asyncio.run(main())
    assert shop.log == [1]


def test_an_id_is_reused_after_the_end_where_that_is_said() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app) as env:
            again = shop.job.options(id="nightly", reuse="after_close")
            first = await again.start(1)
            assert await first.result() == 1
            second = await again.start(2)
            await env.settle()
            assert (second.key, await second.result()) == (first.key, 2)
            status = await second.status()
            assert (status.generation, status.input) == (2, {"x": 2})
            napping = shop.nap.options(id="nap", reuse="after_close")
            await napping.start(1)
            with pytest.raises(Conflict):  # not closed yet
                await napping.start(2)

    asyncio.run(main())
    assert shop.log == [1, 2]


def test_get_finds_a_run_by_its_id() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app):
            run = await shop.job.options(id="order-1").start(1, y=2)
            assert await (await shop.job.get("order-1")).result() == 3
            unnamed = await shop.job.start(1)
            assert (await shop.job.get(unnamed.id)).key == unnamed.key != run.key
            with pytest.raises(NotFound, match="there is no run 'order-2'"):
                await shop.job.get("order-2")

    asyncio.run(main())


# --- many ---------------------------------------------------------------------------------------------------


def test_many_from_tuples_and_items() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app):
            runs = await shop.job.start_many(
                [(1,), shop.job.item(2, y=10), shop.job.options(id="third", tags={"n": 3}).item(3)]
            )
            assert [await run.result() for run in runs] == [1, 12, 3]
            assert (runs[2].id, (await runs[2].status()).tags) == ("third", {"n": 3})
            assert await shop.job.start_many([]) == []

    asyncio.run(main())


def test_errors_are_told_by_position_and_the_others_are_started() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app):
            await shop.job.options(id="taken").start(0)
            items = [(1,), shop.job.options(id="taken").item(5), (2,), shop.job.options(id="taken").item(0)]
            with pytest.raises(StartErrors, match="1 of 4 runs were not started; item 1: run 'taken'") as refused:
                await shop.job.start_many(items)
            assert refused.value.code == "start_errors"
            assert list(refused.value.errors) == [1]
            assert isinstance(refused.value.errors[1], Conflict)
            assert [(n, await run.result()) for n, run in refused.value.runs.items()] == [(0, 1), (2, 2), (3, 0)]

    asyncio.run(main())


@pytest.mark.parametrize("item", [5, [1], "text", {"x": 1}])
def test_an_item_is_a_tuple(item: Any) -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app):
            with pytest.raises(InvalidOption, match="expected a tuple of arguments"):
                await shop.job.start_many([(1,), item])
            with pytest.raises(TypeMismatch):
                await shop.job.start_many([(1,), ("one",)])
            assert await shop.app.runs.count() == {}  # refused before any was started

    asyncio.run(main())


def test_more_than_one_batch() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app) as env:
            runs = await shop.job.start_many([(n,) for n in range(600)])
            await env.settle()
            assert len({run.key for run in runs}) == 600
            assert await runs[-1].result() == 599
            assert await shop.app.runs.count() == {"succeeded": 600}

    asyncio.run(main())


def test_a_closed_app_starts_nothing() -> None:
    shop = Shop()

    async def main() -> None:
        with pytest.raises(AppClosed):
            await shop.job.start(1)
        with pytest.raises(AppClosed):
            await shop.job.start_many([(1,)])
        with pytest.raises(AppClosed):
            await shop.job.get("x")

    asyncio.run(main())
