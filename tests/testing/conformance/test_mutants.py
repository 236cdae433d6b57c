"""Stores that are wrong on purpose: the suite has to find out about each of them."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus
from stepwell.store.memory import MemoryBase, MemoryStore, changes, leases, retention
from stepwell.store.memory.space import Space
from stepwell.testing import conformance as suite

Patch = pytest.MonkeyPatch
original = {module: dict(vars(module)) for module in (changes, leases, retention)}


def _was(module: Any, name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = original[module][name]
    return found


def no_fence(patch: Patch) -> None:
    patch.setattr(changes, "_fenced", lambda *_: True)


def no_guard_on_the_inbox(patch: Patch) -> None:
    def fenced(space: Space, row: RunRow, c: Any) -> Any:
        return _was(changes, "_fenced")(
            space, row, (c.expect and replace(c, expect=replace(c.expect, inbox=row.inbox))) or c
        )

    patch.setattr(changes, "_fenced", fenced)


def suspends_whatever_has_come(patch: Patch) -> None:
    patch.setattr(changes, "_patch", lambda s, row, p: _was(changes, "_patch")(s, row, replace(p, seen=None)))


def wakes_nobody(patch: Patch) -> None:
    def post(space: Space, target: bytes, item: Any) -> Any:
        before = space.runs.get(target)
        done = _was(changes, "_post")(space, target, item)
        if before is not None and done:
            space.runs[target] = replace(before, inbox=before.inbox + 1)
        return done

    patch.setattr(changes, "_post", post)


def puts_back_at_the_end(patch: Patch) -> None:
    def put_back(space: Space, items: Any) -> None:
        for item in items:
            space.mail += 1
            _was(changes, "_deliver")(space, replace(item, mail_seq=space.mail))

    patch.setattr(changes, "_put_back", put_back)


def drops_what_an_end_lets_go(patch: Patch) -> None:
    patch.setattr(changes, "_put_back", lambda *_: None)


def forgets_ids_of_messages(patch: Patch) -> None:
    patch.setattr(changes, "_sent_key", lambda send, name: (object(),))


def forgets_what_it_has_applied(patch: Patch) -> None:
    patch.setattr(changes, "_applied", lambda *_: False)


def takes_an_operator_s_entry_for_the_holder_s(patch: Patch) -> None:
    patch.setattr(changes, "_written_under", lambda epoch, c: epoch)
    patch.setattr(
        changes, "_applied", lambda s, row, c: (s.journals[row.key].get((c.generation, c.seq)) or (0,))[0] == c.epoch
    )


def gives_one_message_twice(patch: Patch) -> None:
    def deliver(space: Space, message: Any) -> None:
        _was(changes, "_deliver")(space, message)
        space.messages.setdefault((message.event, message.key), {})[message.mail_seq] = message

    patch.setattr(changes, "_deliver", deliver)


def starts_an_id_twice(patch: Patch) -> None:
    patch.setattr(changes, "_create", lambda s, new: _was(changes, "_create")(s, replace(new, named=False)))


def believes_whoever_starts_a_run_as_claimed(patch: Patch) -> None:
    patch.setattr(Space, "alive", lambda space, worker: worker not in space.dead)


def buries_without_a_new_epoch(patch: Patch) -> None:
    def bereaved(space: Space, row: RunRow) -> RunRow:
        after: RunRow = _was(leases, "_bereaved")(space, row)
        return replace(after, epoch=row.epoch)

    patch.setattr(leases, "_bereaved", bereaved)


def counts_every_death(patch: Patch) -> None:
    patch.setattr(leases, "_bereaved", lambda s, row: replace(_was(leases, "_bereaved")(s, row), deaths=row.deaths + 1))


def buries_nobody(patch: Patch) -> None:
    patch.setattr(leases, "_bury", lambda *_: None)


def lets_the_dead_beat(patch: Patch) -> None:
    def beat(space: Space, worker: Any) -> Any:
        space.dead.discard(worker.id)
        return _was(leases, "beat")(space, worker)

    patch.setattr(leases, "beat", beat)


def wakes_early(patch: Patch) -> None:
    patch.setattr(leases, "_wake", lambda space, now: _was(leases, "_wake")(space, now + 1))


def claims_in_any_order(patch: Patch) -> None:
    def claim(space: Space, request: Any, cached: Any) -> Any:
        space.runs = dict(sorted(space.runs.items(), reverse=True))
        found = _was(leases, "claim")(space, replace(request, limit=1000), cached)
        return found[: request.limit]

    patch.setattr(leases, "claim", claim)


def reads_the_journal_of_before_the_claim(patch: Patch) -> None:
    def claimed(*given: Any) -> Any:
        one = _was(leases, "_claimed")(*given)
        return replace(one, journal=one.journal and one.journal[:-1])

    patch.setattr(leases, "_claimed", claimed)


def retires_open_runs(patch: Patch) -> None:
    patch.setattr(RunStatus, "terminal", property(lambda status: True), raising=False)


def keeps_the_journal_of_the_retired(patch: Patch) -> None:
    def remove(space: Space, key: bytes) -> None:
        journal = space.journals[key]
        _was(retention, "_remove")(space, key)
        space.journals[key] = journal

    patch.setattr(retention, "_remove", remove)


def answers_ok_whatever_happened(patch: Patch) -> None:
    from stepwell.store import memory

    patch.setattr(memory, "apply", lambda s, c: replace(changes.apply(s, c), ok=True, why=""))


@pytest.mark.parametrize(
    ("mutant", "topic"),
    [
        (no_fence, suite.TestFencing),
        (no_guard_on_the_inbox, suite.TestOperators),
        (suspends_whatever_has_come, suite.TestInboxes),
        (wakes_nobody, suite.TestInboxes),
        (puts_back_at_the_end, suite.TestMailboxes),
        (drops_what_an_end_lets_go, suite.TestMailboxes),
        (forgets_ids_of_messages, suite.TestMailboxes),
        (forgets_what_it_has_applied, suite.TestRepeats),
        (takes_an_operator_s_entry_for_the_holder_s, suite.TestOperators),
        (gives_one_message_twice, suite.TestMailboxes),
        (starts_an_id_twice, suite.TestStarts),
        (believes_whoever_starts_a_run_as_claimed, suite.TestStarts),
        (buries_without_a_new_epoch, suite.TestLeases),
        (counts_every_death, suite.TestLeases),
        (buries_nobody, suite.TestLeases),
        (lets_the_dead_beat, suite.TestLeases),
        (wakes_early, suite.TestLeases),
        (claims_in_any_order, suite.TestLeases),
        (reads_the_journal_of_before_the_claim, suite.TestLeases),
        (retires_open_runs, suite.TestRetention),
        (keeps_the_journal_of_the_retired, suite.TestRetention),
        (answers_ok_whatever_happened, suite.TestFencing),
    ],
)
def test_a_wrong_store_is_found_out(mutant: Callable[[Patch], None], topic: type, monkeypatch: Patch) -> None:
    assert not _failures(topic), "the right store fails"
    mutant(monkeypatch)
    assert _failures(topic)


def _failures(topic: type) -> list[str]:
    failed = []
    for name in dir(topic):
        if not name.startswith("test_") or "process" in name or "hint" in name:
            continue
        base = MemoryBase()
        try:
            getattr(topic(), name)(lambda namespace, clock, base=base: MemoryStore(namespace, clock, base))
        except Exception:
            failed.append(name)
    return failed
