"""Claims on real connections: several claimers, rows held by others, snapshots older than locks."""

import asyncio

import pytest

from stepwell.model.change import Change, ClaimRequest, Patch
from stepwell.model.record import Record
from stepwell.model.run import Claimed
from stepwell.model.status import RunStatus
from stepwell.ports.store import Retire
from stepwell.store.postgres.connection import Db
from stepwell.testing.conformance.scene import Scene

pytestmark = pytest.mark.anyio
LOCK = "SELECT 1 FROM {runs} WHERE ns = $1 AND key = $2 FOR NO KEY UPDATE"


async def queued(scene: Scene, count: int) -> list[bytes]:
    news = [scene.new(workflow=f"w{n % 3}", rank=float(n)) for n in range(count)]
    assert all(r.ok for r in await scene.store.commit([Change(run=new.row.key, create=new) for new in news]))
    return [new.row.key for new in news]


async def test_claimers_at_the_same_time_get_full_and_different_batches(scene: Scene) -> None:
    keys = await queued(scene, 200)
    await scene.beat("w1")
    request = ClaimRequest(worker="w1", workflows=("w0", "w1", "w2"), limit=25, now=scene.now)
    answers = await asyncio.gather(
        *(store.claim(request, {}) for _ in range(4) for store in (scene.store, scene.other))
    )
    assert [len(claimed) for claimed in answers] == [25] * 8
    assert sorted(one.row.key for claimed in answers for one in claimed) == sorted(keys)


async def test_the_best_ranks_of_all_workflows_come_first(scene: Scene) -> None:
    keys = await queued(scene, 30)
    claimed = await scene.claim(workflows=("w0", "w1", "w2"), limit=10) or []
    assert claimed == []  # a worker without a lease gets nothing
    await scene.beat("w1")
    assert [one.row.key for one in await scene.claim(workflows=("w0", "w1", "w2"), limit=10)] == keys[:10]
    assert [one.row.key for one in await scene.claim(workflows=("w1",), limit=2)] == [keys[10], keys[13]]


async def test_held_rows_are_passed_by_and_the_batch_is_full_all_the_same(scene: Scene, rival: Db) -> None:
    keys = await queued(scene, 20)
    await scene.beat("w1")
    async with rival.transaction():
        for key in keys[:5]:
            await rival.one(LOCK, rival.ns, key)
        claimed = await asyncio.wait_for(scene.claim(workflows=("w0", "w1", "w2"), limit=10), 60)
        assert [one.row.key for one in claimed] == keys[5:15]
    assert [one.row.key for one in await scene.claim(workflows=("w0", "w1", "w2"), limit=3)] == keys[:3]


async def test_the_journal_is_as_new_as_the_claim(scene: Scene) -> None:
    """The holder writes and gives back while another worker claims: what it wrote is always read (A2)."""
    await scene.beat("w1")
    await scene.beat("w2")
    for _ in range(25):
        row = await scene.running("w1")
        back = scene.entries(row, patch=Patch(status=RunStatus.QUEUED, release=True, rank=1.0))
        claimed: list[Claimed] = []

        async def claim(claimed: list[Claimed] = claimed) -> None:
            while not claimed:
                claimed += await scene.claim("w2", store=scene.other)

        await asyncio.gather(scene.commit(back), claim())
        ((one,),) = (claimed,)
        assert [seq for seq, _ in one.journal or []] == [0, 1]
        assert one.row.claimed_seq == 2
        await scene.done(scene.finish(one.row, seq=2))


async def test_journals_blobs_inboxes_and_tags_come_along(scene: Scene) -> None:
    new = scene.new(blobs=(("aa", b"\x00\x01"),), tags={"n": 1})
    await scene.create(new)
    await scene.send(target=new.row.key)
    await scene.beat("w1")
    (one,) = await scene.claim()
    assert one.blobs == {"aa": b"\x00\x01"}
    assert one.row.tags == {"n": 1}
    assert [item.n for item in one.inbox] == [1]
    assert one.journal == [(0, b'[{"k":"started"}]')]
    await scene.done(scene.entries(one.row, patch=Patch(status=RunStatus.QUEUED, release=True)))
    (again,) = await scene.claim(cached={one.row.key: one.row.epoch})
    assert (again.journal, again.blobs) == (None, {})


async def test_a_claim_waits_for_no_record_and_no_retention(scene: Scene, rival: Db) -> None:
    """They have another connection: whatever they wait for, runs that are ready are claimed meanwhile."""
    keys = await queued(scene, 3)
    await scene.beat("w1")
    record = Record(kind="note", id="1", at=scene.now, data=b"{}")
    await scene.store.put([record])
    async with rival.transaction():
        await rival.one("SELECT 1 FROM {records} WHERE ns = $1 FOR UPDATE", rival.ns)
        put = asyncio.ensure_future(scene.store.put([record], replace=True))
        retire = asyncio.ensure_future(scene.store.retire(Retire(now=scene.now, ages={}, keeps={}, limit=10)))
        while not await rival.value("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted"
                                    " AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"):  # fmt: skip
            await asyncio.sleep(0)
        claimed = await asyncio.wait_for(scene.claim(workflows=("w0", "w1", "w2"), limit=10), 60)
        assert [one.row.key for one in claimed] == keys
        assert not put.done()
        assert not retire.done()
    assert await put == [True]
    assert await retire == 0


async def test_a_worker_that_is_being_buried_claims_nothing(scene: Scene, rival: Db) -> None:
    await queued(scene, 3)
    await scene.beat("w1")
    async with rival.transaction():
        await rival.run("SELECT 1 FROM {workers} WHERE ns = $1 FOR UPDATE", rival.ns)
        await rival.run("UPDATE {workers} SET dead = true WHERE ns = $1", rival.ns)
        claim = asyncio.ensure_future(scene.claim(workflows=("w0",)))
        await rival.one("SELECT pg_sleep(0.05)")
        assert not claim.done()
    assert await claim == []
