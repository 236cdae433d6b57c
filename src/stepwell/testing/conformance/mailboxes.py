"""Messages and waits that meet in a mailbox (P4)."""

import asyncio

from stepwell.core.admission import rank_of
from stepwell.model.change import Change, Send, Wait
from stepwell.model.run import InboxItem
from stepwell.model.status import RunStatus
from stepwell.testing.conformance.scene import Scene, Suite


def _ids(items: list[InboxItem]) -> list[str | None]:
    return [item.message_id for item in items]


class TestMailboxes(Suite):
    """A message is consumed by exactly one wait, or kept."""

    async def test_a_message_goes_to_who_waits(self, scene: Scene) -> None:
        row = await scene.armed(priority=4)
        scene.pass_time(2)
        reply = await scene.send(id="m1", data=b'{"ok":true}')
        assert (reply.ok, reply.why) == (True, "")
        stored = await scene.row(row)
        assert (stored.status, stored.inbox, stored.rank) == (RunStatus.QUEUED, 1, rank_of(scene.now, 4))
        (item,) = await scene.items(row)
        assert (item.kind, item.event, item.key, item.call, item.message_id, bytes(item.data), item.at) == (
            "message", "paid", "k", "c", "m1", b'{"ok":true}', scene.now)  # fmt: skip

    async def test_a_message_sent_before_the_wait_is_kept(self, scene: Scene) -> None:
        await scene.send(id="m1")
        await scene.send(id="m2")
        row = await scene.running()
        reply = await scene.done(scene.suspend(row, arm=(Wait("c", "paid", "k"),)), scene.other)
        assert (reply.released, reply.inbox) == (False, 1)
        (item,) = await scene.items(row)
        assert (item.message_id, item.call, item.n) == ("m1", "c", 1)
        assert (await scene.row(row)).status is RunStatus.RUNNING

    async def test_the_oldest_first_whatever_the_clocks_say(self, scene: Scene) -> None:
        for n in range(3):
            await scene.send(id=f"m{n}", at=scene.now - n)
        row = await scene.running()
        waits = tuple(Wait(f"c{n}", "paid", "k") for n in range(4))
        assert (await scene.done(scene.entries(row, arm=waits))).inbox == 3
        assert [(i.call, i.message_id) for i in await scene.items(row)] == [("c0", "m0"), ("c1", "m1"), ("c2", "m2")]
        await scene.send(id="m3")
        assert [(i.call, i.message_id) for i in await scene.items(row, 3)] == [("c3", "m3")]

    async def test_the_first_wait_first(self, scene: Scene) -> None:
        rows = [await scene.armed() for _ in range(3)]
        for n in range(4):
            await scene.send(id=f"m{n}")
        for n, row in enumerate(rows):
            assert _ids(await scene.items(row)) == [f"m{n}"]
        late = await scene.running()
        await scene.done(scene.entries(late, arm=(Wait("c", "paid", "k"),)))
        assert _ids(await scene.items(late)) == ["m3"]

    async def test_mailboxes_are_apart(self, scene: Scene) -> None:
        row = await scene.armed()
        for event, key in (("paid", "k2"), ("sent", "k"), ("pai", "dk"), ("paid", "")):
            await scene.send(event, key)
        elsewhere = await scene.namespace("elsewhere")
        await elsewhere.commit([Change(send=Send(event="paid", key="k"))])
        assert await scene.items(row) == []
        await scene.send()
        assert len(await scene.items(row)) == 1

    async def test_a_direct_message(self, scene: Scene) -> None:
        row = await scene.waiting()
        assert (await scene.send(target=row.key, id="m1")).ok
        (item,) = await scene.items(row)
        assert (item.kind, item.event, item.call, item.message_id, item.n) == ("message", "paid", None, "m1", 1)
        assert (await scene.row(row)).status is RunStatus.QUEUED

    async def test_a_direct_message_to_nobody(self, scene: Scene) -> None:
        row = await scene.ended()
        closed, missing = await scene.send(target=row.key), await scene.send(target=b"x" * 16)
        assert [(r.ok, r.why) for r in (closed, missing)] == [(False, "closed"), (False, "missing")]
        assert await scene.items(row) == []

    async def test_an_id_is_taken_once(self, scene: Scene) -> None:
        row = await scene.armed()
        replies = [await scene.send(id="m1") for _ in range(3)]
        assert [(r.ok, r.why) for r in replies] == [(True, ""), (True, "duplicate"), (True, "duplicate")]
        other = await scene.armed()
        assert len(await scene.items(row)) == 1
        assert await scene.items(other) == []
        assert (await scene.send(key="k2", id="m1")).why == ""
        assert (await scene.send("sent", id="m1")).why == ""
        assert (await scene.send(target=row.key, id="m1")).why == ""
        assert (await scene.send(target=row.key, id="m1")).why == "duplicate"
        assert (await scene.send(target=other.key, id="m1")).why == ""

    async def test_an_id_is_a_duplicate_also_when_the_run_has_ended(self, scene: Scene) -> None:
        row = await scene.running()
        await scene.send(target=row.key, id="m1")
        await scene.done(scene.finish(row))
        assert (await scene.send(target=row.key, id="m1")).why == "duplicate"
        assert (await scene.send(target=row.key, id="m2")).why == "closed"

    async def test_messages_without_an_id_are_all_different(self, scene: Scene) -> None:
        for _ in range(2):
            assert (await scene.send()).why == ""
        row = await scene.running()
        await scene.done(scene.entries(row, arm=(Wait("a", "paid", "k"), Wait("b", "paid", "k"))))
        assert len(await scene.items(row)) == 2

    async def test_disarming(self, scene: Scene) -> None:
        row = await scene.running()
        await scene.done(scene.entries(row, 1, arm=(Wait("a", "paid", "k"), Wait("b", "paid", "k"))))
        await scene.done(scene.entries(row, 2, disarm=("a", "never armed")))
        await scene.send(id="m1")
        (item,) = await scene.items(row)
        assert item.call == "b"
        await scene.send(id="m2")
        assert len(await scene.items(row)) == 1

    async def test_a_call_waits_once(self, scene: Scene) -> None:
        row = await scene.running()
        for seq in (1, 2):
            await scene.done(scene.entries(row, seq, arm=(Wait("a", "paid", "k"),)))
        await scene.send(id="m1")
        await scene.done(scene.entries(row, 3, arm=(Wait("a", "paid", "k"),)))
        await scene.send(id="m2")
        assert _ids(await scene.items(row)) == ["m1"]

    async def test_what_is_put_back_has_its_old_place(self, scene: Scene) -> None:
        for n in range(3):
            await scene.send(id=f"m{n}")
        row = await scene.running()
        await scene.done(scene.entries(row, 1, arm=(Wait("a", "paid", "k"), Wait("b", "paid", "k"))))
        first, second = await scene.items(row)
        await scene.done(scene.entries(row, 2, took=(first.n,), put_back=(first,)))
        other = await scene.running()
        await scene.done(scene.entries(other, 1, arm=(Wait("x", "paid", "k"), Wait("y", "paid", "k"))))
        assert _ids(await scene.items(other)) == ["m0", "m2"]
        assert _ids(await scene.items(row)) == ["m1"]
        assert (await scene.items(other))[0].at == first.at
        assert second.mail_seq > first.mail_seq

    async def test_what_is_put_back_goes_to_who_waits(self, scene: Scene) -> None:
        await scene.send(id="m0")
        row = await scene.running()
        await scene.done(scene.entries(row, 1, arm=(Wait("a", "paid", "k"),)))
        other = await scene.armed()
        (item,) = await scene.items(row)
        await scene.done(scene.entries(row, 2, took=(item.n,), put_back=(item,)))
        assert _ids(await scene.items(other)) == ["m0"]
        assert (await scene.row(other)).status is RunStatus.QUEUED
        assert await scene.items(row) == []

    async def test_an_end_lets_go_of_waits_and_messages(self, scene: Scene) -> None:
        for n in range(3):
            await scene.send(id=f"m{n}")
        row = await scene.running()
        waits = (Wait("a", "paid", "k"), Wait("b", "paid", "k"), Wait("w", "sent", "k"))
        await scene.done(scene.entries(row, 1, arm=waits))
        await scene.send(target=row.key, id="direct")
        first, _, direct = await scene.items(row)
        await scene.done(scene.finish(row, seq=2, took=(first.n,)))
        assert await scene.items(row) == [direct]
        await scene.send("sent", id="unheard")
        other = await scene.running()
        waits = (Wait("x", "paid", "k"), Wait("y", "paid", "k"), Wait("z", "sent", "k"))
        await scene.done(scene.entries(other, 1, arm=waits))
        assert _ids(await scene.items(other)) == ["m1", "m2", "unheard"]

    async def test_many_ends_in_one_group(self, scene: Scene) -> None:
        rows = []
        for n in range(8):
            row = await scene.running()
            if n % 2:
                await scene.send(id=f"m{n}")
                await scene.done(scene.entries(row, 1, arm=(Wait("a", "paid", "k"),)))
            rows.append(row)
        changes = [scene.finish(row, seq=2 if n % 2 else 1) for n, row in enumerate(rows)]
        assert all(reply.ok for reply in await scene.store.commit(changes))
        heir = await scene.running()
        await scene.done(scene.entries(heir, 1, arm=tuple(Wait(f"c{n}", "paid", "k") for n in range(8))))
        assert _ids(await scene.items(heir)) == ["m1", "m3", "m5", "m7"]

    async def test_a_message_let_go_reaches_a_run_of_the_same_group(self, scene: Scene) -> None:
        await scene.send(id="m0")
        holder, heir = await scene.running(), await scene.running()
        await scene.done(scene.entries(holder, 1, arm=(Wait("a", "paid", "k"),)))
        await scene.done(scene.entries(heir, 1, arm=(Wait("a", "paid", "k"),)))
        replies = await scene.store.commit([scene.finish(holder, seq=2), scene.suspend(heir, seen=0, seq=2)])
        assert [r.released for r in replies] == [True, False]
        assert _ids(await scene.items(heir)) == ["m0"]

    async def test_sends_and_waits_of_two_processes(self, scene: Scene) -> None:
        rows = [await scene.running() for _ in range(15)]
        arms = [scene.suspend(row, arm=(Wait("c", "paid", "k"),)) for row in rows]
        sends = [scene.commit(change, scene.store) for change in arms]
        sent = [scene.send(id=f"m{n}") for n in range(15)]
        scene.store, scene.other = scene.other, scene.store
        await asyncio.gather(*sends, *sent)
        got = [item.message_id for row in rows for item in await scene.items(row)]
        assert sorted(name or "" for name in got) == sorted(f"m{n}" for n in range(15))
        for row in rows:
            assert len(await scene.items(row)) == 1
            assert (await scene.row(row)).status is not RunStatus.WAITING
