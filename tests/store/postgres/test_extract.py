"""The working copy: what cancels out is not written, what is not there is asked for."""

import pytest
from msgspec import Raw

from stepwell.model.change import NewRun
from stepwell.model.run import InboxItem, RunRow
from stepwell.store.postgres.extract import PROVISIONAL, Extract, Found
from stepwell.store.postgres.needs import Again, Busy, Needs
from stepwell.store.postgres.rows import RUN, run_values

PLACE = ("paid", "k")


def row(key: bytes = b"a", **fields: object) -> RunRow:
    return RunRow(key=key, id=key.hex(), workflow="work", **fields)  # type: ignore[arg-type]


def values(of: RunRow) -> dict[str, object]:
    return dict(zip(RUN, run_values(of, False), strict=True))


def message(seq: int) -> InboxItem:
    return InboxItem(n=0, kind="message", at=1.0, event="paid", key="k", mail_seq=seq, data=Raw(b"1"))


def extract(found: Found | None = None, needs: Needs | None = None) -> Extract:
    return Extract(needs or Needs([]), found or Found())


def boxed(**fields: object) -> Extract:
    found = Found()
    found.locked_boxes = frozenset({PLACE})
    for name, value in fields.items():
        setattr(found, name, value)
    needs = Needs([])
    needs.waits = {b"a", b"b"}
    return extract(found, needs)


def test_a_run_that_was_not_locked_is_asked_for() -> None:
    one = extract()
    with pytest.raises(Again):
        one.run(b"a")
    assert one.needs.runs == {b"a"}


def test_a_run_that_could_not_be_locked_is_busy_or_missing() -> None:
    needs, found = Needs([]), Found()
    needs.runs = {b"a", b"b"}
    found.shown = [values(row(b"a"))]
    one = extract(found, needs)
    with pytest.raises(Busy):
        one.run(b"a")
    assert one.run(b"b") is None


def test_a_run_shows_what_has_become_of_it() -> None:
    found = Found()
    found.runs = [values(row(b"a", inbox=3))]
    one = extract(found)
    run = one.run(b"a")
    assert run is not None
    run["inbox"] = 4
    assert one.shown(run) == row(b"a", inbox=4)


def test_a_row_to_be_shown_needs_its_tags() -> None:
    found = Found()
    found.runs = [values(row(b"a", tags={"n": 1}))]
    one = extract(found)
    run = one.run(b"a")
    assert run is not None
    with pytest.raises(Again):
        one.shown(run)
    assert one.needs.probing


def test_a_new_run_is_there_from_then_on() -> None:
    one = extract()
    new = NewRun(row(b"a", tags={"n": 1}), b"[]", named=True)
    assert one.there(new) is None
    one.make(new, new.row)
    found = one.there(new)
    assert found is not None
    assert one.named(b"a".hex()) is found
    assert one.shown(found) == new.row


def test_an_inbox_and_a_mailbox_that_were_not_read_are_asked_for() -> None:
    one = extract()
    for ask in (lambda: one.inbox(b"a"), lambda: one.waits_of(b"a"), lambda: one.box(PLACE)):
        with pytest.raises(Again):
            ask()
    assert (one.needs.inboxes, one.needs.waits, set(one.needs.deliveries)) == ({b"a"}, {b"a"}, {PLACE})
    tried = Found()
    tried.tried_boxes = frozenset({PLACE})
    with pytest.raises(Busy):
        extract(tried).box(PLACE)


def test_an_item_that_comes_and_goes_is_not_written() -> None:
    one = extract()
    one.add_item(b"a", message(1))
    one.remove_items(b"a", [0, 7])
    assert one.new_items == {}
    assert one.gone_items == [(b"a", 7)]


def test_a_message_that_is_taken_and_put_back_is_not_written() -> None:
    one = boxed(messages=[(PLACE, message(5)), (PLACE, message(6))])
    taken = one.take_oldest(PLACE)
    assert taken == message(5)
    assert one.gone_messages == {(PLACE, 5)}
    one.keep(PLACE, taken)
    assert (one.gone_messages, one.new_messages) == (set(), {})
    one.keep(PLACE, message(PROVISIONAL))
    assert [one.take_oldest(PLACE).mail_seq for _ in range(3)] == [5, 6, PROVISIONAL]  # type: ignore[union-attr]
    assert one.new_messages == {}


def test_waits_keep_their_order_and_new_ones_are_last() -> None:
    one = boxed(waits=[(PLACE, 9, b"a", "c")], waits_of=[(b"a", "c", PLACE, 9)])
    one.add_wait(PLACE, b"b", "d")
    assert one.first_wait(PLACE) == (9, b"a", "c")
    one.remove_wait(PLACE, 9, b"a", "c")
    assert one.first_wait(PLACE) == (PROVISIONAL, b"b", "d")
    one.remove_wait(PLACE, PROVISIONAL, b"b", "d")
    assert one.first_wait(PLACE) is None
    assert (one.gone_waits, one.new_waits, one.numbers) == ([(PLACE, 9)], {}, 1)
    assert one.waits_of(b"a") == one.waits_of(b"b") == {}


def test_more_of_a_mailbox_is_asked_for_when_what_was_read_is_used_up() -> None:
    one = boxed(full={(PLACE, "waits"), (PLACE, "messages")}, messages=[(PLACE, message(5))])
    with pytest.raises(Again):
        one.first_wait(PLACE)
    one.keep(PLACE, message(PROVISIONAL))
    one.take_oldest(PLACE)
    with pytest.raises(Again):  # the new message is not the oldest, as far as is known
        one.take_oldest(PLACE)
