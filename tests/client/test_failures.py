"""Failures by cause. How they are shown over REST: tests/server/test_figures.py."""

import pytest

from stepwell.client.failures import Piece, blamed, pieces_of, split_reason
from stepwell.model.entry import Finished, Started, Stepped
from stepwell.model.failure import Failure


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("order 17 is late", "order ‹n› is late"),
        ("at 2026-11-21T10:00:00Z it stopped", "at ‹date› it stopped"),
        ("since 2026-11-21", "since ‹date›"),
        ("no user 'ada'", "no user ‹str›"),
        ('no "x" in "y"', "no ‹str› in ‹str›"),
        ("run 019aa6b2-c4d5-7e8f-90a1-b2c3d4e5f607 gone", "run ‹id› gone"),
        ("key 019aa6b2c4d57e8f90a1b2c3d4e5f607", "key ‹id›"),
        ("object at 0x7f00aa", "object at ‹id›"),
        ("1,204.5 of -3", "‹n› of ‹n›"),
        ("it's one's own", "it‹str›s own"),
        ("utf8 and v2 stay", "utf8 and v2 stay"),
        ("", ""),
    ],
)
def test_what_differs_is_a_hole(text: str, normal: str) -> None:
    assert "".join(p.text if p.text is not None else f"‹{p.hole}›" for p in pieces_of(text)) == normal


def test_like_messages_come_out_alike() -> None:
    assert pieces_of("card 1 of 'a'") == pieces_of("card 22 of 'bcd'") == [
        Piece(text="card "), Piece(hole="n"), Piece(text=" of "), Piece(hole="str")]  # fmt: skip
    assert pieces_of("x" * 100_000) == [Piece(text="x" * 100_000)]


@pytest.mark.parametrize(
    ("reason", "parts"),
    [("ValueError: no", ("ValueError", "no")), ("stepwell.StepError: a: b", ("StepError", "a: b")),
     ("KeyError", ("KeyError", "")), ("something else", ("Error", "something else")), (None, ("Error", ""))],
)  # fmt: skip
def test_reasons(reason: str | None, parts: tuple[str, str]) -> None:
    assert split_reason(reason) == parts


def test_the_step_is_blamed_where_it_was_its_failure() -> None:
    there = Failure(type="E", message="m", traceback="there")
    here = Failure(type="E", message="m", traceback="here")
    step = Stepped(call="a", error=there)
    assert blamed([Started(), step, Finished(status="failed", error=here, cause="a")]) is there
    other = Failure(type="F", message="m")
    assert blamed([step, Finished(status="failed", error=other, cause="a")]) is other
    assert blamed([step, Finished(status="failed", error=here)]) is here
    assert blamed([Finished(status="succeeded")]) is None
    assert blamed([]) is None
