"""Suspended runs: a bounded mapping of keys to epochs."""

from typing import Any

from stepwell.runtime.suspended import Suspended


class Run:
    def __init__(self, key: bytes, epoch: int = 1) -> None:
        self.key = key
        self.epoch = epoch
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def kept(most: int, *runs: Any) -> Suspended:
    suspended = Suspended(most)
    for run in runs:
        suspended.keep(run)
    return suspended


def test_the_oldest_makes_room_and_is_closed() -> None:
    a, b, c = Run(b"a"), Run(b"b"), Run(b"c")
    suspended = kept(2, a, b, c)
    assert list(suspended) == [b"b", b"c"]
    assert [run.closed for run in (a, b, c)] == [1, 0, 0]


def test_it_reads_as_epochs_by_key() -> None:
    suspended = kept(5, Run(b"a", 3), Run(b"b", 4))
    assert dict(suspended) == {b"a": 3, b"b": 4}
    assert len(suspended) == 2
    assert suspended.get(b"c") is None
    assert b"a" in suspended


def test_a_run_is_given_out_once_and_not_closed() -> None:
    run = Run(b"a")
    suspended = kept(5, run)
    assert suspended.get_run(b"a") is run  # type: ignore[comparison-overlap]
    assert suspended.take(b"a") is run  # type: ignore[comparison-overlap]
    assert suspended.take(b"a") is None
    assert suspended.get_run(b"a") is None
    assert run.closed == 0


def test_one_that_was_taken_and_kept_again_is_the_youngest() -> None:
    a, b, c = Run(b"a"), Run(b"b"), Run(b"c")
    suspended = kept(2, a, b)
    suspended.take(b"a")
    suspended.keep(a)  # type: ignore[arg-type]
    suspended.keep(c)  # type: ignore[arg-type]
    assert list(suspended) == [b"a", b"c"]
    assert b.closed == 1


def test_it_may_change_while_it_is_iterated() -> None:
    suspended = kept(5, Run(b"a"), Run(b"b"))
    for key in suspended:
        suspended.take(key)
    assert len(suspended) == 0


def test_without_room_nothing_is_kept() -> None:
    run = Run(b"a")
    assert len(kept(0, run)) == 0
    assert run.closed == 1


def test_closing_lets_go_of_all() -> None:
    runs = [Run(b"a"), Run(b"b")]
    suspended = kept(5, *runs)
    suspended.close()
    assert [run.closed for run in runs] == [1, 1]
    assert len(suspended) == 0
