"""Events: sent to a key, to one run or to all; kept until a wait takes them."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from stepwell import App, Event, EventTimeout, RunFailed, RunStatus, StepwellError
from stepwell.errors import IllegalState, InvalidOption, NotFound, TypeMismatch, WrongContext
from stepwell.testing.environment import Environment


@dataclass
class Paid:
    amount: int


class Shop:
    def __init__(self, **settings: Any) -> None:
        self.app = app = App("memory://", **settings)
        self.paid: Event[Paid] = app.event("paid", Paid)
        self.done: Event[None] = app.event("done")
        paid, done = self.paid, self.done

        @app.workflow
        async def pay(key: str, timeout: str | None = None) -> int:
            return (await paid.wait(key, timeout=timeout)).amount

        @app.workflow
        async def direct(count: int) -> list[int]:
            return [(await paid.wait()).amount for _ in range(count)]

        @app.workflow
        async def finish(key: str) -> str:
            return str(await done.wait(key))  # type: ignore[func-returns-value]

        @app.workflow
        async def sends() -> None:
            await paid.send(Paid(1), key="a")

        @app.step
        async def tell(key: str) -> None:
            await paid.send(Paid(9), key=key)

        @app.step
        async def waits() -> str:
            for wait in (paid.wait, done.wait):
                with pytest.raises(WrongContext, match=r"inside a step. Do this in the workflow"):
                    wait("a")
            return "refused"

        self.pay, self.direct, self.finish, self.sends, self.tell, self.waits = pay, direct, finish, sends, tell, waits


# --- sending ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", [None, 5, "paid", {"amount": 1}, Paid("one")])  # type: ignore[arg-type]
def test_a_payload_has_the_type_of_its_event(payload: Any) -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app) as env:
            before = await env.store.dump()
            with pytest.raises(TypeMismatch):
                await shop.paid.send(payload, key="a")
            assert await env.store.dump() == before

    asyncio.run(main())


def test_an_event_without_payload_takes_none() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app):
            with pytest.raises(StepwellError) as refused:
                await shop.done.send(5, key="a")  # type: ignore[arg-type]
            assert refused.value.code == "type_mismatch"
            await shop.done.send(key="a")
            assert await (await shop.finish.start("a")).result() == "None"

    asyncio.run(main())


@pytest.mark.parametrize("key", ["", None, 5])
def test_a_key_is_required(key: Any) -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app):
            with pytest.raises(InvalidOption, match="expected a non-empty string"):
                await shop.paid.send(Paid(1), key=key)
            with pytest.raises(TypeError, match="key"):
                await shop.paid.send(Paid(1))  # type: ignore[call-arg]

    asyncio.run(main())


def test_what_not_every_database_can_keep_is_refused() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app):
            run = await shop.finish.start("a")
            for refused in (
                lambda: shop.paid.send(Paid(1), key="a\0"),
                lambda: shop.paid.send(Paid(1), key="a", id="\0"),
                lambda: run.send(shop.paid, Paid(1), id="\0"),
                lambda: shop.app.send(shop.paid, Paid(1), id="\0"),
                lambda: shop.app.events.send("paid", key="\0", data=1),
                lambda: shop.app.events.send("pa\0id", key="a", data=1),
                lambda: shop.app.events.send("paid", key="a", data=1, id="\ud800"),
            ):
                with pytest.raises(InvalidOption, match="expected text without NUL"):
                    await refused()
            with pytest.raises(InvalidOption, match="expected text without NUL"):
                shop.app.event("a\0b", int)
            await run.terminate()

    asyncio.run(main())


def test_an_app_that_is_not_open_sends_nothing() -> None:
    shop = Shop()

    async def main() -> None:
        with pytest.raises(StepwellError, match="app"):
            await shop.paid.send(Paid(1), key="a")

    asyncio.run(main())


def test_a_body_does_not_send_but_a_step_does() -> None:
    """A body is replayed; what it sent would be sent again."""
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app):
            with pytest.raises(RunFailed, match=r"sent in a workflow body. Send it in a step") as failed:
                await (await shop.sends.start()).result()
            assert isinstance(failed.value.__cause__, WrongContext)
            await (await shop.tell.start("a")).result()
            assert await (await shop.pay.start("a")).result() == 9

    asyncio.run(main())


def test_what_was_sent_before_the_wait_is_kept_in_its_order() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app) as env:
            for amount in (1, 2, 3):
                await shop.paid.send(Paid(amount), key="a")
            await shop.paid.send(Paid(99), key="b")
            await env.crash()
            assert [await (await shop.pay.start("a")).result() for _ in range(3)] == [1, 2, 3]

    asyncio.run(main())


def test_one_message_is_for_one_wait() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app) as env:
            runs = await shop.pay.start_many([("a",), ("a",)])
            await env.settle()
            await shop.paid.send(Paid(1), key="a")
            await env.settle()
            states = [(await run.status()).state for run in runs]
            assert sorted(states) == [RunStatus.SUCCEEDED, RunStatus.WAITING]
            await shop.paid.send(Paid(2), key="a")
            assert sorted([await run.result() for run in runs]) == [1, 2]

    asyncio.run(main())


def test_an_id_is_taken_once_for_each_key() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app) as env:
            for key in ("a", "a", "b"):
                await shop.paid.send(Paid(1), key=key, id="evt-1")
            assert [await (await shop.pay.start(key)).result() for key in ("a", "b")] == [1, 1]
            await shop.paid.send(Paid(1), key="a", id="evt-1")
            late = await shop.pay.start("a")
            await env.settle()
            assert (await late.status()).state is RunStatus.WAITING

    asyncio.run(main())


# --- to one run ---------------------------------------------------------------------------------------------


def test_a_run_takes_what_was_sent_to_it_in_order() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app, replay=True):
            run = await shop.direct.options(delay="1m").start(4)
            for amount in (1, 2, 3):
                await run.send(shop.paid, Paid(amount))
            await run.send(shop.paid, Paid(3), id="evt-1")
            await run.send(shop.paid, Paid(4), id="evt-1")
            assert await run.result() == [1, 2, 3, 3]

    asyncio.run(main())


def test_messages_by_key_and_to_the_run_are_kept_apart() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app) as env:
            keyed, own = await shop.pay.start("a"), await shop.direct.start(1)
            await env.settle()
            await keyed.send(shop.paid, Paid(1))
            await shop.paid.send(Paid(2), key=own.id)
            await env.settle()
            assert [(await run.status()).state for run in (keyed, own)] == [RunStatus.WAITING] * 2
            await shop.paid.send(Paid(3), key="a")
            await own.send(shop.paid, Paid(4))
            assert (await keyed.result(), await own.result()) == (3, [4])

    asyncio.run(main())


def test_a_run_that_has_ended_takes_nothing() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app):
            run = await shop.direct.start(0)
            await run.result()
            with pytest.raises(IllegalState, match="event 'paid' was not sent: the run has ended"):
                await run.send(shop.paid, Paid(1))
            with pytest.raises(TypeMismatch):
                await run.send(shop.paid, 5)
            with pytest.raises(NotFound):
                await shop.app.events.send("paid", run="nonesuch", data={"amount": 1})

    asyncio.run(main())


# --- waiting ------------------------------------------------------------------------------------------------


def test_a_wait_belongs_in_a_workflow() -> None:
    shop = Shop()
    with pytest.raises(WrongContext, match=r"paid\.wait\(\) was called outside of any run"):
        shop.paid.wait("a")

    async def main() -> None:
        async with Environment(shop.app):
            assert await (await shop.waits.start()).result() == "refused"

    asyncio.run(main())


def test_a_wait_without_timeout_has_no_end() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app) as env:
            run = await shop.pay.start("a")
            await env.advance("3650 days")
            assert (await run.status()).state is RunStatus.WAITING
            await shop.paid.send(Paid(1), key="a")
            assert await run.result() == 1

    asyncio.run(main())


@pytest.mark.parametrize("replay", [False, True])
def test_a_timeout_comes_when_it_is_due_and_leaves_the_message_to_others(replay: bool) -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app, replay=replay) as env:
            begun = env.now()
            run = await shop.pay.start("a", "90s")
            with pytest.raises(RunFailed, match="no event 'paid' came within 1m 30s") as failed:
                await run.result()
            assert env.now() - begun == 90
            assert isinstance(failed.value.__cause__, EventTimeout)
            assert isinstance(failed.value.__cause__, TimeoutError)
            await shop.paid.send(Paid(1), key="a")
            assert await (await shop.pay.start("a", "90s")).result() == 1

    asyncio.run(main())


def test_a_message_in_time_disarms_the_timeout() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app) as env:
            run = await shop.pay.start("a", "1h")
            await env.advance("59m")
            await shop.paid.send(Paid(1), key="a")
            await env.advance("2h")
            assert await run.result() == 1

    asyncio.run(main())


def test_the_timeout_of_the_app_is_for_waits_that_say_none() -> None:
    shop = Shop(event_timeout="2m")

    async def main() -> None:
        async with Environment(shop.app) as env:
            begun = env.now()
            for timeout, after in ((None, 120), ("10m", 720)):
                with pytest.raises(RunFailed):
                    await (await shop.pay.start("a", timeout)).result()
                assert env.now() - begun == after

    asyncio.run(main())


def test_a_timeout_that_is_no_duration_is_refused() -> None:
    shop = Shop()

    async def main() -> None:
        async with Environment(shop.app):
            with pytest.raises(RunFailed) as failed:
                await (await shop.pay.start("a", "soon")).result()
            assert isinstance(failed.value.__cause__, StepwellError)
            assert failed.value.__cause__.code == "invalid_duration"

    asyncio.run(main())
