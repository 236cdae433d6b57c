"""The dangerous pairs: what is there before, and the two operations that meet."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from stepwell.model.change import Change, ClaimRequest, Patch, Post, Send, Wait
from stepwell.model.run import InboxItem, RunRow
from stepwell.model.status import RunStatus
from stepwell.ports.store import Retire, Store
from stepwell.testing.conformance.scene import LEASE, Scene
from tests.interleaving.stage import Operation, after_the_other, committed

Pair = Callable[[Scene], Awaitable[tuple[Operation, Operation]]]


def commit(*changes: Change) -> Operation:
    """Commit a group, as a journal writer does."""

    async def operation(store: Store) -> Any:
        return await committed(store, list(changes))

    return operation


def claim(scene: Scene, worker: str, *, twice: bool = False) -> Operation:
    """Claim everything; `twice`: the first reply is lost."""
    request = ClaimRequest(worker=worker, workflows=("work",), limit=10, now=scene.now)

    async def operation(store: Store) -> Any:
        if twice:
            await store.claim(request, {})
        claimed = await store.claim(request, {})
        if not claimed:  # what others hold at the moment is passed over: there is a next time
            await after_the_other()
            claimed = await store.claim(request, {})
        return claimed

    return operation


def child_ends(scene: Scene, child: RunRow, parent: RunRow) -> Change:
    """A child's last change, which tells its parent."""
    item = InboxItem(
        n=0, kind="child", at=scene.now, call="c", data=msgspec.Raw(b'{"of":"' + child.key.hex().encode() + b'"}')
    )
    return scene.finish(child, post=(Post(target=parent.key, item=item),))


async def a_direct_message_and_a_suspension(scene: Scene) -> tuple[Operation, Operation]:
    """P1: the run is woken, or does not go to sleep."""
    run = await scene.running()
    message = Change(send=Send(event="paid", target=run.key, id="m", at=scene.now))
    return commit(message), commit(scene.suspend(run))


async def a_keyed_message_and_a_wait(scene: Scene) -> tuple[Operation, Operation]:
    """P4: whoever comes first, the message reaches the wait; the mailbox has been used before."""
    await scene.armed()
    await scene.send()
    run = await scene.running()
    wait = Wait("c", "paid", "k")
    message = Change(send=Send(event="paid", key="k", id="m", at=scene.now))
    return commit(message), commit(scene.suspend(run, arm=(wait,)))


async def two_keyed_messages_and_two_waits(scene: Scene) -> tuple[Operation, Operation]:
    """P4: each message is taken once, each wait resolves once."""
    one, two = await scene.armed("c"), await scene.running("w2")
    assert one.key != two.key
    messages = [Change(send=Send(event="paid", key="k", id=name, at=scene.now)) for name in ("m1", "m2")]
    return commit(*messages), commit(scene.suspend(two, arm=(Wait("d", "paid", "k"),)))


async def an_end_and_a_message_to_its_wait(scene: Scene) -> tuple[Operation, Operation]:
    """P4: what an ended run has not taken returns to its mailbox."""
    run = await scene.running()
    await scene.done(scene.entries(run, arm=(Wait("c", "paid", "k"),)))
    message = Change(send=Send(event="paid", key="k", id="m", at=scene.now))
    return commit(message), commit(scene.finish(run, seq=2))


async def a_cancellation_and_an_end(scene: Scene) -> tuple[Operation, Operation]:
    """P12: terminal is final, and no cancellation is lost before."""
    run = await scene.running()
    posted = Change(run=run.key, post=(Post(target=run.key, item=scene.item("cancel")),))
    return commit(posted), commit(scene.finish(run))


async def a_termination_and_an_end(scene: Scene) -> tuple[Operation, Operation]:
    """P3, P12: one of them ends the run."""
    run = await scene.running()
    patch = Patch(status=RunStatus.TERMINATED, release=True, bump=True, finished_at=scene.now)
    return commit(scene.seen(run, patch=patch, closes=True)), commit(scene.finish(run))


async def a_pause_and_an_end(scene: Scene) -> tuple[Operation, Operation]:
    """P12: an operator decided by what is not so any more is told."""
    run = await scene.running()
    pause = scene.seen(run, post=(Post(target=run.key, item=scene.item("pause")),))
    return commit(pause), commit(scene.finish(run))


async def a_claim_and_a_late_commit(scene: Scene) -> tuple[Operation, Operation]:
    """P2, P3: the journal that the new holder reads has everything that was acknowledged."""
    run = await scene.running("w1")
    scene.pass_time(LEASE + 1)
    await scene.beat("w2")
    return claim(scene, "w2"), commit(scene.entries(run))


async def two_claims_when_a_worker_has_died(scene: Scene) -> tuple[Operation, Operation]:
    """P3, P11: its runs are given out once, its death is counted once."""
    for _ in range(3):
        await scene.running("w1")
    scene.pass_time(LEASE + 1)
    for worker in ("w2", "w3"):
        await scene.beat(worker)
    return claim(scene, "w2"), claim(scene, "w3")


async def two_claims_of_one_queue(scene: Scene) -> tuple[Operation, Operation]:
    """P3: nobody gets what the other has, also when a reply is lost."""
    for _ in range(3):
        await scene.queued()
    for worker in ("w1", "w2"):
        await scene.beat(worker)
    return claim(scene, "w1", twice=True), claim(scene, "w2")


async def a_claim_and_a_message(scene: Scene) -> tuple[Operation, Operation]:
    """P1, P4: the claim hands the message over, or the mark tells of it."""
    run = await scene.waiting()
    await scene.beat("w2")
    return claim(scene, "w2"), commit(Change(send=Send(event="paid", target=run.key, at=scene.now)))


async def two_starts_with_one_id(scene: Scene) -> tuple[Operation, Operation]:
    """P7: one of them is the run."""
    one, two = scene.new("same"), scene.new("same")
    return commit(Change(run=one.row.key, create=one)), commit(Change(run=two.row.key, create=two))


async def two_groups_of_starts_with_the_same_ids(scene: Scene) -> tuple[Operation, Operation]:
    """P7, in opposite order: neither waits for the other for ever."""
    groups = []
    for ids in (("a", "b"), ("b", "a")):
        news = [scene.new(one) for one in ids]
        groups.append(commit(*(Change(run=new.row.key, create=new) for new in news)))
    return groups[0], groups[1]


async def a_childs_end_and_its_parents_suspension(scene: Scene) -> tuple[Operation, Operation]:
    """P1: the parent hears of it."""
    parent = await scene.running("w1")
    child = await scene.running("w2", parent=parent.key, parent_call="c")
    return commit(child_ends(scene, child, parent)), commit(scene.suspend(parent))


async def groups_that_cross(scene: Scene) -> tuple[Operation, Operation]:
    """The children of two parents end on two connections, in opposite order: no deadlock, no wake-up lost."""
    parents = [await scene.waiting() for _ in range(2)]
    children = [await scene.running("w2", parent=parent.key, parent_call="c") for parent in (*parents, *parents)]
    first = [child_ends(scene, children[n], parents[n]) for n in (0, 1)]
    second = [child_ends(scene, children[n + 2], parents[n]) for n in (1, 0)]
    return commit(*first), commit(*second)


async def two_changes_of_one_run_in_a_group(scene: Scene) -> tuple[Operation, Operation]:
    """None of them is dropped."""
    run = await scene.running()
    told = Change(send=Send(event="paid", target=run.key, id="a", at=scene.now))
    noted = Change(run=run.key, patch=Patch(note="noted"))
    other = Change(send=Send(event="paid", target=run.key, id="b", at=scene.now))
    return commit(scene.entries(run), told, noted), commit(other)


async def a_retry_and_retention(scene: Scene) -> tuple[Operation, Operation]:
    """A run that is retried is not removed, and one that is removed is not retried."""
    run = await scene.ended(RunStatus.FAILED)
    patch = Patch(status=RunStatus.QUEUED, release=True, bump=True, reopen=True, rank=1.0)
    retry = scene.seen(run, seq=2, count=1, data=b'[{"k":"rewind","void":[1]}]', patch=patch)
    scene.pass_time(100)

    async def retire(store: Store) -> Any:
        return await store.retire(Retire(now=scene.now, ages={("*", "failed"): 10.0}, keeps={}))

    return commit(retry), retire


PAIRS: tuple[Pair, ...] = (
    a_direct_message_and_a_suspension,
    a_keyed_message_and_a_wait,
    two_keyed_messages_and_two_waits,
    an_end_and_a_message_to_its_wait,
    a_cancellation_and_an_end,
    a_termination_and_an_end,
    a_pause_and_an_end,
    a_claim_and_a_late_commit,
    two_claims_when_a_worker_has_died,
    two_claims_of_one_queue,
    a_claim_and_a_message,
    two_starts_with_one_id,
    two_groups_of_starts_with_the_same_ids,
    a_childs_end_and_its_parents_suspension,
    groups_that_cross,
    two_changes_of_one_run_in_a_group,
    a_retry_and_retention,
)
