"""Groups on real connections: lock order, rows held by others, replies that are lost."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg
import pytest

from stepwell.errors import StoreLocked, StoreUnavailable
from stepwell.model.change import Change, Patch, Post, Reply, Send, Wait
from stepwell.model.status import RunStatus
from stepwell.ports.clock import Clock
from stepwell.ports.store import Store
from stepwell.store.memory import MemoryStore
from stepwell.store.postgres import PostgresStore
from stepwell.store.postgres.connection import Db
from stepwell.testing.conformance.scene import Scene
from stepwell.testing.differential import play
from tests import postgres

pytestmark = pytest.mark.anyio
LOCK = "SELECT 1 FROM {runs} WHERE ns = $1 AND key = $2 FOR NO KEY UPDATE"


async def within(seconds: float, work: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(work, seconds)


# -- rows that somebody else holds -----------------------------------------------------------------------------


async def test_a_held_row_delays_nobody(scene: Scene, rival: Db) -> None:
    held, *others = [await scene.running() for _ in range(20)]
    async with rival.transaction():
        await rival.one(LOCK, rival.ns, held.key)
        changes = [scene.entries(row) for row in (*others[:10], held, *others[10:])]
        replies = await within(60, scene.store.commit(changes))
        assert [r.why for r in replies] == [""] * 10 + ["busy"] + [""] * 9
        (reply,) = await scene.store.commit([scene.finish(held, post=(Post(target=others[0].key, item=scene.item()),))])
        assert reply.why == "busy"
        assert await scene.items(others[0]) == []  # nothing at all was written
    assert (await scene.commit(scene.entries(held))).ok


async def test_a_held_target_keeps_back_only_what_is_for_it(scene: Scene, rival: Db) -> None:
    parent, first, second, other = [await scene.running() for _ in range(4)]
    post = Post(target=parent.key, item=scene.item("child", call="c"))
    async with rival.transaction():
        await rival.one(LOCK, rival.ns, parent.key)
        replies = await scene.store.commit([
            scene.finish(first, post=(post,)), scene.finish(other), scene.finish(second, post=(post,)),
        ])  # fmt: skip
    assert [r.why for r in replies] == ["busy", "", "busy"]
    assert (await scene.row(first)).status is RunStatus.RUNNING
    assert (await scene.row(other)).status is RunStatus.SUCCEEDED


async def test_a_wait_of_a_held_run(scene: Scene, rival: Db) -> None:
    """Which run a message goes to is known only when its mailbox is locked."""
    waiting = await scene.armed()
    async with rival.transaction():
        await rival.one(LOCK, rival.ns, waiting.key)
        send = Change(send=Send(event="paid", key="k", data=b"1", at=scene.now))
        elsewhere = Change(send=Send(event="paid", key="other", data=b"1", at=scene.now))
        assert [r.why for r in await scene.store.commit([send, elsewhere])] == ["busy", ""]
    assert (await scene.commit(send)).ok
    assert (await scene.row(waiting)).status is RunStatus.QUEUED


async def test_a_held_mailbox(scene: Scene, rival: Db) -> None:
    await scene.send(key="k")
    row = await scene.running()
    lock = "SELECT 1 FROM {mailboxes} WHERE ns = $1 AND mailbox = 'k' FOR UPDATE"
    async with rival.transaction():
        assert await rival.one(lock, rival.ns) is not None
        change = scene.entries(row, arm=(Wait("c", "paid", "k"),))
        other = Change(send=Send(event="paid", key="other", at=scene.now))
        assert [r.why for r in await within(60, scene.store.commit([change, other]))] == ["busy", ""]
    assert (await scene.commit(change)).inbox == 1


async def test_an_id_in_an_open_transaction(scene: Scene, rival: Db) -> None:
    """A start in a caller's own transaction: whoever starts the same id has to wait, all others do not."""
    row = await scene.running()
    news = [scene.new(f"id-{n}") for n in range(20)] + [scene.new() for _ in range(20)]
    copy = (
        "INSERT INTO {runs} SELECT ns, $3, 'id-7', workflow, queue, 0, priority, 0, generation, inbox, NULL,"
        " claimed_seq, deaths, due, rank, created_at, started_at, finished_at, expires_at, parent, parent_call, origin,"
        " digest, progress, note, reason, cancelling, tagged, options, pin FROM {runs} WHERE ns = $1 AND key = $2"
    )
    async with rival.transaction():
        await rival.run(copy, rival.ns, row.key, b"somebody else's!")
        changes = [Change(run=new.row.key, create=new) for new in news]
        replies = await within(60, scene.store.commit([*changes, scene.entries(row)]))
        assert {n for n, r in enumerate(replies) if r.why == "busy"} == {7}
        assert sum(r.ok for r in replies) == 40
        child = scene.entries(row, 2, start=(news[7],))
        assert [r.why for r in await scene.store.commit([child])] == ["busy"]
    assert (await scene.commit(changes[7])).why == "exists"
    assert (await scene.commit(child)).children[0].key == b"somebody else's!"


# -- the order of locks ----------------------------------------------------------------------------------------


async def test_crossing_groups_do_not_block_each_other(scene: Scene) -> None:
    """Two groups, each of which writes its own runs and wakes the other's: 200 pairs, and no deadlock."""
    rows = [await scene.running() for _ in range(4)]
    for seq in range(1, 201):
        mine = [
            scene.entries(row, seq, post=(Post(target=other.key, item=scene.item()),))
            for row, other in zip(rows[:2], (rows[3], rows[2]), strict=True)
        ]
        theirs = [
            scene.entries(row, seq, post=(Post(target=other.key, item=scene.item()),))
            for row, other in zip(rows[2:], (rows[1], rows[0]), strict=True)
        ]
        await asyncio.gather(until_done(scene.store, mine), until_done(scene.other, theirs))
    assert [(await scene.row(row)).inbox for row in rows] == [200] * 4


async def test_crossing_mailboxes_and_ids_do_not_block_each_other(scene: Scene) -> None:
    for n in range(50):
        sends = [Change(send=Send(event="paid", key=f"{n} {k}", at=scene.now)) for k in range(4)]
        starts = [scene.new(f"{n} {k}") for k in range(8)]
        ours = [Change(run=new.row.key, create=new) for new in starts[:4]]
        same = [Change(run=new.row.key, create=scene.new(f"{n} {k}")) for k, new in enumerate(starts[:4])]
        await asyncio.gather(
            until_done(scene.store, [*sends, *ours]), until_done(scene.other, [*sends[::-1], *same[::-1]])
        )


async def until_done(store: Store, changes: Sequence[Change]) -> None:
    """As the journal writer does: what is busy, again."""
    while changes:
        replies = await store.commit(changes)
        changes = [c for c, reply in zip(changes, replies, strict=True) if reply.why == "busy"]


# -- guards count on locked rows -------------------------------------------------------------------------------


async def test_an_old_snapshot_does_not_end_a_run_with_an_item(scene: Scene) -> None:
    """A run ends while a keyed message reaches it: the message is put back, never lost."""
    for _ in range(30):
        row = await scene.running()
        await scene.done(scene.entries(row, 1, arm=(Wait("c", "paid", "k"),)))
        end, send = scene.finish(row, seq=2), Change(send=Send(event="paid", key="k", at=scene.now))
        await asyncio.gather(until_done(scene.store, [end]), until_done(scene.other, [send]))
        assert await scene.items(row) == []
        heir = await scene.running()
        await scene.done(scene.entries(heir, 1, arm=(Wait("c", "paid", "k"),)))
        assert len(await scene.items(heir)) == 1
        await scene.done(scene.finish(heir, seq=2, took=(1,)))


async def test_a_wake_up_meets_a_suspension(scene: Scene) -> None:
    for _ in range(30):
        parent, child = await scene.running(), await scene.running()
        end = scene.finish(child, post=(Post(target=parent.key, item=scene.item("child", call="c")),))
        await asyncio.gather(until_done(scene.store, [scene.suspend(parent, seen=0)]), until_done(scene.other, [end]))
        assert (await scene.row(parent)).status in (RunStatus.QUEUED, RunStatus.RUNNING)


async def test_a_stale_holder_writes_nothing(scene: Scene, rival: Db) -> None:
    """The epoch is raised in a transaction that ends while the holder's group is on its way."""
    row = await scene.running()
    async with rival.transaction():
        await rival.run("UPDATE {runs} SET epoch = epoch + 1 WHERE ns = $1 AND key = $2", rival.ns, row.key)
        assert (await scene.store.commit([scene.entries(row)]))[0].why == "busy"
    assert (await scene.store.commit([scene.entries(row)]))[0].why == "stale"
    assert len(await scene.store.journal(row.key)) == 1


# -- replies that are lost -------------------------------------------------------------------------------------


class Dropping:
    """A connection that breaks right after its next commit, before anybody hears of it."""

    armed = False
    dropped = 0

    def __init__(self, conn: Any) -> None:
        self._conn = conn

    def __getattr__(self, name: str) -> Any:
        return getattr(self._conn, name)

    async def fetchrow(self, text: str, *params: Any) -> Any:
        return self._kept(await self._conn.fetchrow(text, *params), not self._conn.is_in_transaction())

    async def execute(self, text: str, *params: Any, **more: Any) -> Any:
        return self._kept(await self._conn.execute(text, *params, **more), text == "COMMIT")

    def _kept(self, answer: Any, commits: bool) -> Any:
        if commits and Dropping.armed:
            Dropping.armed = False
            Dropping.dropped += 1
            self._conn.terminate()
            raise ConnectionResetError("a fault that the test asked for, after the commit")
        return answer


class Twice:
    """A store whose commits are all repeated; those of `dropping` since their replies were lost."""

    def __init__(self, inner: Store, dropping: bool) -> None:
        self._inner = inner
        self._dropping = dropping

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def commit(self, changes: Sequence[Change]) -> list[Reply]:
        if self._dropping:
            Dropping.armed = True
            with pytest.raises(StoreUnavailable):
                await self._inner.commit(changes)
        else:
            await self._inner.commit(changes)
        return await self._inner.commit(changes)


@pytest.mark.timeout(600)
async def test_every_kind_of_change_may_be_repeated_after_a_lost_reply(
    server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect: Callable[..., Any] = asyncpg.connect

    async def dropping(**options: Any) -> Dropping:
        return Dropping(await connect(**options))

    async def model(clock: Clock) -> Any:
        store = MemoryStore("game", clock)
        await store.open()
        return Twice(store, False)

    async def other(clock: Clock) -> Any:
        store = PostgresStore(f"{server_url}?schema={postgres.fresh()}&listen=off&lanes=1", "game", clock, time="given")
        await store.open()
        return Twice(store, True)

    monkeypatch.setattr(asyncpg, "connect", dropping)
    before = Dropping.dropped
    for seed in range(4000, 4002):
        await play(seed, 120, model, other)
    assert Dropping.dropped - before > 75


async def test_a_deadlock_is_to_be_repeated(scene: Scene, rival: Db, monkeypatch: pytest.MonkeyPatch) -> None:
    row = await scene.running()
    sql = "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = 'deadlock_detected'; END $$"

    async def fails(*_: Any) -> None:
        await rival.run(sql)

    monkeypatch.setattr("stepwell.store.postgres.writing.load", fails)
    with pytest.raises(StoreLocked) as caught:
        await scene.store.commit([scene.entries(row, patch=Patch(deaths=0))])
    assert caught.value.retryable
