"""Which ended runs go, and what goes with them."""

from collections.abc import Mapping

from stepwell.model.change import Change, Patch, Wait
from stepwell.model.status import RunStatus
from stepwell.ports.store import LINGER, Retire
from stepwell.testing.conformance.scene import Scene, Suite

Ages = Mapping[tuple[str, str], float]
Keeps = Mapping[tuple[str, str], int]


async def _retire(scene: Scene, ages: Ages | None = None, keeps: Keeps | None = None, limit: int = 500) -> int:
    return await scene.store.retire(Retire(now=scene.now, ages=ages or {}, keeps=keeps or {}, limit=limit))


class TestRetention(Suite):
    """`retire` removes ended runs only, the oldest first, and everything of theirs."""

    async def test_nothing_goes_without_a_rule(self, scene: Scene) -> None:
        await scene.ended()
        scene.pass_time(1e9)
        assert await _retire(scene) == 0
        assert await _retire(scene, {("other", "succeeded"): 0.0}, {("*", "failed"): 0}) == 0

    async def test_by_age(self, scene: Scene) -> None:
        old = await scene.ended()
        scene.pass_time(10)
        young = await scene.ended()
        assert await _retire(scene, {("*", "succeeded"): 10.5}) == 0
        assert await _retire(scene, {("*", "succeeded"): 10.0}) == 1
        assert await scene.store.row(old.key) is None
        assert await scene.store.row(young.key) is not None

    async def test_by_workflow_and_status(self, scene: Scene) -> None:
        rows = {
            (workflow, status): await scene.ended(status, workflow=workflow)
            for workflow in ("a", "b")
            for status in (RunStatus.SUCCEEDED, RunStatus.FAILED)
        }
        ages = {("a", "succeeded"): 100.0, ("*", "succeeded"): 5.0, ("b", "failed"): 5.0}
        scene.pass_time(5)
        assert await _retire(scene, ages) == 2
        left = await scene.store.rows([row.key for row in rows.values()])
        assert [(row.workflow, row.status) for row in left] == [("a", RunStatus.SUCCEEDED), ("a", RunStatus.FAILED)]

    async def test_by_count_per_workflow(self, scene: Scene) -> None:
        rows = []
        for n in range(6):
            rows.append(await scene.ended(workflow="ab"[n % 2]))
            scene.pass_time(1)
        assert await _retire(scene, keeps={("*", "succeeded"): 2}) == 2
        assert [row.key for row in await scene.store.rows([row.key for row in rows])] == [row.key for row in rows[2:]]
        assert await _retire(scene, keeps={("*", "succeeded"): 2, ("a", "succeeded"): 0}) == 2
        assert await _retire(scene, keeps={("*", "succeeded"): 2, ("a", "succeeded"): 0}) == 0

    async def test_a_date_of_its_own_comes_first(self, scene: Scene) -> None:
        gone = await scene.ended()
        kept = await scene.ended()
        await scene.done(Change(run=gone.key, patch=Patch(expires_at=scene.now + 5)))
        await scene.done(Change(run=kept.key, patch=Patch(expires_at=scene.now + 50)))
        scene.pass_time(5)
        assert await _retire(scene, {("*", "succeeded"): 1.0}, {("*", "succeeded"): 0}) == 1
        assert await scene.store.row(gone.key) is None
        assert await scene.store.row(kept.key) is not None

    async def test_open_runs_never_go(self, scene: Scene) -> None:
        rows = [
            await scene.queued(expires_at=1.0),
            await scene.running(expires_at=1.0),
            await scene.waiting(expires_at=1.0),
        ]
        scene.pass_time(1000)
        every = {("*", status.value): 0.0 for status in RunStatus}
        assert await _retire(scene, every, dict.fromkeys(every, 0)) == 0
        assert len(await scene.store.rows([row.key for row in rows])) == 3

    async def test_at_most_so_many_the_oldest_first(self, scene: Scene) -> None:
        rows = []
        for _ in range(5):
            rows.append(await scene.ended())
            scene.pass_time(1)
        assert await _retire(scene, {("*", "succeeded"): 0.0}, limit=2) == 2
        assert [row.key for row in await scene.store.rows([r.key for r in rows])] == [row.key for row in rows[2:]]
        assert await _retire(scene, {("*", "succeeded"): 0.0}, limit=2) == 2
        assert await _retire(scene, {("*", "succeeded"): 0.0}, limit=2) == 1

    async def test_everything_of_a_run_goes(self, scene: Scene) -> None:
        before = await scene.store.dump()
        await scene.beat("w1")
        new = scene.new("one", worker="w1", tags={"a": 1}, blobs=(("aa", b"1"),))
        await scene.create(new)
        await scene.send(target=new.row.key)
        await scene.done(scene.finish(new.row, blobs=(("bb", b"2"),), arm=(Wait("c", "paid", "k"),)))
        assert await _retire(scene, {("*", "succeeded"): 0.0}) == 1
        after = await scene.store.dump()
        for part in ("runs", "ids", "journal", "inbox", "blobs", "waits", "messages"):
            assert after[part] == before[part], part
        assert (await scene.create(scene.new("one"))).ok

    async def test_ids_of_messages_are_forgotten_by_age(self, scene: Scene) -> None:
        await scene.send(id="m1")
        scene.pass_time(50)
        await scene.send(id="m2")
        await _retire(scene)
        assert (await scene.send(id="m1")).why == "duplicate"
        await _retire(scene, {("a", "failed"): 10.0, ("b", "failed"): 50.0})
        assert (await scene.send(id="m1")).why == ""
        assert (await scene.send(id="m2")).why == "duplicate"

    async def test_dead_workers_are_forgotten_after_a_day(self, scene: Scene) -> None:
        await scene.beat("w1")
        await scene.die("w1")
        scene.pass_time(LINGER - 1)
        await _retire(scene)
        assert await scene.beat("w1") is None
        scene.pass_time(1)
        await _retire(scene)
        assert await scene.beat("w1") == set()

    async def test_another_namespace_is_left_alone(self, scene: Scene) -> None:
        await scene.ended()
        elsewhere = await scene.namespace("elsewhere")
        rule = Retire(now=scene.now + 5, ages={("*", "succeeded"): 0.0}, keeps={})
        assert await elsewhere.retire(rule) == 0
        assert await scene.store.retire(rule) == 1
