"""API keys and sessions."""

import asyncio
import hashlib
from typing import Any, cast

import msgspec
import pytest

from stepwell.client.keys import FEW, REMEMBERED, USED_EVERY, Keys, Sessions, digest_of
from stepwell.errors import InvalidOption, NotFound, StoreLocked
from stepwell.store.memory import MemoryStore
from stepwell.testing.clock import VirtualClock

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def keys(clock: VirtualClock) -> Keys:
    return Keys(MemoryStore("keys", clock), clock)


def later(clock: VirtualClock, seconds: float) -> None:
    clock.move_to(clock.now() + seconds)


async def test_a_key_is_kept_as_its_hash(keys: Keys) -> None:
    key, secret = await keys.create(" ops ", ["read", "read", "operate"])
    assert (key.kept.name, key.kept.scopes) == ("ops", ("read", "operate"))
    assert len(secret) >= 4 + 43
    assert digest_of(secret) == hashlib.sha256(secret.encode()).hexdigest() == key.kept.hash
    (record,) = await keys._store.records("key")
    assert secret.encode() not in record.data
    assert (await keys.by_secret(secret)) is not None
    for wrong in (secret[:-1], secret + "x", "", "swk_", secret.upper(), "x" + secret, "swk_" + "a" * 300):
        assert await keys.by_secret(wrong) is None, wrong


async def test_another_hash_under_the_same_id_opens_nothing(keys: Keys) -> None:
    key, secret = await keys.create("k", ["read"])
    forged = msgspec.structs.replace(key.kept, hash=key.kept.hash[:16] + "0" * 48)
    await keys._replace(key, forged)
    assert await keys.by_secret(secret) is None


async def test_expiry_and_revocation(keys: Keys, clock: VirtualClock) -> None:
    _, short = await keys.create("short", ["read"], expires_in=10)
    key, secret = await keys.create("k", ["read"])
    assert await keys.by_secret(short) is not None
    later(clock, 10)
    assert await keys.by_secret(short) is None
    elsewhere = Keys(keys._store, clock)
    assert await elsewhere.by_secret(secret) is not None
    await keys.revoke(key.id)
    assert await keys.by_secret(secret) is None
    later(clock, REMEMBERED)
    assert await elsewhere.by_secret(secret) is None
    with pytest.raises(NotFound):
        await keys.revoke("0" * 16)
    with pytest.raises(NotFound):
        await keys.revoke("no id")


async def test_use_is_noted_once_a_minute(keys: Keys, clock: VirtualClock) -> None:
    _, secret = await keys.create("k", ["read"])

    async def used() -> float | None:
        return (await keys.list())[0].last_used_at

    await keys.by_secret(secret)
    first = await used()
    later(clock, USED_EVERY - 1)
    await keys.by_secret(secret)
    assert await used() == first == clock.now() - USED_EVERY + 1
    later(clock, 1)
    await keys.by_secret(secret)
    assert await used() == clock.now()


async def test_a_use_does_not_bring_a_revoked_key_back(keys: Keys, clock: VirtualClock) -> None:
    key, secret = await keys.create("k", ["read"])
    elsewhere = Keys(keys._store, clock)
    assert await elsewhere.by_id(key.id) is not None  # remembered as valid there
    assert await elsewhere.by_secret(secret) is not None
    await keys.revoke(key.id)
    await elsewhere.noted()
    (listed,) = await keys.list()
    assert listed.kept.revoked_at is not None
    assert listed.last_used_at == clock.now()


async def test_a_key_opens_though_its_use_cannot_be_noted(keys: Keys, clock: VirtualClock) -> None:
    """A database that is locked, or read only, is read all the same; nobody waits for the note."""
    _, secret = await keys.create("k", ["read"])
    store, free = keys._store, asyncio.Event()

    class Locked:
        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        async def put(self, *_: Any, **__: Any) -> Any:
            await free.wait()
            raise StoreLocked("somebody else writes")

    elsewhere = Keys(cast(Any, Locked()), clock)
    assert await elsewhere.by_secret(secret) is not None
    free.set()
    await elsewhere.noted()
    assert (await elsewhere.list())[0].last_used_at is None


async def test_whether_there_was_ever_a_key(keys: Keys, clock: VirtualClock) -> None:
    assert await keys.exist() is False
    key, _ = await Keys(keys._store, clock).create("k", ["read"])
    later(clock, REMEMBERED)
    assert await keys.exist() is True
    await keys.revoke(key.id)
    assert await keys.exist() is True


@pytest.mark.parametrize(("name", "scopes"), [("", ["read"]), ("x" * 101, ["read"]), ("k", []), ("k", ["root"])])
async def test_what_is_no_key(keys: Keys, name: str, scopes: list[str]) -> None:
    with pytest.raises(InvalidOption):
        await keys.create(name, scopes)


async def test_sessions_stand_for_a_key(keys: Keys, clock: VirtualClock) -> None:
    sessions = Sessions(keys._store, clock, keys, 100)
    key, _ = await keys.create("k", ["read"], expires_in=50)
    session, token = await sessions.begin(key)
    assert session.expires_at == key.kept.expires_at
    found = await sessions.find(token)
    assert found is not None
    assert (found[0], found[1].id) == (session, key.id)
    assert await sessions.find(token + "x") is None
    assert await sessions.find("") is None
    await sessions.end(token)
    assert await sessions.find(token) is None
    _, token = await sessions.begin(key)
    later(clock, 50)
    assert await sessions.find(token) is None
    other, _ = await keys.create("o", ["read"])
    await sessions.begin(other)
    assert len(await keys._store.records("session")) == 1


async def test_many_at_once_as_they_are_now(keys: Keys, clock: VirtualClock) -> None:
    made = [(await keys.create(f"k{n}", ["read"]))[0] for n in range(FEW + 2)]
    _, secret = await keys.create("known", ["read"])
    known = await keys.by_secret(secret)
    assert known is not None
    sessions = Sessions(keys._store, clock, keys, 100)
    begun = [await sessions.begin(known) for _ in range(FEW + 2)]
    await Keys(keys._store, clock).revoke(made[1].id)
    await Keys(keys._store, clock).revoke(known.id)
    await sessions.end(begun[1][1])
    for many in (2, FEW + 2):
        ids = [key.id for key in made[:many]]
        assert set(await keys.standing([*ids, known.id, "f" * 16])) == set(ids) - {made[1].id}
        there = [session.id for session, _ in begun[:many]]
        assert await sessions.standing([*there, "f" * 16]) == set(there) - {begun[1][0].id}
    assert await keys.by_id(known.id) is None  # what was remembered is renewed
    later(clock, 100)
    assert await sessions.standing([begun[0][0].id]) == set()
    assert await keys.standing([]) == {}


async def test_whether_there_is_a_key_right_now(keys: Keys, clock: VirtualClock) -> None:
    assert await keys.exist() is False
    await Keys(keys._store, clock).create("k", ["read"])
    assert await keys.exist() is False
    assert await keys.exist(now=True) is True
    assert await keys.exist() is True
