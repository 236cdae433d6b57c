"""A new run from its order."""

import msgspec
import pytest
from msgspec.structs import replace

from stepwell.core.admission import rank_of
from stepwell.core.payloads import INLINE, LARGEST
from stepwell.core.starting import PYTHON, begun_at, input_digest, new_run, stored_options
from stepwell.errors import PayloadTooLarge
from stepwell.model.change import NewRun
from stepwell.model.entry import Started, decode_entries
from stepwell.model.options import StartOptions
from stepwell.model.policy import Retention, Retry
from stepwell.model.rules import Versioning, WorkflowRules
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus

KEY = bytes(range(16))
RULES = WorkflowRules(retry=Retry(0), queue="mail", priority=7, queue_timeout=30.0, deadline=60.0)


def started(run: NewRun) -> Started:
    (entry,) = decode_entries(run.started)
    assert isinstance(entry, Started)
    return entry


def test_rules_hold_where_options_say_nothing() -> None:
    run = new_run("w", b'{"n":1}', StartOptions(), RULES, key=KEY, now=100.0)
    row, entry = run.row, started(run)
    assert (row.id, row.queue, row.priority, row.status, row.epoch) == (KEY.hex(), "mail", 7, RunStatus.QUEUED, 0)
    assert (row.created_at, row.due, row.rank, row.claimed_seq) == (100.0, None, rank_of(100.0, 7), 1)
    assert (entry.at, entry.deadline, entry.queue_timeout, entry.python) == (100.0, 160.0, 30.0, PYTHON)
    assert bytes(entry.input.v) == b'{"n":1}'
    assert not run.named
    assert (entry.code, row.pin) == ("", None)


@pytest.mark.parametrize(("versioning", "pin"), [("latest", None), ("pin", "0a1b2c3d4e5f")])
def test_the_code_is_named_and_pinned_if_the_workflow_says_so(versioning: Versioning, pin: str | None) -> None:
    rules = WorkflowRules(retry=Retry(0), versioning=versioning)
    run = new_run("w", b"{}", StartOptions(), rules, key=KEY, now=100.0, code="0a1b2c3d4e5f")
    assert (started(run).code, run.row.pin) == ("0a1b2c3d4e5f", pin)
    assert new_run("w", b"{}", StartOptions(), rules, key=KEY, now=100.0).row.pin is None  # nobody knows it yet


def test_options_win_and_a_client_without_the_code_has_defaults() -> None:
    options = StartOptions(id="mine", queue="q", priority=0, delay=5.0, deadline=1.0, queue_timeout=2.0, tags={"a": 1})
    run = new_run("w", b"{}", options, RULES, key=KEY, now=100.0)
    assert run.named
    assert (run.row.id, run.row.queue, run.row.priority, run.row.tags) == ("mine", "q", 0, {"a": 1})
    assert (run.row.due, run.row.rank) == (105.0, rank_of(105.0, 0))
    assert (started(run).deadline, started(run).queue_timeout) == (101.0, 2.0)
    bare = new_run("w", b"{}", StartOptions(), None, key=KEY, now=100.0)
    assert (bare.row.queue, bare.row.priority, started(bare).deadline) == ("default", 100, None)


def test_a_local_start_is_born_claimed_unless_it_is_delayed() -> None:
    run = new_run("w", b"{}", StartOptions(), RULES, key=KEY, now=1.0, worker="w1")
    assert (run.row.status, run.row.epoch, run.row.worker, run.row.started_at) == (RunStatus.RUNNING, 1, "w1", 1.0)
    later = new_run("w", b"{}", StartOptions(delay=1.0), RULES, key=KEY, now=1.0, worker="w1")
    assert (later.row.status, later.row.epoch, later.row.worker) == (RunStatus.QUEUED, 0, None)


def test_the_digest_tells_workflow_and_input_apart() -> None:
    digests = {input_digest(name, data) for name in ("a", "ab") for data in (b"", b"b", b"c")}
    assert len(digests) == 6
    assert new_run("a", b"b", StartOptions(), None, key=KEY, now=0.0).row.digest == input_digest("a", b"b")


def test_large_inputs_become_blobs_and_larger_ones_are_refused() -> None:
    data = b'"' + b"x" * INLINE + b'"'
    run = new_run("w", data, StartOptions(), RULES, key=KEY, now=0.0)
    assert run.blobs == ((started(run).input.r, data),)
    with pytest.raises(PayloadTooLarge):
        new_run("w", b"x" * (LARGEST + 1), StartOptions(), RULES, key=KEY, now=0.0)


def test_what_a_run_keeps_of_its_options() -> None:
    row = new_run("w", b"{}", StartOptions(), None, key=KEY, now=0.0).row
    assert row.options is None
    assert stored_options(row).retries is None
    kept = StartOptions(retries=3, retention=Retention(succeeded="1h"))
    row = new_run("w", b"{}", kept, None, key=KEY, now=0.0).row
    stored = stored_options(row)
    assert (stored.retries, stored.keep_succeeded, stored.keep_failed) == (3, 3600.0, None)
    assert msgspec.json.decode(row.options or "") == {"retries": 3, "keep_succeeded": 3600.0}


def test_a_body_begins_when_a_worker_first_has_it() -> None:
    entry = Started(at=10.0)
    row = RunRow(key=bytes(16), id="x", workflow="w", created_at=10.0)
    assert begun_at(row, entry) == 10.0
    assert begun_at(replace(row, started_at=70.0), entry) == 70.0
    assert begun_at(replace(row, started_at=70.0, generation=2), replace(entry, at=500.0)) == 500.0
