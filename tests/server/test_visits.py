"""Requests that last end when their key, their session or their scope has gone. Over HTTP: test_live, test_reading."""

import asyncio
import logging

import msgspec
import pytest

from stepwell.client.keys import KEY, ApiKey, Keys, Sessions
from stepwell.errors import StoreUnavailable
from stepwell.model.record import Record
from stepwell.server.identity import ALL, Identity
from stepwell.server.visits import EVERY, Visits
from stepwell.store.memory import MemoryStore
from stepwell.testing.clock import VirtualClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Counting(MemoryStore):
    """Counts how often records are read."""

    reads = 0
    away = False

    async def records(self, kind: str, **which: object) -> list[Record]:  # type: ignore[override]
        self.reads += 1
        if self.away:
            raise StoreUnavailable("the database is away")
        return await super().records(kind, **which)  # type: ignore[arg-type]


class House:
    """Visits over a store of their own; they last for one `pass_` of time after the other."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.store = Counting("visits", self.clock)
        self.keys = Keys(self.store, self.clock)
        self.sessions = Sessions(self.store, self.clock, self.keys, 100.0)
        self.visits = Visits(self.keys, self.sessions, self._rest)
        self.over: list[str] = []
        self.rests: list[float] = []
        self._turn = asyncio.Semaphore(0)

    async def _rest(self, seconds: float) -> None:
        self.rests.append(seconds)
        await self._turn.acquire()

    async def pass_(self, seconds: float = EVERY) -> list[str]:
        """Let time pass, and look; those whose visits are over by then."""
        self.clock.move_to(self.clock.now() + seconds)
        self._turn.release()
        for _ in range(20):
            await asyncio.sleep(0)
        return self.over

    def begin(self, name: str, identity: Identity) -> None:
        self.visits.begin(identity, lambda: self.over.append(name))

    async def key(self, *scopes: str, expires_in: float | None = None) -> tuple[ApiKey, Identity]:
        key, _ = await self.keys.create("k", scopes or ("read",), expires_in)
        return key, Identity(name="k", scopes=frozenset(key.kept.scopes), key=key.id)


async def test_a_visit_ends_within_a_second_of_its_keys_end() -> None:
    house = House()
    (lasting, kept), (gone, revoked), (_, short) = (
        await house.key(), await house.key(), await house.key(expires_in=2.5))  # fmt: skip
    house.begin("kept", kept)
    house.begin("revoked", revoked)
    house.begin("short", short)
    house.begin("forged", Identity(name="f", scopes=ALL, key="0" * 16))
    assert await house.pass_() == ["forged"]
    await Keys(house.store, house.clock).revoke(gone.id)  # on another server
    assert await house.pass_() == ["forged", "revoked"]
    assert await house.keys.by_id(gone.id) is None  # and it is not remembered as valid: whoever comes back is refused
    assert await house.pass_() == ["forged", "revoked", "short"]
    assert set(house.rests) == {EVERY}
    await house.keys.revoke(lasting.id)
    assert await house.pass_() == ["forged", "revoked", "short", "kept"]
    await house.visits.close()


async def test_a_visit_ends_with_a_scope_that_it_had() -> None:
    house = House()
    key, both = await house.key("read", "execute")
    house.begin("both", both)
    house.begin("read", msgspec.structs.replace(both, scopes=frozenset({"read"})))
    less = msgspec.structs.replace(key.kept, scopes=("read",))
    await house.store.put([Record(kind=KEY, id=key.id, at=0.0, data=msgspec.json.encode(less))], replace=True)
    assert await house.pass_() == ["both"]
    await house.visits.close()


async def test_a_visit_ends_with_its_session() -> None:
    house = House()
    key, plain = await house.key()
    told = {}
    for name in ("stays", "leaves"):
        session, told[name] = await house.sessions.begin(key)
        house.begin(name, msgspec.structs.replace(plain, session=session.id))
    assert await house.pass_() == []
    await house.sessions.end(told["leaves"])
    assert await house.pass_() == ["leaves"]
    assert await house.pass_(100.0) == ["leaves", "stays"]
    await house.visits.close()


async def test_the_first_key_ends_what_an_open_server_had_let_in() -> None:
    house = House()
    house.begin("anybody", Identity(name="local", scopes=ALL, open=True))
    assert await house.keys.exist() is False
    assert await house.pass_() == []
    await Keys(house.store, house.clock).create("first", ["read"])
    assert await house.pass_() == ["anybody"]
    await house.visits.close()


async def test_a_thousand_visits_cost_one_look_up() -> None:
    house = House()
    key, identity = await house.key()
    session, _ = await house.sessions.begin(key)
    for number in range(1000):
        house.begin(str(number), identity)
    before = house.store.reads
    assert await house.pass_() == []
    assert house.store.reads - before == 1
    for number in range(1000):
        house.begin(f"s{number}", msgspec.structs.replace(identity, session=session.id))
    await house.pass_()
    assert house.store.reads - before == 3
    await house.visits.close()


async def test_nobody_is_looked_for_when_nobody_is_there() -> None:
    house = House()
    _, identity = await house.key()
    leave = house.visits.begin(identity, lambda: house.over.append("left"))
    await house.pass_()
    leave()
    before = house.store.reads
    await house.pass_()
    assert (house.store.reads, house.over) == (before, [])
    assert house.visits._task is not None
    assert house.visits._task.done()
    house.visits.begin(None, lambda: house.over.append("nobody"))
    assert house.over == ["nobody"]  # who is not known is not let in
    await house.visits.close()


async def test_an_outage_ends_no_visit_and_is_outlasted(caplog: pytest.LogCaptureFixture) -> None:
    house = House()
    key, identity = await house.key()
    house.begin("reader", identity)
    house.store.away = True
    with caplog.at_level(logging.WARNING, "stepwell.server"):
        assert await house.pass_() == []
    assert "looking whether keys are still valid failed: the database is away" in caplog.text
    house.store.away = False
    await house.keys.revoke(key.id)
    assert await house.pass_() == ["reader"]
    await house.visits.close()
