"""Changes applied to an extract; what they mean is told by the conformance suite and the differential test."""

import pytest
from msgspec.structs import replace

from stepwell.model.change import Change, NewRun, Patch, Post
from stepwell.model.run import InboxItem, RunRow
from stepwell.model.status import RunStatus
from stepwell.store.postgres.changes import BUSY, apply, without_worker
from stepwell.store.postgres.extract import Found
from stepwell.store.postgres.needs import Again, Needs
from stepwell.store.postgres.rows import RUN, run_values

HELD = RunRow(key=b"a", id="61", workflow="work", status=RunStatus.RUNNING, epoch=1, worker="w1")
OTHER = replace(HELD, key=b"b", id="62")
POST = Post(target=b"b", item=InboxItem(n=0, kind="child", at=1.0))


def found(*rows: RunRow, held_elsewhere: tuple[RunRow, ...] = ()) -> Found:
    one = Found()
    one.runs = [dict(zip(RUN, run_values(row, False), strict=True)) for row in rows]
    one.shown = [dict(zip(RUN, run_values(row, False), strict=True)) for row in held_elsewhere]
    return one


def entry(row: RunRow, **fields: object) -> Change:
    return replace(Change(run=row.key, epoch=row.epoch, seq=1, count=1, data=b"[1]"), **fields)


def test_changes_see_what_the_ones_before_them_did() -> None:
    suspend = Patch(status=RunStatus.WAITING, release=True, seen=0)
    changes = [entry(HELD, post=(POST,)), entry(OTHER, patch=suspend)]
    replies, extract = apply(changes, Needs(changes), found(HELD, OTHER))
    assert [(r.ok, r.released, r.inbox) for r in replies] == [(True, True, 0), (True, False, 1)]
    assert [place[0] for place in extract.appended] == [b"a", b"b"]


def test_what_needs_a_row_held_elsewhere_leaves_no_trace() -> None:
    changes = [entry(HELD, post=(POST,)), entry(OTHER), Change(run=b"a", patch=Patch(note="x"))]
    replies, extract = apply(changes, Needs(changes), found(HELD, held_elsewhere=(OTHER,)))
    assert replies == [BUSY, BUSY, BUSY]  # the last one is for the same run as the first, and comes after it
    assert extract.appended == []
    assert not any(run.new for run in extract.runs.values())


def test_a_fence_that_is_missed_looks_for_an_earlier_attempt() -> None:
    changes = [entry(HELD, epoch=7)]
    needs = Needs(changes)
    with pytest.raises(Again):
        apply(changes, needs, found(HELD))
    assert needs.probing
    replies, _ = apply(changes, needs, found(HELD))
    assert replies[0].why == "stale"
    before = found(HELD)
    before.journal[b"a", 1, 1] = (7, "[1]")
    assert apply(changes, needs, before)[0][0].ok


def test_a_run_created_for_a_worker_that_is_gone_is_queued() -> None:
    new = NewRun(replace(HELD, started_at=1.0), b"[]")
    changes = [Change(run=b"a", create=new)]
    replies, _ = apply(changes, Needs(changes), Found())
    assert replies[0].row == without_worker(new.row)
    alive = Found()
    alive.alive = frozenset({"w1"})
    assert apply(changes, Needs(changes), alive)[0][0].row is None
