"""Figures over many runs (P15): they equal a fold over the rows."""

from stepwell.model.change import Patch
from stepwell.model.record import Depth, Tally, band_of
from stepwell.model.status import RunStatus
from stepwell.testing.conformance.scene import Scene, Suite


class TestFigures(Suite):
    """`tally` and `depths`."""

    async def test_what_was_created_and_ended(self, scene: Scene) -> None:
        start = scene.now // 60 * 60 + 60
        scene.pass_time(start - scene.now)
        queued = await scene.queued(workflow="a")
        scene.pass_time(61)
        held = await scene.running()
        scene.pass_time(1.5)
        await scene.done(scene.finish(held, RunStatus.FAILED))
        took = scene.now - held.created_at
        waited = band_of((held.started_at or 0.0) - held.created_at)
        assert await scene.other.tally(start, start + 120, 60) == [
            Tally(start, "a", "created", -1, 1),
            Tally(start + 60, "work", "created", waited, 1),
            Tally(start + 60, "work", "failed", band_of(took), 1),
        ]
        assert await scene.store.tally(queued.created_at, held.created_at, 60) == [Tally(start, "a", "created", -1, 1)]
        assert await scene.store.tally(start + 300, start + 400, 60) == []

    async def test_equal_ones_are_counted_together(self, scene: Scene) -> None:
        start = scene.now // 10 * 10
        for _ in range(3):
            await scene.queued(workflow="a", created_at=start)
        for status in (RunStatus.SUCCEEDED, RunStatus.CANCELLED, RunStatus.TERMINATED):
            await scene.ended(status, workflow="b")
        found = await scene.store.tally(start - 10, start + 1000, 10)
        assert sum(one.count for one in found if one.what == "created") == 6
        assert Tally(start, "a", "created", -1, 3) in found
        assert [(one.workflow, one.what, one.count) for one in found if one.what != "created"] == [
            ("b", "cancelled", 1), ("b", "succeeded", 1), ("b", "terminated", 1)]  # fmt: skip

    async def test_how_deep_the_queues_are(self, scene: Scene) -> None:
        assert await scene.store.depths() == []
        first = await scene.queued(queue="slow")
        scene.pass_time(5)
        await scene.queued(queue="slow")
        await scene.queued(queue="slow", due=scene.now + 100)
        await scene.waiting(due=scene.now + 50)
        row = await scene.running(worker="w2")
        await scene.ended()
        paused = await scene.running(worker="w3", queue="other")
        await scene.done(scene.entries(paused, patch=Patch(status=RunStatus.PAUSED, release=True)))
        assert await scene.other.depths() == [
            Depth(queue=row.queue, running=1, waiting=1),
            Depth(queue="other"),
            Depth(queue="slow", ready=2, delayed=1, oldest=first.created_at),
        ]
