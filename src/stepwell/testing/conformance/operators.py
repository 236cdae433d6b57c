"""Operators' changes: guarded by what the operator saw, and fencing off whoever holds the run (P12)."""

from msgspec.structs import replace

from stepwell.model.change import Expect, Patch, Post
from stepwell.model.status import RunStatus
from stepwell.testing.conformance.scene import Scene, Suite

PAUSE = Patch(status=RunStatus.PAUSED, release=True, bump=True)
END = b'[{"k":"finish"}]'


class TestOperators(Suite):
    """`expect`: a decision counts only if the run is still as it was seen."""

    async def test_a_guard_that_holds(self, scene: Scene) -> None:
        row = await scene.queued()
        await scene.done(scene.seen(row, patch=PAUSE))
        stored = await scene.row(row)
        assert (stored.status, stored.epoch) == (RunStatus.PAUSED, row.epoch + 1)
        await scene.beat()
        assert await scene.claim() == []

    async def test_each_part_of_the_guard(self, scene: Scene) -> None:
        row = await scene.waiting()
        right = Expect(row.epoch, row.status, row.generation, row.inbox)
        wrong = [
            replace(right, epoch=row.epoch + 1),
            replace(right, status=RunStatus.QUEUED),
            replace(right, generation=2),
            replace(right, inbox=1),
        ]
        for expect in wrong:
            reply = await scene.commit(replace(scene.seen(row, patch=PAUSE), expect=expect))
            assert (reply.ok, reply.why) == (False, "stale")
        assert await scene.row(row) == row
        assert (await scene.commit(replace(scene.seen(row, patch=PAUSE), run=b"x" * 16))).why == "stale"

    async def test_terminating_takes_the_run_from_its_holder(self, scene: Scene) -> None:
        parent = await scene.waiting()
        row = await scene.running(parent=parent.key, parent_call="c")
        patch = Patch(status=RunStatus.TERMINATED, release=True, bump=True, finished_at=scene.now)
        post = (Post(target=parent.key, item=scene.item("child", call="c")),)
        await scene.done(scene.seen(row, patch=patch, seq=1, count=1, data=END, closes=True, post=post), scene.other)
        stored = await scene.row(row)
        assert (stored.status, stored.epoch, stored.worker, stored.finished_at) == (
            RunStatus.TERMINATED, 2, None, scene.now)  # fmt: skip
        assert (await scene.commit(scene.entries(row, 1))).why == "stale"
        assert (await scene.commit(scene.entries(row, 2))).why == "stale"
        assert (await scene.store.journal(row.key))[1] == (1, 1, END)
        assert await scene.beat("w1") == set()
        assert (await scene.row(parent)).status is RunStatus.QUEUED

    async def test_pausing_a_waiting_run_keeps_messages_away(self, scene: Scene) -> None:
        row = await scene.armed()
        await scene.done(scene.seen(row, patch=PAUSE))
        await scene.send()
        stored = await scene.row(row)
        assert (stored.status, stored.inbox) == (RunStatus.PAUSED, 1)
        resume = Patch(status=RunStatus.QUEUED, release=True, bump=True, rank=1.0)
        await scene.done(scene.seen(stored, patch=resume))
        (claimed,) = await scene.claim()
        assert [item.call for item in claimed.inbox] == ["c"]

    async def test_cancelling_posts_to_the_run_itself(self, scene: Scene) -> None:
        row = await scene.waiting()
        post = (Post(target=row.key, item=scene.item("cancel")),)
        reply = await scene.done(scene.seen(row, patch=Patch(cancelling=True), post=post))
        assert reply.inbox == 1
        stored = await scene.row(row)
        assert (stored.status, stored.cancelling, stored.inbox) == (RunStatus.QUEUED, True, 1)

    async def test_restarting_an_ended_run(self, scene: Scene) -> None:
        row = await scene.ended(run_id="one")
        await scene.done(scene.seen(row, patch=Patch(expires_at=scene.now + 5)))
        patch = Patch(status=RunStatus.QUEUED, release=True, bump=True, reopen=True, generation=2, rank=2.5,
                      cancelling=False, reason="", digest="other")  # fmt: skip
        change = scene.seen(row, patch=patch, seq=2, count=1, data=b'[{"k":"continue"}]', opens=b'[{"k":"started"}]',
                            closes=True)  # fmt: skip
        await scene.done(change)
        stored = await scene.row(row)
        assert (stored.status, stored.generation, stored.epoch) == (RunStatus.QUEUED, 2, row.epoch + 1)
        assert (stored.finished_at, stored.expires_at, stored.digest) == (None, None, "other")
        (claimed,) = await scene.claim()
        assert claimed.journal == [(0, b'[{"k":"started"}]')]
        assert len(await scene.store.journal(row.key, 1)) == 3

    async def test_a_journal_that_grew_meanwhile(self, scene: Scene) -> None:
        row = await scene.running()
        await scene.done(scene.entries(row, 1))
        patch = Patch(status=RunStatus.TERMINATED, release=True, bump=True, finished_at=scene.now)
        reply = await scene.commit(scene.seen(row, patch=patch, seq=1, count=1, data=END))
        assert (reply.ok, reply.why) == (False, "stale")
        assert (await scene.row(row)).status is RunStatus.RUNNING

    async def test_two_operators_in_one_group(self, scene: Scene) -> None:
        row = await scene.waiting()
        terminate = Patch(status=RunStatus.TERMINATED, release=True, bump=True, finished_at=scene.now)
        changes = [scene.seen(row, patch=PAUSE), scene.seen(row, patch=terminate, seq=2, count=1, data=END)]
        replies = await scene.store.commit(changes)
        assert [(r.ok, r.why) for r in replies] == [(True, ""), (False, "stale")]
        assert (await scene.row(row)).status is RunStatus.PAUSED

    async def test_an_operator_and_the_holder_in_one_group(self, scene: Scene) -> None:
        first, second = await scene.running(), await scene.running()
        patch = Patch(status=RunStatus.TERMINATED, release=True, bump=True, finished_at=scene.now)
        replies = await scene.store.commit([
            scene.seen(first, patch=patch, seq=1, count=1, data=END),
            scene.finish(first),
            scene.finish(second),
            scene.seen(second, patch=patch, seq=1, count=1, data=END),
        ])  # fmt: skip
        assert [(r.ok, r.why) for r in replies] == [(True, ""), (False, "stale"), (True, ""), (False, "stale")]
        assert (await scene.row(first)).status is RunStatus.TERMINATED
        assert (await scene.row(second)).status is RunStatus.SUCCEEDED
