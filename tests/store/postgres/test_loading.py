"""Locking and reading: what is held by others is left out, and is known to be there."""

import pytest

from stepwell.model.change import Change, Send, Wait
from stepwell.store.postgres.connection import Db
from stepwell.store.postgres.loading import load
from stepwell.store.postgres.needs import HEADS, Needs
from stepwell.testing.conformance.scene import Scene

pytestmark = pytest.mark.anyio
SEND = Change(send=Send(event="paid", key="k", at=1.0))


async def test_rows_held_elsewhere_are_shown_but_not_locked(scene: Scene, rival: Db, db: Db) -> None:
    held, free = await scene.running(), await scene.running()
    needs = Needs([scene.entries(held), scene.entries(free), scene.entries(scene.new().row)])
    async with rival.transaction():
        await rival.one("SELECT 1 FROM {runs} WHERE ns = $1 AND key = $2 FOR NO KEY UPDATE", rival.ns, held.key)
        async with db.transaction():
            found = await load(db, needs)
    assert [row["key"] for row in found.runs] == [free.key]
    assert [row["key"] for row in found.shown] == [held.key]


async def test_the_runs_that_a_message_may_wake_are_locked_with_its_mailbox(scene: Scene, db: Db) -> None:
    waiting = await scene.armed()
    needs = Needs([SEND])
    async with db.transaction():
        found = await load(db, needs)
    assert found.locked_boxes == found.tried_boxes == {("paid", "k")}
    assert [row["key"] for row in found.runs] == [waiting.key]
    assert needs.runs == {waiting.key}
    assert found.full == {(("paid", "k"), "messages")}  # none were asked for


async def test_only_the_first_of_a_long_mailbox_are_read(scene: Scene, db: Db) -> None:
    row = await scene.running()
    waits = tuple(Wait(f"c{n}", "paid", "k") for n in range(HEADS + 5))
    await scene.done(scene.entries(row, arm=waits))
    async with db.transaction():
        found = await load(db, Needs([SEND]))
    assert len(found.waits) == HEADS + 1
    assert (("paid", "k"), "waits") in found.full
    replies = await scene.store.commit([SEND] * (HEADS + 5))
    assert all(reply.ok for reply in replies)
    assert [item.call for item in await scene.items(row)] == [wait.call for wait in waits]


async def test_repeats_are_looked_for_only_when_there_is_a_reason(scene: Scene, db: Db) -> None:
    new = scene.new("one", tags={"n": 1})
    await scene.create(new)
    needs = Needs([Change(run=new.row.key, create=new)])
    async with db.transaction():
        assert (await load(db, needs)).shown == ()
        needs.probing = True
        found = await load(db, needs)
    assert [row["key"] for row in found.shown] == [new.row.key]
    assert found.tags == {new.row.key: {"n": 1}}
