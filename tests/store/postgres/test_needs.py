"""What is known beforehand of what a group touches."""

from msgspec import Raw

from stepwell.model.change import Change, Expect, NewRun, Patch, Post, Send, Wait
from stepwell.model.run import InboxItem, RunRow
from stepwell.model.status import RunStatus
from stepwell.store.postgres.needs import HEADS, Needs, identity

ITEM = InboxItem(n=0, kind="cancel", at=1.0)


def test_runs_to_lock() -> None:
    child = NewRun(RunRow(key=b"child", id="its own", workflow="w", worker="w1"), b"[]", named=True)
    needs = Needs([
        Change(run=b"a", epoch=1, data=b"[]", seq=3, start=(child,), post=(Post(target=b"b", item=ITEM),)),
        Change(send=Send(event="e", target=b"c")),
        Change(run=b"d", patch=Patch(note="x")),
    ])  # fmt: skip
    assert needs.runs == {b"a", b"b", b"c", b"d"}
    assert set(needs.made) == {b"child"}
    assert needs.ids == {"its own"}
    assert needs.workers == {"w1"}
    assert needs.journal == {(b"a", 1, 3)}
    assert not needs.mail


def test_mailboxes_to_lock() -> None:
    item = InboxItem(n=1, kind="message", at=1.0, event="e", key="put", call="c", data=Raw(b"1"))
    needs = Needs([
        Change(send=Send(event="e", key="sent", id="m")),
        Change(send=Send(event="e", key="sent")),
        Change(run=b"a", epoch=1, arm=(Wait("c", "e", "armed"),)),
        Change(run=b"b", epoch=1, put_back=(item,), took=(1,), disarm=("d",)),
    ])  # fmt: skip
    assert needs.mail
    assert needs.deliveries == {("e", "sent"): 2, ("e", "armed"): 0, ("e", "put"): 1}
    assert needs.arms == {("e", "armed"): 1}
    assert needs.letting == {b"b"}
    assert needs.waits == needs.inboxes == {b"a", b"b"}
    assert needs.sent == {("e", "sent", b"", "m")}


def test_what_only_closes_does_not_look_for_mailboxes_yet() -> None:
    needs = Needs([Change(run=b"a", epoch=1, closes=True, data=b"[]")])
    assert needs.waits == needs.inboxes == {b"a"}
    assert not needs.mail
    needs.box(("e", "k"))
    assert needs.mail


def test_more_of_a_mailbox_grows() -> None:
    needs = Needs([])
    place = ("e", "k")
    needs.box(place)
    sizes = []
    for _ in range(3):
        needs.more(place)
        sizes.append(needs.deliveries[place])
    assert sizes == [2 + HEADS, 4 + 3 * HEADS, 8 + 7 * HEADS]
    assert needs.arms[place] == sizes[-1]


def test_an_operators_post_is_looked_for_in_the_inbox() -> None:
    expect = Expect(1, RunStatus.RUNNING, 1, 0)
    assert Needs([Change(run=b"a", expect=expect, post=(Post(target=b"a", item=ITEM),))]).inboxes == {b"a"}


def test_a_message_to_a_run_and_one_to_a_key_are_told_apart() -> None:
    assert identity(Send(event="e", key="k", id="m"), "m") == ("e", "k", b"", "m")
    assert identity(Send(event="e", key="k", target=b"t", id="m"), "m") == ("e", "", b"t", "m")
