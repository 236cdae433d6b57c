"""The handle of a run: its verbs, and its status from what is acknowledged."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from stepwell import (
    App,
    IllegalState,
    NotFound,
    Retention,
    RunCancelled,
    RunFailed,
    RunStatus,
    RunTerminated,
    progress,
    sleep,
)
from stepwell.errors import InvalidDuration
from stepwell.testing.clock import START
from stepwell.testing.environment import Environment


class Receipt(msgspec.Struct):
    number: int


class Shop:
    def __init__(self) -> None:
        self.app = app = App("memory://")
        self.log: list[str] = []
        self.broken = True

        @app.step
        async def note(what: str) -> str:
            self.log.append(what)
            return what

        @app.step
        async def fragile() -> str:
            self.log.append("fragile")
            if self.broken:
                raise ValueError("broken")
            return "mended"

        @app.step
        async def undo(what: str) -> None:
            self.log.append(f"undo {what}")

        @app.workflow
        async def order(number: int) -> Receipt:
            await note("paid").on_rollback(undo)
            progress(0.5, "half way")
            await sleep("1h")
            await note("shipped")
            return Receipt(number)

        @app.workflow
        async def risky() -> str:
            await note("before")
            return await fragile()

        self.order, self.risky = order, risky


def moment(after: float) -> datetime:
    return datetime.fromtimestamp(START, UTC) + timedelta(seconds=after)


# --- looking ------------------------------------------------------------------------------------------------


def test_a_status_from_beginning_to_end() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app) as env:
            run = await shop.order.options(id="order-1", delay="10m", tags={"kind": "test"}).start(5)
            queued = await run.status()
            assert (queued.id, queued.workflow, queued.state) == ("order-1", "order", RunStatus.QUEUED)
            assert (queued.input, queued.result, queued.error) == ({"number": 5}, None, None)
            assert (queued.created_at, queued.started_at, queued.finished_at) == (moment(0), None, None)
            assert (queued.progress, queued.current, queued.tags) == (None, (), {"kind": "test"})

            await env.advance("10m")
            waiting = await run.status()
            assert waiting.state is RunStatus.WAITING
            assert (waiting.started_at, waiting.finished_at) == (moment(600), None)
            assert waiting.progress is not None
            assert (waiting.progress.fraction, waiting.progress.note) == (0.5, "half way")

            assert await run.result() == Receipt(5)
            ended = await run.status()
            assert ended.state is RunStatus.SUCCEEDED
            assert (ended.input, ended.result, ended.error) == ({"number": 5}, Receipt(5), None)
            assert ended.finished_at == moment(600 + 3600)
            for at in (ended.created_at, ended.started_at, ended.finished_at):
                assert at is not None
                assert at.tzinfo is UTC
            assert (ended.attempt, ended.generation) == (1, 1)

    asyncio.run(main())


def test_the_error_of_a_failed_run_is_an_exception_again() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app):
            run = await shop.risky.options(id="r").start()
            with pytest.raises(RunFailed, match="run r of 'risky' failed: broken") as failed:
                await run.result()
            assert (failed.value.run_id, failed.value.workflow) == ("r", "risky")
            assert isinstance(failed.value.__cause__, ValueError)
            status = await run.status()
            assert (status.state, status.result, repr(status.error)) == (
                RunStatus.FAILED,
                None,
                "ValueError('broken')",
            )

    asyncio.run(main())


def test_a_result_that_does_not_come_in_time_changes_nothing() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app, workers=0) as env:
            run = await shop.order.start(1)
            with pytest.raises(TimeoutError):
                await run.result(timeout=0.01)
            with pytest.raises(TimeoutError):
                await run.result("10ms")
            with pytest.raises(InvalidDuration, match=r"timeout .soon."):
                await run.result("soon")
            assert (await run.status()).state is RunStatus.QUEUED
            await env.add_worker()
            assert await run.result() == Receipt(1)

    asyncio.run(main())


def test_the_journal_is_plain_data_in_order() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app):
            run = await shop.order.start(1)
            await run.result()
            journal: list[dict[str, Any]] = await run.journal()
            assert [(e["k"], e.get("call")) for e in journal] == [
                ("started", None),
                ("step", "note"),
                ("timer", "sleep"),
                ("step", "note#2"),
                ("finish", None),
            ]
            assert journal[0]["input"] == {"v": {"number": 1}}
            assert journal[-1]["value"] == {"v": {"number": 1}}
            stamps = [entry["at"] for entry in journal]
            assert stamps == sorted(stamps)
            assert stamps[0] == START
            assert msgspec.json.decode(msgspec.json.encode(journal)) == journal

    asyncio.run(main())


def test_a_run_that_retention_has_removed_is_not_found() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app) as env:
            run = await shop.order.options(retention=Retention("1m", "1m")).start(1)
            await run.result()
            await env.advance("2h")
            assert shop.app._opened is not None
            assert shop.app._opened.reaper is not None
            assert await shop.app._opened.reaper.sweep() == 1  # virtual time does not sweep by itself
            for look in (run.status, run.journal, run.cancel):
                with pytest.raises(NotFound):
                    await look()

    asyncio.run(main())


def test_a_handle_says_what_it_is() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app):
            run = await shop.order.options(id="order-1").start(1)
            assert repr(run) == "<Run order order-1>"
            assert run._repr_html_() == "<code>order</code> run <code>order-1</code>"

    asyncio.run(main())


# --- steering -----------------------------------------------------------------------------------------------


def test_cancel_undoes_and_terminate_does_not() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app) as env:
            for verb, error in (("cancel", RunCancelled), ("terminate", RunTerminated)):
                shop.log.clear()
                run = await shop.order.start(1)
                await env.settle()
                await getattr(run, verb)()
                await getattr(run, verb)()  # idempotent
                with pytest.raises(error) as ended:
                    await run.result()
                assert (ended.value.run_id, ended.value.workflow) == (run.id, "order")
                await getattr(run, verb)()
                assert shop.log == (["paid", "undo paid"] if verb == "cancel" else ["paid"])

    asyncio.run(main())


def test_a_paused_run_goes_on_when_it_is_resumed() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app) as env:
            run = await shop.order.start(1)
            await env.settle()
            await run.pause()
            await env.advance("3h")
            assert (await run.status()).state is RunStatus.PAUSED
            assert shop.log == ["paid"]
            await run.resume()
            await run.resume()  # idempotent
            assert await run.result() == Receipt(1)
            assert shop.log == ["paid", "shipped"]

    asyncio.run(main())


def test_retry_goes_on_from_the_failed_step() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app):
            run = await shop.risky.start()
            with pytest.raises(RunFailed):
                await run.result()
            shop.broken = False
            await run.retry()
            assert await run.result() == "mended"
            assert shop.log == ["before", "fragile", "fragile"]

    asyncio.run(main())


def test_restart_begins_again_with_the_same_id_and_input() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app) as env:
            run = await shop.order.options(id="order-1").start(7)
            await run.result()
            await run.restart()
            await env.settle()
            status = await run.status()
            assert (status.id, status.generation, status.input, status.result) == ("order-1", 2, {"number": 7}, None)
            assert await run.result() == Receipt(7)
            assert shop.log == ["paid", "shipped"] * 2

    asyncio.run(main())


def test_a_verb_that_does_not_fit_is_refused_with_those_that_do() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app):
            run = await shop.order.start(1)
            await run.result()
            for verb in ("pause", "cancel", "terminate", "retry"):
                with pytest.raises(IllegalState) as refused:
                    await getattr(run, verb)()
                assert (refused.value.state, refused.value.verb) == ("succeeded", verb)
                assert "restart" in refused.value.allowed
            assert (await run.status()).state is RunStatus.SUCCEEDED

    asyncio.run(main())
