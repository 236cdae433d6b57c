"""Messages in an extract; with a database, in the conformance suite."""

import pytest
from msgspec import Raw
from msgspec.structs import replace

from stepwell.model.change import Send, Wait
from stepwell.model.run import InboxItem, RunRow
from stepwell.model.status import RunStatus
from stepwell.store.postgres.extract import Extract, Found
from stepwell.store.postgres.mail import Mail
from stepwell.store.postgres.needs import Again, Needs
from stepwell.store.postgres.rows import RUN, run_values

PLACE = ("paid", "k")
WAITING = RunRow(key=b"a", id="61", workflow="work", status=RunStatus.WAITING, priority=100, due=9.0)
SEND = Send(event="paid", key="k", data=b"1", at=5.0)


def extract(*rows: RunRow) -> Extract:
    needs, found = Needs([]), Found()
    found.runs = [dict(zip(RUN, run_values(row, False), strict=True)) for row in rows]
    found.locked_boxes = frozenset({PLACE})
    needs.inboxes = needs.waits = {row.key for row in rows}
    return Extract(needs, found)


def test_a_message_wakes_the_first_that_waits() -> None:
    one = extract(WAITING, replace(WAITING, key=b"b"))
    mail = Mail(one)
    mail.arm(b"a", Wait("c", *PLACE))
    mail.arm(b"a", Wait("c", *PLACE))  # a call waits once
    mail.arm(b"b", Wait("d", *PLACE))
    mail.send(SEND)
    row = one.runs[b"a"].row
    assert (row.status, row.due, row.rank, row.inbox) == (RunStatus.QUEUED, None, 1005.0, 1)
    assert [(key, item.call) for (key, _), item in one.new_items.items()] == [(b"a", "c")]
    assert [run for _, run, _ in one.new_waits.values()] == [b"b"]


def test_a_message_passes_by_runs_that_have_ended() -> None:
    one = extract(replace(WAITING, status=RunStatus.TERMINATED))
    mail = Mail(one)
    mail.arm(b"a", Wait("c", *PLACE))
    mail.send(SEND)
    assert one.new_items == {}
    assert len(one.new_messages) == 1


def test_letting_go_returns_messages_to_their_places() -> None:
    one = extract(replace(WAITING, status=RunStatus.RUNNING, inbox=1))
    one.inboxes[b"a"][1] = item = InboxItem(
        n=1, kind="message", at=1.0, event="paid", key="k", call="c", mail_seq=3, data=Raw(b"1")
    )
    mail = Mail(one)
    mail.send(SEND)
    mail.let_go(b"a")
    assert one.gone_items == [(b"a", 1)]
    assert one.take_oldest(PLACE) == replace(item, n=0, call=None)


def test_a_message_that_was_taken_before_is_known() -> None:
    one = extract(WAITING)
    mail = Mail(one)
    send = replace(SEND, id="m")
    assert mail.refusal(send) == ""
    mail.send(send)
    assert mail.refusal(send) == "duplicate"
    assert mail.refusal(replace(SEND, target=b"a")) == ""
    with pytest.raises(Again):
        mail.refusal(replace(SEND, target=b"z"))
