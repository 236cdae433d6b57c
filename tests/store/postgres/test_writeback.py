"""Writing an extract back: numbers are taken late, and a run that is there already starts the group anew."""

import pytest

from stepwell.model.change import Change, Reply, Send, Wait
from stepwell.store.postgres.changes import apply
from stepwell.store.postgres.connection import Db
from stepwell.store.postgres.loading import load
from stepwell.store.postgres.needs import Again, Needs
from stepwell.store.postgres.writeback import write
from stepwell.testing.conformance.scene import Scene

pytestmark = pytest.mark.anyio


async def test_a_run_that_is_there_already_starts_the_group_anew(scene: Scene, db: Db) -> None:
    await scene.create(scene.new("one"))
    new = scene.new("one")
    changes = [Change(run=new.row.key, create=new), Change(send=Send(event="paid", key="k", at=1.0))]
    needs = Needs(changes)
    number = await db.value("SELECT last_value FROM {schema}.mail")
    with pytest.raises(Again):
        await _written(db, changes, needs)
    assert needs.probing
    assert await db.value("SELECT last_value FROM {schema}.mail") == number  # a rollback would not give it back
    assert await scene.store.row(new.row.key) is None


async def test_a_call_may_wait_again_in_the_same_group(scene: Scene) -> None:
    row = await scene.running()
    await scene.done(scene.entries(row, 1, arm=(Wait("c", "paid", "k"),)))
    replies = await scene.store.commit([
        scene.entries(row, 2, disarm=("c",)), scene.entries(row, 3, arm=(Wait("c", "paid", "other"),)),
    ])  # fmt: skip
    assert all(reply.ok for reply in replies)
    await scene.send(key="k")
    await scene.send(key="other", id="m")
    assert [item.message_id for item in await scene.items(row)] == ["m"]


async def test_an_extract_in_which_nothing_changed_writes_nothing(scene: Scene, db: Db) -> None:
    row = await scene.running()
    changes = [scene.entries(row, epoch=9)]
    needs = Needs(changes)
    needs.probing = True
    before = await scene.store.dump()
    replies = await _written(db, changes, needs)
    assert [reply.why for reply in replies] == ["stale"]
    assert await scene.store.dump() == before


async def _written(db: Db, changes: list[Change], needs: Needs) -> list[Reply]:
    async with db.transaction():
        replies, extract = apply(changes, needs, await load(db, needs))
        await write(db, extract)
    return replies
