"""Hooks: told of events in order; whatever they do harms nobody."""

import asyncio

import pytest

from stepwell.errors import InvalidOption
from stepwell.runtime.hooks import EVENTS, HookEvent, Hooks

ENDED = HookEvent(name="run.succeeded", at=1.0, run_id="r-1", result=3)


def test_hooks_hear_of_their_events_only_in_the_order_of_registration() -> None:
    hooks, heard = Hooks(), []
    assert not hooks.any
    hooks.on(("run.succeeded", "run.failed"), lambda e: heard.append(("first", e)))
    hooks.on(("run.succeeded",), lambda e: heard.append(("second", e)))
    assert hooks.any
    assert hooks.wants("run.failed")
    assert not hooks.wants("run.started")
    hooks.tell(ENDED)
    hooks.tell(HookEvent(name="run.started", at=1.0))
    assert heard == [("first", ENDED), ("second", ENDED)]


def test_an_unknown_event_is_refused_and_the_known_ones_are_named() -> None:
    with pytest.raises(InvalidOption, match=r"'run\.exploded'") as refused:
        Hooks().on(("run.exploded",), print)
    assert all(name in str(refused.value) for name in EVENTS)


def test_a_raising_hook_is_logged_and_keeps_no_other_from_hearing(caplog: pytest.LogCaptureFixture) -> None:
    hooks, heard = Hooks(), []

    def broken(event: HookEvent) -> None:
        raise ZeroDivisionError("hook")

    hooks.on(("run.succeeded",), broken)
    hooks.on(("run.succeeded",), heard.append)
    hooks.tell(ENDED)
    assert heard == [ENDED]
    assert "a hook for run.succeeded failed" in caplog.text
    assert "ZeroDivisionError: hook" in caplog.text


def test_asynchronous_hooks_finish_what_they_were_told() -> None:
    async def main() -> None:
        hooks, heard = Hooks(), []

        async def slow(event: HookEvent) -> None:
            await asyncio.sleep(0.005)
            heard.append(event)

        hooks.on(("run.succeeded",), slow)
        hooks.tell(ENDED)
        assert heard == []
        await hooks.settled(60)
        assert heard == [ENDED]

    asyncio.run(main())


def test_an_asynchronous_hook_that_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        hooks = Hooks()

        async def broken(event: HookEvent) -> None:
            raise ZeroDivisionError("later")

        hooks.on(("run.succeeded",), broken)
        hooks.tell(ENDED)
        await hooks.settled(60)

    asyncio.run(main())
    assert "a hook for run.succeeded failed" in caplog.text
    assert "ZeroDivisionError: later" in caplog.text


def test_a_hook_that_does_not_finish_is_cancelled_after_the_grace(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        hooks, cancelled = Hooks(), []

        async def stuck(event: HookEvent) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                cancelled.append(event)
                raise

        hooks.on(("run.succeeded",), stuck)
        hooks.tell(ENDED)
        await hooks.settled(0.005)
        assert cancelled == [ENDED]
        caplog.clear()
        await hooks.settled(0.005)

    asyncio.run(main())
    assert [record for record in caplog.records if record.name == "stepwell.hooks"] == []
