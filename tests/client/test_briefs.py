"""Results in short. Over REST: tests/server/test_runs.py; by every client: tests/client/test_protocol.py."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
import pytest

from stepwell import App
from stepwell.client.briefs import LONGEST, MOST, Briefs, brief_of
from stepwell.client.redact import HIDDEN, Redactor, Secret
from stepwell.model.entry import AnyEntry, CancelSeen, Finished, Payload, encode_entries
from stepwell.store.memory import MemoryStore
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio
HUSH = "hush-hush"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def closing(data: bytes, **fields: Any) -> bytes:
    payload = Payload(v=msgspec.Raw(data), **fields)
    return encode_entries([CancelSeen(), Finished(status="succeeded", value=payload)])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'"done"', '"done"'),
        (b'{ "a": [1, 2.5, null] }', '{"a":[1,2.5,null]}'),
        (b"0", "0"),
        (b"false", "false"),
        (b'""', '""'),
        (b"[]", "[]"),
        (b"123456789012345678901234567890", "123456789012345678901234567890"),
        ('"Zürich\\n"'.encode(), '"Zürich\\n"'),
        (b"null", None),
        (b'"%s"' % (b"x" * (LONGEST - 2)), f'"{"x" * (LONGEST - 2)}"'),
        (b'"%s"' % (b"x" * (LONGEST - 1)), f'"{"x" * (LONGEST - 2)}…'),
        (b"[" * 200_000 + b"]" * 200_000, None),
    ],
)
def test_a_line_of_json(data: bytes, said: str | None) -> None:
    found = brief_of(closing(data), Redactor())
    assert found == said
    assert found is None or len(found) <= LONGEST


@pytest.mark.parametrize(
    "data",
    [
        closing(b"null", r="d1gest"),  # kept beside the journal
        closing(b'"eJwr"', c=1),  # packed as a later version may do it
        b'[{"k":"finish","status":"failed","error":{"type":"ValueError","message":"no"}}]',
        b'[{"k":"finish","status":"succeeded"}]',
        b'[{"k":"finish","status":"cancelled","value":{"v":1}}]',
        b'[{"k":"finish","status":"succeeded","value":{"v":1}},{"k":"cancel"}]',
        b'[{"k":"summed up"}]',
        b"[]",
        b"{",
    ],
)
def test_what_has_no_result_to_show(data: bytes) -> None:
    assert brief_of(data, Redactor()) is None


def test_it_is_cut_after_it_is_hidden() -> None:
    long = closing(msgspec.json.encode({"token": HUSH * 50, "n": 1}))
    assert brief_of(long, Redactor()) == f'{{"token":"{HIDDEN}","n":1}}'
    assert brief_of(closing(b'"x"'), Redactor(), secret=True) == f'"{HIDDEN}"'
    assert brief_of(closing(b"null"), Redactor(), secret=True) is None


@dataclass
class Card:
    number: int
    pin: Annotated[str, Secret] = HUSH
    codes: list[Annotated[str, Secret]] = field(default_factory=lambda: [HUSH])


class Purse(msgspec.Struct):
    held: str


@dataclass
class Wallet:
    owner: str
    cards: list[Card]


def vault() -> App:
    """An app whose every result has something secret in it: under a name, marked, or all of it."""
    app = App("memory://")
    app.event("signed", dict[str, Annotated[Card, Secret]])

    @app.workflow
    async def named() -> dict[str, Any]:
        return {"api_token": HUSH, "n": 1}

    @app.workflow
    async def named_below() -> dict[str, Any]:
        return {"a": [{"password": HUSH, "n": 2}]}

    @app.workflow
    async def marked() -> Card:
        return Card(3)

    @app.workflow
    async def marked_below() -> Wallet:
        return Wallet("ann", [Card(4)])

    @app.workflow
    async def marked_elsewhere() -> dict[str, Any]:
        return {"codes": [HUSH], "n": 5}

    @app.workflow
    async def whole() -> Annotated[str, Secret]:
        return HUSH

    @app.workflow
    async def perhaps() -> Annotated[Card, Secret] | None:
        return Card(6)

    @app.workflow
    async def perhaps_struct() -> Annotated[Purse, Secret] | None:
        return Purse(HUSH)

    @app.workflow
    async def in_a_list() -> list[Annotated[str, Secret]]:
        return [HUSH]

    @app.workflow
    async def by_key() -> dict[str, Annotated[str, Secret]]:
        return {"n": HUSH}

    @app.workflow
    async def as_key() -> dict[Annotated[str, Secret], int]:
        return {HUSH: 7}

    return app


SHOWN = {
    "named": f'{{"api_token":"{HIDDEN}","n":1}}',
    "named_below": f'{{"a":[{{"password":"{HIDDEN}","n":2}}]}}',
    "marked": f'{{"number":3,"pin":"{HIDDEN}","codes":"{HIDDEN}"}}',
    "marked_below": f'{{"owner":"ann","cards":[{{"number":4,"pin":"{HIDDEN}","codes":"{HIDDEN}"}}]}}',
    "marked_elsewhere": f'{{"codes":"{HIDDEN}","n":5}}',
    **dict.fromkeys(("whole", "perhaps", "perhaps_struct", "in_a_list", "by_key", "as_key"), f'"{HIDDEN}"'),
}


async def test_no_secret_is_in_it() -> None:
    async with Environment(vault()) as env:
        for name in SHOWN:
            await env.app.runs.start(name, id=name)
        await env.settle()
        page = await env.app.runs.list()
        assert {row.id: page.briefs[row.key] for row in page.runs} == SHOWN
        assert HUSH not in "".join(page.briefs.values())


async def test_names_of_the_servers_own_are_hidden_too() -> None:
    async with Environment(vault()) as env:
        run = await env.app.runs.start("marked")
        await env.settle()
        engine = env.app._engine()
        briefs = Briefs(engine.store, engine.definitions, lambda: Redactor(("number",)))
        assert f'"number":"{HIDDEN}"' in (await briefs.of([await engine.row(run.key)]))[run.key]


async def test_types_that_come_later_are_minded() -> None:
    app = App("memory://")

    @app.workflow
    async def echo(value: Any) -> Any:
        return value

    async with Environment(app) as env:
        first = await env.app.runs.start("echo", {"value": {"pin": "1234"}})
        await env.settle()
        assert (await env.app.runs.list()).briefs == {first.key: '{"pin":"1234"}'}
        app.event("paid", Card)
        assert (await env.app.runs.list()).briefs == {first.key: f'{{"pin":"{HIDDEN}"}}'}


async def test_one_question_for_a_page_and_none_where_nothing_succeeded(monkeypatch: pytest.MonkeyPatch) -> None:
    app = App("memory://")

    @app.workflow
    async def make(size: int) -> str:
        if size < 0:
            raise ValueError("no")
        return "x" * size

    async with Environment(app) as env:
        assert isinstance(env.store, MemoryStore)
        asked, closings = list[list[bytes]](), env.store.closings

        async def counted(keys: Sequence[bytes], most: int) -> dict[bytes, bytes]:
            asked.append(list(keys))
            return await closings(keys, most)

        monkeypatch.setattr(env.store, "closings", counted)
        failed = await env.app.runs.start("make", -1)
        later = await env.app.runs.start("make", 1, delay=3600)
        await env.settle()
        assert (await env.app.runs.list()).briefs == {}
        assert asked == []
        small, large, blob = [await env.app.runs.start("make", size) for size in (1, MOST, 100_000)]
        await env.settle()
        assert (await env.app.runs.list()).briefs == {small.key: '"x"'}
        (keys,) = asked
        assert set(keys) == {small.key, large.key, blob.key}
        assert not set(keys) & {failed.key, later.key}
        await small.restart()
        await env.settle()
        entries: list[AnyEntry] = await env.app._engine().entries(small.key)
        assert isinstance(entries[-1], Finished)
        assert (await env.app.runs.list()).briefs == {small.key: '"x"'}
