"""The hot statement: what it costs, what it takes and what it leaves to the careful way."""

from typing import Any

import pytest
from msgspec.structs import replace

from stepwell.model.change import Change, Patch, Post, Wait
from stepwell.model.status import RunStatus
from stepwell.store.postgres import bulk
from stepwell.store.postgres.connection import Db, connect
from stepwell.testing.conformance.scene import Scene

pytestmark = pytest.mark.anyio
LOCK = "SELECT 1 FROM {runs} WHERE ns = $1 AND key = $2 FOR NO KEY UPDATE"


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent to the server, but for the ends of transactions."""
    seen: list[str] = []
    ask = Db._ask

    async def watched(self: Db, method: Any, sql: str, params: tuple[Any, ...]) -> Any:
        seen.append(sql)
        return await ask(self, method, sql, params)

    monkeypatch.setattr(Db, "_ask", watched)
    return seen


async def test_a_group_of_hot_changes_is_one_statement(scene: Scene, statements: list[str]) -> None:
    rows = [await scene.running() for _ in range(50)]
    news = [scene.new(worker="w1") for _ in range(50)] + [scene.new(f"id-{n}") for n in range(5)]
    changes = [scene.finish(row) if n % 2 else scene.suspend(row, due=scene.now + 9) for n, row in enumerate(rows)]
    changes += [Change(run=new.row.key, create=new) for new in news]
    statements.clear()
    assert all(reply.ok for reply in await scene.store.commit(changes))
    assert len(statements) == 1


async def test_a_group_of_children_is_few_statements(scene: Scene, statements: list[str]) -> None:
    rows = [await scene.running() for _ in range(20)]
    changes = [scene.entries(row, start=(scene.new(parent=row.key), scene.new(parent=row.key))) for row in rows]
    statements.clear()
    assert all(reply.ok for reply in await scene.store.commit(changes))
    assert len(statements) == 2  # lock, write


async def test_a_group_of_messages_and_waits_is_few_statements(scene: Scene, statements: list[str]) -> None:
    rows = [await scene.running() for _ in range(20)]
    changes = [scene.suspend(row, arm=(Wait("c", "paid", f"k{n}"),)) for n, row in enumerate(rows)]
    statements.clear()
    assert all(reply.ok for reply in await scene.store.commit(changes))
    assert len(statements) <= 8


@pytest.mark.parametrize(
    ("change", "hot"),
    [
        (Change(run=b"a", epoch=1, data=b"[]"), True),
        (Change(run=b"a", epoch=1, closes=True, patch=Patch(status=RunStatus.FAILED, release=True)), True),
        (Change(run=b"a", epoch=1, patch=Patch(progress=0.5)), True),
        (Change(run=b"a", epoch=1, patch=Patch(deaths=0)), False),
        (Change(run=b"a", epoch=1, arm=(Wait("c", "e", "k"),)), False),
        (Change(run=b"a", patch=Patch(note="x")), False),
    ],
)
def test_which_changes_are_hot(change: Change, hot: bool) -> None:
    assert bulk.is_hot(change) is hot


async def test_which_starts_are_plain(scene: Scene) -> None:
    new = scene.new()
    change = Change(run=new.row.key, create=new)
    assert bulk.is_plain_start(change, new)
    for other in (scene.new(tags={"a": 1}), scene.new(parent=b"x"), scene.new(blobs=(("a", b""),)), scene.new(pin="1")):
        assert not bulk.is_plain_start(change, other)
    posting = replace(change, post=(Post(target=b"x", item=scene.item()),))
    assert not bulk.is_plain_start(posting, new)


async def test_what_it_answers(scene: Scene, rival: Db) -> None:
    await scene.beat("w1")
    gone, locked, stale, clean = [await scene.running() for _ in range(4)]
    unclean, after = [await scene.running() for _ in range(2)]
    await scene.done(scene.entries(unclean, 1, arm=(Wait("c", "paid", "k"),)))
    gone = replace(gone, key=b"nobody's run is.")
    holds = [
        scene.entries(clean),
        scene.entries(gone),
        replace(scene.entries(stale), epoch=7),
        scene.entries(locked),
        scene.finish(unclean, seq=2),
        scene.entries(after),
    ]
    other = await _other(rival)
    async with other.transaction():
        await other.one(LOCK, other.ns, locked.key)
        new = scene.new(worker="w1")
        answer = await bulk.write(rival, [new], holds, 0.1)
    await other.close()
    assert answer.made is None
    assert answer.alive == {"w1"}
    assert answer.marks == [0, bulk.MISSING, bulk.STALE, bulk.BUSY, bulk.UNCLEAN, 0]
    assert len(await scene.store.journal(clean.key)) == 2
    assert len(await scene.store.journal(after.key)) == 1  # behind the first that is not clean nothing is written


async def test_when_a_start_is_there_already_no_holder_is_tried(scene: Scene, rival: Db) -> None:
    row = await scene.running()
    new, there = scene.new(), scene.new("one")
    await scene.create(there)
    answer = await bulk.write(rival, [new, scene.new("one")], [scene.entries(row)], 0.1)
    assert answer.made == frozenset({new.row.key})
    assert answer.marks is None
    assert len(await scene.store.journal(row.key)) == 1


@pytest.mark.parametrize("odd", ['say "no"', "a\\b\\", "NULL", "{a,b}", " , ", "\x1f\x01\n", "ßé\U0001f40d", "'; --"])
async def test_any_text_arrives_as_it_was(scene: Scene, odd: str) -> None:
    news = [scene.new(odd, queue=odd), scene.new("plain"), scene.new(f"{odd}2", queue=odd)]
    changes = [Change(run=new.row.key, create=new) for new in news]
    assert all(reply.ok for reply in await scene.store.commit(changes))
    assert [(row.id, row.queue) for row in [await scene.row(new.row) for new in news]] == [
        (new.row.id, new.row.queue) for new in news
    ]
    row = await scene.running()
    note = Change(run=row.key, epoch=row.epoch, generation=row.generation, patch=Patch(note=odd))
    assert bulk.is_hot(note)
    await scene.done(note)
    assert (await scene.row(row)).note == odd


async def _other(db: Db) -> Db:
    return await connect(db.home, plain=True)
