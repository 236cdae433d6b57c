import asyncio
from typing import Any

import pytest

from stepwell.store.postgres import PostgresStore
from stepwell.store.postgres import hints as module
from stepwell.store.postgres.connection import Db, Home
from stepwell.store.postgres.hints import Hints
from stepwell.testing.conformance.scene import Scene
from tests.store.postgres.conftest import OpenPostgres

pytestmark = pytest.mark.anyio
LONG = 60.0


async def _listening(store: PostgresStore) -> Hints:
    hints = store._hints
    assert hints is not None
    await asyncio.wait_for(hints.listening.wait(), LONG)
    await hints.wait(0)  # that it begins to listen is heard, too: something may have been missed
    return hints


async def test_another_store_s_commit_is_heard_and_one_s_own_is_not(open_postgres: OpenPostgres) -> None:
    one, two = await open_postgres(), await open_postgres()
    await _listening(one)
    await _listening(two)
    heard = asyncio.create_task(two.wait_hint(LONG))
    await Scene(lambda namespace, clock: one).queued()
    assert await heard
    assert not await one.wait_hint(0.05)
    await Scene(lambda namespace, clock: two).send(key="nobody")
    assert await one.wait_hint(LONG)


async def test_what_was_heard_before_the_wait_counts(open_postgres: OpenPostgres) -> None:
    one, two = await open_postgres(), await open_postgres()
    await _listening(one)
    hints = await _listening(two)
    await Scene(lambda namespace, clock: one).queued()
    async with asyncio.timeout(LONG):
        while not hints._heard:
            await asyncio.sleep(0.01)
    assert await two.wait_hint(0.0)
    assert not await two.wait_hint(0.0)


async def test_other_namespaces_are_not_heard(open_postgres: OpenPostgres, namespace: str) -> None:
    one, two = await open_postgres(), await open_postgres(namespace=f"{namespace}-b")
    await _listening(one)
    await _listening(two)
    await Scene(lambda namespace, clock: one).queued()
    assert not await two.wait_hint(0.1)


async def test_a_lost_listener_comes_back(open_postgres: OpenPostgres, db: Db) -> None:
    one, two = await open_postgres(), await open_postgres()
    hints = await _listening(two)
    await _listening(one)
    heard = asyncio.create_task(two.wait_hint(LONG))
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE $1 AND pid <> pg_backend_pid()"
    await db.all(cut, f"%pg_notify('{two._home.channel}'%")
    assert await heard, "something may have been missed"
    await asyncio.wait_for(hints.listening.wait(), LONG)


class Deaf(Hints):
    deaf = False

    def _notified(self, *told: Any) -> None:
        if not self.deaf:
            super()._notified(*told)


async def test_a_listener_that_hears_nothing_is_replaced(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "stepwell.store.postgres")
    hints = Deaf(home, check=0.05, answer=0.05)
    hints.begin()
    await asyncio.wait_for(hints.listening.wait(), LONG)
    hints.deaf = True
    async with asyncio.timeout(LONG):
        while hints.listening.is_set():
            await asyncio.sleep(0.01)
    hints.deaf = False
    await asyncio.wait_for(hints.listening.wait(), LONG)
    own = [record.getMessage() for record in caplog.records if record.name == "stepwell.store.postgres"]
    said = [message.partition(" at ")[0].partition(",")[0] for message in own]
    assert len(said) >= 2
    assert said == (["not listening", "listening again"] * len(said))[: len(said)]  # an outage once, however long
    await hints.close()


async def test_many_commits_are_told_by_few_notifications(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = asyncio.Event()

    async def pause(_: float) -> None:
        await go_on.wait()

    monkeypatch.setattr(module, "_sleep", pause)
    one, two = Hints(home), Home(home.address)
    two.ns, two.token = home.ns, "another"
    other = Hints(two)
    one.begin()
    other.begin()
    await asyncio.gather(*(asyncio.wait_for(hints.listening.wait(), LONG) for hints in (one, other)))
    count, hear = 0, other._hear

    def counted() -> None:
        nonlocal count
        count += 1
        hear()

    other._hear = counted  # type: ignore[method-assign]

    async def counts_to(number: int) -> None:
        async with asyncio.timeout(LONG):
            while count < number:
                await asyncio.sleep(0.001)

    one.tell()
    await counts_to(1)
    for _ in range(100):  # what is committed during a pause is told by one
        one.tell()
        await asyncio.sleep(0)
    go_on.set()
    await counts_to(2)
    one.tell()
    await counts_to(3)
    assert count == 3, "the first, the hundred, the last"
    await one.close()
    await other.close()


async def test_without_listening_waiting_is_all(open_postgres: OpenPostgres, server_url: str) -> None:
    store = await open_postgres(f"{server_url}?listen=off")
    assert not store.capabilities.hints
    assert not await store.wait_hint(0.01)


async def test_who_waits_is_released_at_the_end(open_postgres: OpenPostgres) -> None:
    store = await open_postgres()
    await _listening(store)
    waiting = asyncio.create_task(store.wait_hint(LONG))
    await asyncio.sleep(0)
    await store.close()
    assert await waiting is False
