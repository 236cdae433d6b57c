"""Failures by cause. How they are shown over REST: tests/server/test_figures.py."""

import asyncio

import pytest

from stepwell import App
from stepwell.client.failures import Piece, causes_of, pieces_of, split_reason
from stepwell.client.filters import Query, filter_from
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("order 17 is late", "order ‹n› is late"),
        ("at 2026-11-21T10:00:00Z it stopped", "at ‹date› it stopped"),
        ("since 2026-11-21", "since ‹date›"),
        ("no user 'ada'", "no user ‹str›"),
        ('no "x" in "y"', "no ‹str› in ‹str›"),
        ("run 019aa6b2-c4d5-7e8f-90a1-b2c3d4e5f607 gone", "run ‹id› gone"),
        ("key 019aa6b2c4d57e8f90a1b2c3d4e5f607", "key ‹id›"),
        ("object at 0x7f00aa", "object at ‹id›"),
        ("1,204.5 of -3", "‹n› of ‹n›"),
        ("it's one's own", "it's one's own"),
        ("can't open 'alpha', user doesn't exist", "can't open ‹str›, user doesn't exist"),
        ("the user's 'it's mine' isn't", "the user's ‹str› isn't"),
        ("KeyError: b'ada' of name='bob'", "KeyError: b‹str› of name=‹str›"),
        ("'a' or 'b': the runs' own", "‹str› or ‹str›: the runs' own"),
        ("utf8 and v2 stay", "utf8 and v2 stay"),
        ("", ""),
    ],
)
def test_what_differs_is_a_hole(text: str, normal: str) -> None:
    assert "".join(p.text if p.text is not None else f"‹{p.hole}›" for p in pieces_of(text)) == normal


def test_like_messages_come_out_alike() -> None:
    assert pieces_of("card 1 of 'a'") == pieces_of("card 22 of 'bcd'") == [
        Piece(text="card "), Piece(hole="n"), Piece(text=" of "), Piece(hole="str")]  # fmt: skip
    said = [pieces_of(f"can't open '{name}', user doesn't exist") for name in ("alpha", "beta", "gamma")]
    assert said[0] == said[1] == said[2]
    assert pieces_of("x" * 100_000) == [Piece(text="x" * 100_000)]


@pytest.mark.parametrize(
    ("reason", "parts"),
    [("ValueError: no", ("ValueError", "no")), ("stepwell.StepError: a: b", ("StepError", "a: b")),
     ("KeyError", ("KeyError", "")), ("something else", ("Error", "something else")), (None, ("Error", ""))],
)  # fmt: skip
def test_reasons(reason: str | None, parts: tuple[str, str]) -> None:
    assert split_reason(reason) == parts


class CardGatewayTimeout(Exception):
    pass


class MailRefused(Exception):
    pass


async def test_steps_of_one_workflow_that_fail_otherwise_are_other_causes() -> None:
    app = App("memory://")

    @app.step
    async def charge(n: int) -> None:
        raise CardGatewayTimeout(f"no answer for {n}")

    @app.step
    async def mail(n: int) -> None:
        raise MailRefused("the mailbox is full")

    @app.workflow
    async def order(n: int) -> None:
        if n % 2:
            await charge(n)
        async with asyncio.TaskGroup() as group:
            group.create_task(mail(n))

    async with Environment(app) as env:
        for n in range(5):
            await env.app.start(order, n)
        await env.settle()
        engine = app._engine()
        told = await causes_of(engine, engine.clock.now() - 3600, engine.clock.now())
        assert [(cause.type, cause.count) for cause in told.causes] == [("MailRefused", 3), ("CardGatewayTimeout", 2)]
        assert [(cause.where or "").partition(":")[0] for cause in told.causes] == [
            "mail at test_failures.py", "charge at test_failures.py"]  # fmt: skip
        for cause in told.causes:
            found = await engine.store.list(filter_from(Query(error=cause.type), engine.clock.now()))
            assert len(found) == cause.count
            again = await engine.store.list(filter_from(Query(**cause.filter), engine.clock.now()))
            assert {row.key for row in again} == {row.key for row in found}
