"""Claims, heartbeats, deaths, and what falls due."""

from msgspec.structs import replace

from stepwell.core.admission import rank_of
from stepwell.model.change import Change, Patch
from stepwell.model.run import WorkerRow
from stepwell.model.status import RunStatus
from stepwell.ports.store import ALONE, DEATHS, QUARANTINE
from stepwell.testing.conformance.scene import LEASE, Scene, Suite


class TestLeases(Suite):
    """P1, P8, P11: a lease ends by itself, and every run has something that wakes it."""

    async def test_a_claim_gives_everything_that_is_needed(self, scene: Scene) -> None:
        row = await scene.queued(run_id="one", tags={"a": True})
        await scene.beat("w1")
        scene.pass_time(2)
        (claimed,) = await scene.claim(store=scene.other)
        assert claimed.row == replace(row, status=RunStatus.RUNNING, worker="w1", epoch=1, started_at=scene.now)
        assert claimed.row == await scene.row(row)
        assert claimed.journal == [(0, b'[{"k":"started"}]')]
        assert (claimed.inbox, claimed.blobs) == ([], {})
        assert await scene.claim() == []

    async def test_started_at_is_set_once(self, scene: Scene) -> None:
        row = await scene.running()
        first = scene.now
        scene.pass_time(5)
        await scene.done(scene.entries(row, patch=Patch(status=RunStatus.QUEUED, release=True)))
        (claimed,) = await scene.claim()
        assert claimed.row.started_at == first

    async def test_the_best_rank_first(self, scene: Scene) -> None:
        ranks = [5.0, 1.5, 3.0, 1.25, 4.0]
        rows = [await scene.queued(rank=rank, workflow="ab"[n % 2]) for n, rank in enumerate(ranks)]
        await scene.beat("w1")
        first = await scene.claim(workflows=("a", "b"), limit=3)
        assert [c.row.key for c in first] == [rows[3].key, rows[1].key, rows[2].key]
        rest = await scene.claim(workflows=("a", "b"), limit=30)
        assert [c.row.key for c in rest] == [rows[4].key, rows[0].key]

    async def test_equal_ranks_go_by_age(self, scene: Scene) -> None:
        rows = [await scene.queued(rank=1.0) for _ in range(5)]
        await scene.beat("w1")
        assert [c.row.key for c in await scene.claim()] == [row.key for row in rows]

    async def test_only_known_workflows_and_wanted_queues(self, scene: Scene) -> None:
        a = await scene.queued(workflow="a")
        b = await scene.queued(workflow="b", queue="slow")
        await scene.queued(workflow="c")
        await scene.beat("w1")
        assert await scene.claim(workflows=()) == []
        assert await scene.claim(workflows=("x",)) == []
        assert await scene.claim(workflows=("a", "b"), queues=("other",)) == []
        assert [c.row.key for c in await scene.claim(workflows=("a", "b"), queues=("slow", "other"))] == [b.key]
        assert [c.row.key for c in await scene.claim(workflows=("b", "a"))] == [a.key]

    async def test_a_pinned_run_waits_for_its_code(self, scene: Scene) -> None:
        a = await scene.queued(workflow="a", pin="a1")
        b = await scene.queued(workflow="b", pin="b1")
        late = await scene.queued(workflow="a", pin="a1", due=scene.now + 10)
        await scene.beat("w1")
        names = ("a", "b")
        for codes in ((), ("b1", "a1"), ("a2", "b2"), ("a2",)):
            assert await scene.claim(workflows=names, codes=codes) == [], codes
            assert await scene.claim(workflows=names, codes=codes, only=a.key) == [], codes
            assert await scene.store.next_due(names, codes) is None, codes
        assert await scene.store.next_due(names, ("a1", "b2")) == 0.0
        assert [c.row.key for c in await scene.claim(workflows=names, codes=("a1", "b2"))] == [a.key]
        assert await scene.other.next_due(names, ("a1", "b2")) == late.due
        assert [c.row.key for c in await scene.claim(workflows=names, codes=("a2", "b1"), only=b.key)] == [b.key]

    async def test_a_lonely_run_may_be_pinned(self, scene: Scene) -> None:
        a = await scene.queued(workflow="a", pin="a1", deaths=ALONE)
        assert await scene.store.lonely(("b", "a"), 5) == []
        assert await scene.store.lonely(("b", "a"), 5, ("a1", "a2")) == []
        assert await scene.store.lonely(("b", "a"), 5, ("b1", "a1")) == [a.key]

    async def test_a_pin_is_set_and_cleared(self, scene: Scene) -> None:
        row = await scene.running()
        assert (await scene.row(row)).pin is None
        given = Patch(status=RunStatus.QUEUED, release=True, pin="code")
        await scene.done(scene.entries(row, patch=given))
        assert (await scene.row(row)).pin == "code"
        await scene.done(Change(run=row.key, patch=Patch(pin="")))
        assert (await scene.row(row)).pin is None

    async def test_what_a_worker_says_of_itself(self, scene: Scene) -> None:
        said = WorkerRow(id="w1", host="here", pid=1, version="1", concurrency=4, expires_at=scene.now + LEASE,
                         queues=("a", "ü"), offers={"work": "abc", "o'ther": ""}, lag=0.25, draining=True)  # fmt: skip
        heart = await scene.store.heart()
        assert heart.beat(said) == frozenset()
        assert await scene.other.workers() == [said]
        plain = replace(said, queues=(), offers={}, lag=0.0, draining=False)
        assert heart.beat(plain) == frozenset()
        assert await scene.store.workers() == [plain]
        heart.close()

    async def test_two_workers_never_get_the_same_run(self, scene: Scene) -> None:
        rows = [await scene.queued() for _ in range(20)]
        await scene.beat("w1")
        await scene.beat("w2")
        got = [
            *await scene.claim("w1", limit=7),
            *await scene.claim("w2", limit=7, store=scene.other),
            *await scene.claim("w1", limit=100),
        ]
        assert sorted(c.row.key for c in got) == [row.key for row in rows]

    async def test_a_claim_of_many(self, scene: Scene) -> None:
        news = [scene.new(rank=float(n % 7)) for n in range(600)]
        await scene.store.commit([Change(run=new.row.key, create=new) for new in news])
        await scene.beat("w1")
        claimed = await scene.claim(limit=550)
        best = sorted(news, key=lambda new: (new.row.rank, new.row.key))
        assert [c.row.key for c in claimed] == [new.row.key for new in best[:550]]
        assert all(c.journal == [(0, new.started)] for c, new in zip(claimed, best, strict=False))

    async def test_a_delayed_run_is_claimed_when_it_is_due(self, scene: Scene) -> None:
        row = await scene.queued(due=scene.now + 10, rank=rank_of(scene.now + 10, 100))
        await scene.beat("w1")
        scene.pass_time(9.75)
        assert await scene.claim() == []
        assert await scene.store.next_due(("work",)) == row.due
        scene.pass_time(0.25)
        assert await scene.store.next_due(("work",)) == 0.0
        (claimed,) = await scene.claim()
        assert (claimed.row.due, claimed.row.rank) == (None, row.rank)

    async def test_a_waiting_run_is_claimed_when_it_is_due(self, scene: Scene) -> None:
        row = await scene.waiting(due=scene.now + 10, priority=3)
        scene.pass_time(9)
        await scene.beat("w1")
        assert await scene.claim() == []
        assert await scene.store.next_due(("work",)) == row.due
        scene.pass_time(5)
        assert await scene.store.next_due(("work",)) == 0.0
        (claimed,) = await scene.claim()
        assert claimed.row.key == row.key
        assert claimed.row.rank == rank_of(scene.now - 4, 3, resumed=True)
        assert (claimed.row.due, claimed.row.epoch) == (None, 2)

    async def test_a_wait_without_a_time_is_never_due(self, scene: Scene) -> None:
        await scene.waiting()
        scene.pass_time(1e9)
        await scene.beat("w1")
        assert await scene.claim() == []
        assert await scene.store.next_due(("work",)) is None

    async def test_the_next_due_time_is_of_known_workflows(self, scene: Scene) -> None:
        await scene.waiting(due=scene.now + 50, workflow="a")
        await scene.queued(due=scene.now + 20, workflow="b")
        assert await scene.store.next_due(("a", "b")) == scene.now + 20
        assert await scene.store.next_due(("a",)) == scene.now + 50
        assert await scene.store.next_due(("c",)) is None
        assert await scene.store.next_due(()) is None

    async def test_a_cached_run_comes_without_its_journal(self, scene: Scene) -> None:
        first, second, third = [await scene.waiting(due=scene.now) for _ in range(3)]
        cached = {first.key: first.epoch, second.key: second.epoch - 1}
        claimed = {c.row.key: c for c in await scene.claim(cached=cached)}
        assert claimed[first.key].journal is None
        assert claimed[second.key].journal is not None
        assert len(claimed[third.key].journal or []) == 2

    async def test_a_claim_for_one_run(self, scene: Scene) -> None:
        rows = [await scene.queued(rank=float(n)) for n in range(3)]
        await scene.beat("w1")
        (claimed,) = await scene.claim(only=rows[2].key)
        assert claimed.row.key == rows[2].key
        assert await scene.claim(only=rows[2].key) == []
        assert await scene.claim(only=b"x" * 16) == []
        assert await scene.claim(only=rows[1].key, workflows=("other",)) == []

    async def test_a_heart_knows_what_its_worker_holds(self, scene: Scene) -> None:
        rows = [await scene.queued() for _ in range(3)]
        assert await scene.beat("w1") == set()
        await scene.claim("w1", limit=2)
        assert await scene.beat("w1", store=scene.other) == {rows[0].key, rows[1].key}
        workers = await scene.other.workers()
        assert [w.id for w in workers] == ["w1"]
        assert (workers[0].host, workers[0].expires_at) == ("here", scene.now + LEASE)

    async def test_who_has_no_lease_gets_nothing(self, scene: Scene) -> None:
        await scene.queued()
        assert await scene.claim("never seen") == []
        await scene.beat("w1")
        await scene.stop("w1")
        assert await scene.claim("w1") == []
        await scene.beat("w2")
        await scene.die("w2")
        assert await scene.claim("w2") == []

    async def test_a_dead_worker_loses_its_runs_and_never_comes_back(self, scene: Scene) -> None:
        row = await scene.running("w1", rank=5.0)
        scene.pass_time(LEASE - 1)
        await scene.beat("w2")
        assert await scene.claim("w2", store=scene.other) == []
        scene.pass_time(1)
        (claimed,) = await scene.claim("w2", store=scene.other)
        assert (claimed.row.key, claimed.row.epoch, claimed.row.deaths, claimed.row.rank) == (row.key, 3, 1, 5.0)
        assert await scene.beat("w1") is None
        assert [w.id for w in await scene.store.workers()] == ["w2"]
        assert (await scene.commit(scene.finish(row))).why == "stale"

    async def test_a_beat_in_time_keeps_the_lease(self, scene: Scene) -> None:
        row = await scene.running("w1")
        for _ in range(3):
            scene.pass_time(LEASE - 1)
            assert await scene.beat("w1") == {row.key}
            await scene.beat("w2")
            assert await scene.claim("w2") == []

    async def test_a_late_beat_counts_while_nobody_has_noticed(self, scene: Scene) -> None:
        row = await scene.running("w1")
        scene.pass_time(LEASE + 5)
        assert await scene.beat("w1") == {row.key}
        assert await scene.claim("w1") == []

    async def test_deaths_with_progress_do_not_count(self, scene: Scene) -> None:
        row = await scene.running("w1", deaths=1)
        await scene.done(scene.entries(row))
        await scene.die("w1")
        assert (await scene.row(row)).deaths == 0

    async def test_the_second_death_isolates_and_the_third_parks(self, scene: Scene) -> None:
        row = await scene.running("w1")
        await scene.die("w1")
        await scene.beat("w2")
        await scene.claim("w2")
        await scene.die("w2")
        stored = await scene.row(row)
        assert (stored.status, stored.deaths) == (RunStatus.QUEUED, ALONE)
        await scene.beat("w3")
        assert await scene.claim("w3") == []
        assert await scene.store.next_due(("work",)) is None
        assert await scene.store.lonely(("work", "other"), 5) == [row.key]
        assert await scene.store.lonely(("other",), 5) == []
        (claimed,) = await scene.claim("w3", only=row.key)
        assert await scene.store.lonely(("work",), 5) == []
        await scene.die("w3")
        parked = await scene.row(row)
        assert (parked.status, parked.deaths, parked.reason) == (RunStatus.PARKED, DEATHS, QUARANTINE)
        assert (parked.worker, parked.epoch) == (None, claimed.row.epoch + 1)

    async def test_signing_off_queues_without_a_death(self, scene: Scene) -> None:
        row = await scene.running("w1", rank=9.0)
        await scene.stop("w1")
        stored = await scene.row(row)
        assert (stored.status, stored.deaths, stored.worker, stored.rank) == (RunStatus.QUEUED, 0, None, 9.0)
        assert stored.epoch > row.epoch
        assert await scene.store.workers() == []
        await scene.stop("w1")

    async def test_a_claim_reads_the_journal_of_after_the_claim(self, scene: Scene) -> None:
        row = await scene.running("w1")
        await scene.done(scene.entries(row, 1), scene.other)
        await scene.die("w1")
        await scene.beat("w2")
        (claimed,) = await scene.claim("w2")
        assert [seq for seq, _ in claimed.journal or []] == [0, 1]
        assert claimed.row.claimed_seq == 2
