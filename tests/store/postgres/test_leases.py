"""Deaths, signing off and waking while rows are held by others; the rest is in the conformance suite."""

import asyncio

import pytest

from stepwell.model.change import Change
from stepwell.model.run import WorkerRow
from stepwell.model.status import RunStatus
from stepwell.store.postgres import leases
from stepwell.store.postgres.connection import Db
from stepwell.testing.conformance.scene import LEASE, Scene

pytestmark = pytest.mark.anyio
LOCK = "SELECT 1 FROM {runs} WHERE ns = $1 AND key = $2 FOR NO KEY UPDATE"


async def test_a_run_that_is_locked_at_its_workers_death_is_queued_later(scene: Scene, rival: Db) -> None:
    locked, free = await scene.running("w1"), await scene.running("w1")
    async with rival.transaction():
        await rival.one(LOCK, rival.ns, locked.key)
        await asyncio.wait_for(scene.die("w1"), 60)
        assert (await scene.row(free)).status is RunStatus.QUEUED
        assert (await scene.row(locked)).status is RunStatus.RUNNING
        assert await scene.beat("w1") is None  # dead is dead
    await scene.claim("reaper", workflows=())
    row = await scene.row(locked)
    assert (row.status, row.epoch, row.deaths) == (RunStatus.QUEUED, 2, 1)
    assert await rival.value("SELECT count(*) FROM {workers} WHERE ns = $1 AND bereft", rival.ns) == 0


async def test_a_worker_is_not_buried_while_a_run_is_created_in_its_name(scene: Scene, rival: Db) -> None:
    await scene.beat("w1")
    async with rival.transaction():
        await rival.one("SELECT 1 FROM {workers} WHERE ns = $1 AND id = 'w1' FOR KEY SHARE", rival.ns)
        await scene.die("w1")
        assert [w.id for w in await scene.store.workers()] == ["reaper", "w1"]
    await scene.claim("reaper", workflows=())
    assert [w.id for w in await scene.store.workers()] == ["reaper"]
    new = scene.new(worker="w1")
    reply = await scene.create(new)
    assert reply.row is not None
    assert reply.row.status is RunStatus.QUEUED


async def test_what_is_due_and_locked_is_woken_later(scene: Scene, rival: Db) -> None:
    locked, free = await scene.waiting(due=scene.now + 5), await scene.waiting(due=scene.now + 5)
    scene.pass_time(5.0)
    await scene.beat("w1")
    async with rival.transaction():
        await rival.one(LOCK, rival.ns, locked.key)
        assert [one.row.key for one in await scene.claim()] == [free.key]
    assert [one.row.key for one in await scene.claim()] == [locked.key]


async def test_signing_off_waits_for_runs_that_are_just_created(scene: Scene, rival: Db) -> None:
    await scene.beat("w1")
    new = scene.new(worker="w1")
    async with rival.transaction():
        await rival.one("SELECT 1 FROM {workers} WHERE ns = $1 AND id = 'w1' FOR KEY SHARE", rival.ns)
        stopping = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(_stop(scene, "w1"))))
        await scene.create(new)
    await stopping
    assert (await scene.row(new.row)).status is RunStatus.QUEUED


async def _stop(scene: Scene, worker: str) -> None:
    heart = await scene.store.heart()
    heart.stop(worker)
    heart.close()


async def test_claimers_who_find_a_death_do_not_wait_for_each_other(scene: Scene) -> None:
    rows = [await scene.running("w1") for _ in range(30)]
    scene.pass_time(LEASE)
    await scene.beat("w2")
    answers = await asyncio.gather(
        *(scene.claim("w2", store=store, limit=10) for store in (scene.store, scene.other) for _ in range(4))
    )
    taken = [one.row.key for claimed in answers for one in claimed]
    taken += [one.row.key for one in await scene.claim("w2", limit=100)]
    assert sorted(taken) == sorted(row.key for row in rows)


async def test_beats_and_what_is_next(db: Db) -> None:
    row = WorkerRow(id="w1", beat_at=1.0, expires_at=31.0, queues=("a",), offers={"work": "1234"})
    assert await leases.beat(db, row) == frozenset()
    assert await leases.read_workers(db) == [row]
    assert await leases.next_due(db, ("work",), (), 1.0) is None
    assert await leases.lonely(db, ("work",), 10, ("1234",)) == []
    await leases.bury(db, 31.0)
    assert await leases.beat(db, row) is None
    assert await leases.read_workers(db) == []
    await leases.stop(db, "w1")
    assert leases.offered(("a", "b"), ("x",)) == (["a", "b"], ["x", None])


async def test_next_due_is_for_who_has_the_code(scene: Scene) -> None:
    pinned = scene.new(pin="1234", due=scene.now + 7)
    await scene.store.commit([Change(run=pinned.row.key, create=pinned)])
    assert await scene.store.next_due(("work",), ("1234",)) == scene.now + 7
    assert await scene.store.next_due(("work",), ("4321",)) is None
    assert await scene.store.next_due(("work",)) is None
