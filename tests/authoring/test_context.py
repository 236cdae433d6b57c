"""Recorded time and chance, sleeps, groups, facts of the run, its logger."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stepwell import cleanup, now, progress, random, run_info, scope, sleep, uuid4
from stepwell.authoring.context import line_of, sleep_until
from stepwell.errors import InvalidDuration, InvalidOption, NaiveDatetime
from tests.core.driver import START, Held, House

house = House()


@house.step
async def work(name: Any = None) -> Any:
    return name


@house.workflow
async def clocks() -> list[str]:
    seen = [now()]
    await work()
    seen.append(now())
    await sleep("90s")
    seen.append(now())
    await sleep_until(datetime.fromtimestamp(START, UTC))  # long ago
    await sleep_until(now() + timedelta(minutes=1), name="wait")
    seen.append(now())
    return [str(moment) for moment in seen]


def test_now_is_the_stamp_of_what_happened_last() -> None:
    held = Held(clocks).done("work", after=5)
    assert held.open[0].due == START + 95
    held.fire()
    assert held.open[0][:2] == ("timer", "wait")
    held.fire()
    begun = datetime.fromtimestamp(START, UTC)
    expected = [str(begun + timedelta(seconds=s)) for s in (0, 5, 95, 155)]
    assert held.result == expected
    assert held.again().result == expected


def test_sleeping_for_nothing_takes_no_entry() -> None:
    @House().workflow
    async def body() -> str:
        await sleep(0)
        return "awake"

    held = Held(body)
    assert held.result == "awake"
    assert len(held.entries) == 1


@pytest.mark.parametrize("value", ["5 parsecs", -1, float("nan"), None])
def test_what_is_no_duration_is_refused_where_it_is_said(value: Any) -> None:
    @House().workflow
    async def body() -> None:
        await sleep(value)

    with pytest.raises(InvalidDuration):
        _ = Held(body).result


def test_a_moment_needs_a_time_zone() -> None:
    with pytest.raises(NaiveDatetime):
        sleep_until(datetime(2030, 1, 1))  # noqa: DTZ001


def test_chance_is_the_same_on_replay_and_another_in_another_place() -> None:
    @House().workflow
    async def body() -> list[Any]:
        drawn: list[Any] = [random(), random(), str(uuid4())]
        async with scope("x"):
            drawn.append(random())
        await work()
        return [*drawn, random()]

    held = Held(body).done("work")
    drawn = held.result
    assert len(set(drawn)) == 5
    assert held.again().result == drawn
    assert Held(body).done("work").result == drawn
    assert Held(body, key=bytes(16)).done("work").result != drawn


def test_a_uuid_is_one() -> None:
    @House().workflow
    async def body() -> list[int]:
        return [value.version or 0 for value in (uuid4(), uuid4())]

    assert Held(body).result == [4, 4]


def test_scopes_nest_and_leave_on_errors() -> None:
    @House().workflow
    async def body() -> None:
        try:
            async with scope("outer"):
                with scope("inner"):
                    await work()
                    raise ValueError
        except ValueError:
            await work()
        with scope("outer"):
            await work()

    held = Held(body)
    assert held.calls == ["outer/inner/work"]
    assert held.done("outer/inner/work").calls == ["work"]
    assert held.done("work").calls == ["outer#2/work"]


def test_clean_up_ends_with_its_block() -> None:
    @House().workflow
    async def body() -> str:
        try:
            await work()
        finally:
            async with cleanup():
                await work("clean")
            try:
                await work("after")
            except BaseException as error:
                seen.append(type(error).__name__)
        return "never"

    seen: list[str] = []
    held = Held(body).cancel()
    assert held.calls == ["work#2"]
    held.done("work#2")
    assert seen == ["CancelledError"]


@pytest.mark.parametrize("value", [-0.1, 1.1, 50, True, "half", None, float("nan")])
def test_progress_is_a_fraction(value: Any) -> None:
    with pytest.raises(InvalidOption, match="expected a fraction from 0 to 1"):
        progress(value)


def test_facts_of_the_run() -> None:
    @House().workflow
    async def body() -> list[Any]:
        info = run_info()
        return [info.id, info.workflow, info.generation, info.attempt, str(info.started_at), info.deadline, info.tags]

    assert Held(body).result == ["r", "body", 1, 1, str(datetime.fromtimestamp(START, UTC)), None, {}]


def test_the_logger_is_silent_in_replay() -> None:
    @House().workflow
    async def body() -> None:
        log = run_info().logger
        log.info("step %d of %d", 1, 2)
        await work()
        log.warning("100%")
        log.debug("d")
        log.error("e")

    held = Held(body)
    assert held.kernel.lines == []  # nothing was live before the journal's end
    held.done("work")
    assert held.kernel.lines == [(logging.WARNING, "100%"), (logging.DEBUG, "d"), (logging.ERROR, "e")]
    assert held.again().kernel.lines == []


def test_a_message_that_its_arguments_do_not_fit_is_kept_as_it_is() -> None:
    assert line_of("%d of %s", (3, "x"), None) == "3 of x"
    assert line_of("%d of %s", ("x",), None) == "%d of %s ('x',)"
    assert line_of("100 %", (), None) == "100 %"
    assert line_of("failed", (), ValueError("no")) == "failed\nValueError: no"
    assert line_of("failed", (), True) == "failed"  # there is no exception here
