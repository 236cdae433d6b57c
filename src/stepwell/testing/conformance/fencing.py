"""The holder's writes: epochs, journals, patches."""

from msgspec.structs import replace

from stepwell.model.change import Change, Patch
from stepwell.model.status import RunStatus
from stepwell.testing.conformance.scene import Scene, Suite


class TestFencing(Suite):
    """P3: a write carries the lease's epoch, and a stale one changes nothing."""

    async def test_entries_are_appended(self, scene: Scene) -> None:
        row = await scene.running()
        for seq in (1, 2, 3):
            assert (await scene.done(scene.entries(row, seq))).released
        journal = await scene.other.journal(row.key)
        assert [(generation, seq) for generation, seq, _ in journal] == [(1, 0), (1, 1), (1, 2), (1, 3)]
        assert journal[2][2] == scene.entries(row, 2).data

    async def test_several_entries_in_one_row(self, scene: Scene) -> None:
        row = await scene.running()
        await scene.done(scene.entries(row, 1, count=5, data=b"[1,2,3,4,5]"))
        await scene.done(scene.entries(row, 6, patch=Patch(status=RunStatus.QUEUED, release=True, rank=1.0)))
        (claimed,) = await scene.claim()
        assert claimed.row.claimed_seq == 7
        assert [seq for seq, _ in claimed.journal or []] == [0, 1, 6]

    async def test_a_wrong_epoch_is_stale(self, scene: Scene) -> None:
        row = await scene.running()
        for epoch in (0, 2, 99):
            reply = await scene.commit(scene.finish(replace(row, epoch=epoch)))
            assert (reply.ok, reply.why) == (False, "stale")
        assert await scene.row(row) == row
        assert len(await scene.store.journal(row.key)) == 1

    async def test_the_right_epoch_of_a_run_not_held_is_stale(self, scene: Scene) -> None:
        queued = await scene.queued()
        assert (await scene.commit(scene.entries(queued))).why == "stale"
        waiting = await scene.waiting()
        assert (await scene.commit(scene.entries(waiting, 2))).why == "stale"
        ended = await scene.ended()
        assert (await scene.commit(scene.entries(ended, 2))).why == "stale"

    async def test_a_missing_run_is_stale(self, scene: Scene) -> None:
        assert (await scene.commit(Change(run=b"x" * 16, epoch=1, seq=1, count=1, data=b"[1]"))).why == "stale"

    async def test_the_next_holder_fences_the_one_before(self, scene: Scene) -> None:
        row = await scene.running("w1")
        await scene.done(scene.entries(row, patch=Patch(status=RunStatus.QUEUED, release=True)))
        await scene.beat("w2")
        (claimed,) = await scene.claim("w2", store=scene.other)
        assert claimed.row.epoch == 2
        assert (await scene.commit(scene.entries(row, 2))).why == "stale"
        await scene.done(scene.entries(claimed.row, 2))

    async def test_a_place_that_another_epoch_wrote_is_stale(self, scene: Scene) -> None:
        row = await scene.running("w1")
        await scene.done(scene.entries(row, patch=Patch(status=RunStatus.QUEUED, release=True)))
        (claimed,) = await scene.claim()
        reply = await scene.commit(scene.entries(claimed.row, 1, data=b"[2]"))
        assert (reply.ok, reply.why) == (False, "stale")
        assert (await scene.store.journal(row.key))[1][2] == scene.entries(row).data

    async def test_one_stale_change_in_a_group_of_many(self, scene: Scene) -> None:
        rows = [await scene.running() for _ in range(40)]
        changes = [scene.finish(row if n != 17 else replace(row, epoch=9)) for n, row in enumerate(rows)]
        replies = await scene.store.commit(changes)
        assert [n for n, reply in enumerate(replies) if not reply.ok] == [17]
        assert (await scene.row(rows[17])).status is RunStatus.RUNNING
        assert (await scene.row(rows[18])).status is RunStatus.SUCCEEDED

    async def test_two_changes_of_one_run_in_a_group(self, scene: Scene) -> None:
        row = await scene.running()
        replies = await scene.store.commit([scene.entries(row, 1), scene.finish(row, seq=2), scene.entries(row, 3)])
        assert [(r.ok, r.why) for r in replies] == [(True, ""), (True, ""), (False, "stale")]
        assert (await scene.row(row)).status is RunStatus.SUCCEEDED
        assert len(await scene.store.journal(row.key)) == 3

    async def test_what_a_finish_sets(self, scene: Scene) -> None:
        row = await scene.running()
        patch = Patch(status=RunStatus.FAILED, release=True, finished_at=scene.now + 1.5, expires_at=scene.now + 9,
                      reason="why", note="note", progress=0.5)  # fmt: skip
        await scene.done(scene.finish(row, patch=patch))
        stored = await scene.row(row)
        assert stored == replace(row, status=RunStatus.FAILED, worker=None, finished_at=scene.now + 1.5,
                                 expires_at=scene.now + 9, reason="why", note="note", progress=0.5)  # fmt: skip
        assert await scene.beat("w1") == set()

    async def test_a_patch_that_keeps_the_lease(self, scene: Scene) -> None:
        row = await scene.running()
        patch = Patch(progress=0.0, note="a", reason="b", deaths=2, cancelling=True, digest="d", due=5.0, rank=3.0,
                      status=RunStatus.QUEUED)  # fmt: skip
        await scene.done(scene.entries(row, patch=patch))
        changed = replace(row, progress=0.0, note="a", reason="b", deaths=2, cancelling=True, digest="d")
        assert await scene.row(row) == changed
        await scene.done(Change(run=row.key, epoch=1, patch=Patch(note="", reason="", cancelling=False)))
        assert await scene.row(row) == replace(changed, note=None, reason=None, cancelling=False)

    async def test_a_release_sets_due_and_rank(self, scene: Scene) -> None:
        row = await scene.running(rank=77.0)
        await scene.done(scene.suspend(row, due=scene.now + 60))
        stored = await scene.row(row)
        assert (stored.status, stored.due, stored.rank, stored.worker) == (
            RunStatus.WAITING,
            scene.now + 60,
            77.0,
            None,
        )
        other = await scene.running()
        await scene.done(scene.entries(other, patch=Patch(status=RunStatus.QUEUED, release=True, rank=5.5)))
        stored = await scene.row(other)
        assert (stored.status, stored.due, stored.rank) == (RunStatus.QUEUED, None, 5.5)

    async def test_a_new_generation(self, scene: Scene) -> None:
        row = await scene.running()
        patch = Patch(status=RunStatus.QUEUED, release=True, rank=1.0, generation=2, deaths=0)
        await scene.done(scene.entries(row, patch=patch, opens=b'[{"k":"started","n":2}]'))
        assert [(g, s) for g, s, _ in await scene.store.journal(row.key)] == [(1, 0), (1, 1), (2, 0)]
        assert [(g, s) for g, s, _ in await scene.store.journal(row.key, 1)] == [(1, 0), (1, 1)]
        (claimed,) = await scene.claim()
        assert (claimed.row.generation, claimed.row.epoch, claimed.row.claimed_seq) == (2, 2, 1)
        assert claimed.journal == [(0, b'[{"k":"started","n":2}]')]

    async def test_blobs_of_a_change(self, scene: Scene) -> None:
        row = await scene.running()
        await scene.done(scene.entries(row, 1, blobs=(("aa", b"1" * 100_000),)))
        await scene.done(scene.entries(row, 2, blobs=(("aa", b"1" * 100_000), ("bb", b"2"))))
        assert await scene.other.blobs(row.key) == {"aa": b"1" * 100_000, "bb": b"2"}

    async def test_a_patch_without_a_guard(self, scene: Scene) -> None:
        row = await scene.queued()
        await scene.done(Change(run=row.key, patch=Patch(expires_at=5.0, note="n")))
        assert await scene.row(row) == replace(row, expires_at=5.0, note="n")
        assert (await scene.commit(Change(run=b"x" * 16, patch=Patch(note="n")))).why == "missing"
