import io
import json
import re

import pytest

from stepwell.cli import terminal
from stepwell.cli.terminal import cut, fancy, line, print_json, styled, table, width


class Tty(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_only_a_terminal_with_colours_is_fancy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    assert fancy(Tty())
    assert not fancy(io.StringIO())
    monkeypatch.setenv("TERM", "dumb")
    assert not fancy(Tty())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not fancy(Tty())
    assert styled("x", "bold red", Tty()) == "x"
    monkeypatch.setenv("NO_COLOR", "")
    assert styled("x", "bold red", Tty()) == "\x1b[31m\x1b[1mx\x1b[0m"
    assert styled("\x1b", "", Tty()) == "\\x1b"


def test_lines(capsys: pytest.CaptureFixture[str]) -> None:
    line("a ", ("b\x1b", "red"), "\nc")
    line("oh", err=True)
    out, err = capsys.readouterr()
    assert out == "a b\\x1b\\nc\n"
    assert err == "oh\n"


def test_tables(capsys: pytest.CaptureFixture[str]) -> None:
    table(["NAME", "N"], [["漢字", "1"], [("long name", "red"), "1000"]], right=["N"], squeeze={"NAME": 0})
    assert capsys.readouterr().out.splitlines() == ["NAME          N", "漢字          1", "long name  1000"]


def test_a_terminal_is_not_overflowed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "fancy", lambda *_: True)
    monkeypatch.setenv("COLUMNS", "40")
    table(["ID", "ABOUT"], [["a" * 20, "b" * 100]], squeeze={"ABOUT": 0})
    assert f"{'b' * 17}…" in capsys.readouterr().out


def test_columns_give_way_in_turn_and_those_that_may_vanish(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "fancy", lambda *_: True)

    def printed(columns: int) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        table(["ID", "WORKFLOW", "STATUS", "ABOUT"], [["a" * 32, "w" * 20, "succeeded", "b" * 30]],
              squeeze={"ABOUT": 0, "WORKFLOW": 8})  # fmt: skip
        plain = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
        assert all(len(line) <= columns for line in plain.splitlines())
        return plain.splitlines()[1].split()

    whole = ["a" * 32, "w" * 20, "succeeded"]
    assert printed(100) == [*whole, "b" * 30]
    assert printed(75) == [*whole, "b" * 7 + "…"]
    assert printed(70) == whole
    assert printed(60) == ["a" * 32, "w" * 14 + "…", "succeeded"]


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("漢", 2), ("e\u0301", 1), ("✓", 1)])
def test_width(text: str, columns: int) -> None:
    assert width(text) == columns


def test_cut() -> None:
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "ab…"
    assert cut("漢字漢字", 5) == "漢字…"
    assert cut("x" * 10_000_000, 3) == "xx…"


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"evil": "\x1b\x9b\u202e", "n": 1}
    print_json(value)
    out = capsys.readouterr().out
    assert json.loads(out) == value
    assert not set(out) & set("\x1b\x9b\u202e")
