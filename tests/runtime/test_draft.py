"""A draft becomes a change, and starts over."""

import pytest

from stepwell.core.payloads import INLINE, LARGEST
from stepwell.errors import PayloadTooLarge
from stepwell.model.change import Change, NewRun, Patch, Post, Wait
from stepwell.model.entry import Fired, decode_entries
from stepwell.model.run import InboxItem, RunRow
from stepwell.runtime.draft import Draft

KEY = b"k" * 16
ITEM = InboxItem(n=1, kind="message", at=1.0)


def test_everything_collected_is_in_the_change() -> None:
    draft = Draft({})
    entries = [Fired(at=1.0, call="a"), Fired(at=2.0, call="b")]
    new = NewRun(RunRow(key=b"c", id="c", workflow="w"), b"[]")
    draft.entries += entries
    draft.patch = Patch(note="n")
    draft.closes, draft.opens = True, b"[1]"
    draft.took.append(4)
    draft.arm.append(Wait("a", "e", "k"))
    draft.disarm.append("b")
    draft.put_back.append(ITEM)
    draft.start.append(new)
    draft.post.append(Post(target=b"p", item=ITEM))
    change = draft.take(KEY, 3, 2, 10)
    assert decode_entries(change.data) == entries
    assert change == Change(
        run=KEY, epoch=3, generation=2, seq=10, count=2, data=change.data, patch=Patch(note="n"), took=(4,),
        arm=(Wait("a", "e", "k"),), disarm=("b",), put_back=(ITEM,), start=(new,),
        post=(Post(target=b"p", item=ITEM),), closes=True, opens=b"[1]",
    )  # fmt: skip


def test_it_starts_over_and_the_change_keeps_what_it_took() -> None:
    draft = Draft({})
    draft.entries.append(Fired(at=1.0, call="a"))
    draft.patch, draft.closes, draft.opens = Patch(), True, b"x"
    draft.took.append(1)
    first = draft.take(KEY, 1, 1, 1)
    assert draft.empty
    draft.took.append(2)
    draft.entries.append(Fired(at=2.0, call="b"))
    second = draft.take(KEY, 1, 1, 2)
    assert (first.count, first.took, second.count, second.took) == (1, (1,), 1, (2,))
    assert draft.take(KEY, 1, 1, 3) == Change(run=KEY, epoch=1, generation=1, seq=3)


@pytest.mark.parametrize("what", ["entries", "patch", "took", "post"])
def test_anything_to_commit_makes_it_not_empty(what: str) -> None:
    draft = Draft({})
    assert draft.empty
    match what:
        case "entries":
            draft.entries.append(Fired(call="a"))
        case "patch":
            draft.patch = Patch()
        case "took":
            draft.took.append(1)
        case _:
            draft.post.append(Post(target=b"p", item=ITEM))
    assert not draft.empty


def test_small_payloads_stay_inline() -> None:
    draft = Draft(kept := {})
    data = b"1" * INLINE
    assert bytes(draft.payload(data, "it").v) == data
    assert draft.empty
    assert kept == {}


def test_large_payloads_become_blobs_of_the_same_change_and_stay_at_hand() -> None:
    kept: dict[str, bytes] = {}
    draft = Draft(kept)
    one, two = b"1" * (INLINE + 1), b"2" * (INLINE + 1)
    digests = [draft.payload(data, "it").r for data in (one, two)]
    assert kept == dict(zip(digests, (one, two), strict=True))
    assert draft.take(KEY, 1, 1, 0).blobs == tuple(kept.items())
    assert draft.empty
    assert len(kept) == 2


def test_what_is_too_large_is_refused_and_leaves_nothing() -> None:
    draft = Draft(kept := {})
    with pytest.raises(PayloadTooLarge, match="the result is 1,048,577 bytes"):
        draft.payload(b"1" * (LARGEST + 1), "the result")
    assert draft.empty
    assert kept == {}
