"""Runs that a run starts."""

from msgspec.structs import replace

from stepwell.model.change import Change, Post
from stepwell.model.run import RunFilter
from stepwell.model.status import RunStatus
from stepwell.testing.conformance.scene import Scene, Suite


class TestChildren(Suite):
    """`start`: children are created with the entry that says so, or not at all."""

    async def test_children_are_created_with_the_entry(self, scene: Scene) -> None:
        parent = await scene.running()
        news = tuple(scene.new(parent=parent.key, parent_call=f"c{n}", tags={"n": n}) for n in range(3))
        reply = await scene.done(scene.entries(parent, start=news))
        assert reply.children == ()
        assert await scene.store.rows([new.row.key for new in news]) == [new.row for new in news]
        assert await scene.other.journal(news[1].row.key) == [(1, 0, news[1].started)]
        page = await scene.store.list(RunFilter(parent=parent.key))
        assert [row.key for row in page] == [new.row.key for new in reversed(news)]

    async def test_a_stale_parent_starts_nothing(self, scene: Scene) -> None:
        parent = await scene.running("w2")
        await scene.die("w2")
        new = scene.new(parent=parent.key)
        assert (await scene.commit(scene.entries(parent, start=(new,)))).why == "stale"
        assert await scene.store.row(new.row.key) is None

    async def test_a_child_whose_id_is_taken(self, scene: Scene) -> None:
        there = await scene.ended(run_id="one")
        parent = await scene.running()
        news = (scene.new("one", parent=parent.key), scene.new("two", parent=parent.key))
        reply = await scene.done(scene.entries(parent, start=news))
        assert reply.children == (there,)
        assert await scene.store.row(news[0].row.key) is None
        assert await scene.store.row_by_id("two") == news[1].row

    async def test_an_id_that_nobody_chose_yields_to_another_run_s(self, scene: Scene) -> None:
        there = await scene.ended(run_id="one")
        parent = await scene.running()
        news = [replace(scene.new(name, parent=parent.key), yields=True) for name in ("one", "two")]
        change = scene.entries(parent, start=tuple(news))
        assert (await scene.done(change)).children == ()
        assert (await scene.done(change)).children == (), "told again, as when the answer was lost"
        stored = await scene.store.rows([new.row.key for new in news])
        assert [row.id for row in stored] == [news[0].row.key.hex(), "two"]
        assert await scene.store.row_by_id("one") == there
        assert await scene.store.journal(news[0].row.key) == [(1, 0, news[0].started)]

    async def test_a_child_with_blobs(self, scene: Scene) -> None:
        parent = await scene.running()
        new = scene.new(parent=parent.key, blobs=(("aa", b"1"),))
        await scene.done(scene.entries(parent, start=(new,)))
        assert await scene.store.blobs(new.row.key) == {"aa": b"1"}

    async def test_ends_of_many_children_reach_the_parent(self, scene: Scene) -> None:
        parent = await scene.waiting()
        children = [await scene.running(parent=parent.key, parent_call=f"c{n}") for n in range(5)]
        ends = [
            scene.finish(child, post=(Post(target=parent.key, item=scene.item("child", call=child.parent_call)),))
            for child in children
        ]
        assert all(reply.ok for reply in await scene.store.commit(ends))
        assert [(i.n, i.call) for i in await scene.items(parent)] == [(n + 1, f"c{n}") for n in range(5)]
        stored = await scene.row(parent)
        assert (stored.status, stored.inbox) == (RunStatus.QUEUED, 5)

    async def test_a_child_and_its_parent_in_one_group(self, scene: Scene) -> None:
        parent = await scene.running()
        child = await scene.running(parent=parent.key, parent_call="c")
        post = (Post(target=parent.key, item=scene.item("child", call="c")),)
        replies = await scene.store.commit([scene.finish(child, post=post), scene.suspend(parent, seen=0)])
        assert [(r.ok, r.released, r.inbox) for r in replies] == [(True, True, 0), (True, False, 1)]
        assert (await scene.row(parent)).status is RunStatus.RUNNING

    async def test_a_start_of_the_same_id_in_the_same_group(self, scene: Scene) -> None:
        parent = await scene.running()
        own, child = scene.new("one"), scene.new("one", parent=parent.key)
        replies = await scene.store.commit([
            Change(run=own.row.key, create=own),
            scene.entries(parent, start=(child,)),
        ])  # fmt: skip
        assert replies[1].children == (own.row,)
        assert await scene.store.row(child.row.key) is None
