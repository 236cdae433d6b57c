import pytest

from stepwell.cli.failures import FAILED, NOT_FOUND, REFUSED, USAGE, WORLD, Shown, exit_code_of, shown
from stepwell.client.discover import AppBroken
from stepwell.errors import ERRORS, Conflict, NotFound, RunFailed


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_every_error_has_a_documented_exit_code(code: str) -> None:
    assert exit_code_of(ERRORS[code].__new__(ERRORS[code])) in (FAILED, USAGE, NOT_FOUND, REFUSED, WORLD)


def test_an_error_is_shown_with_code_and_hint(capsys: pytest.CaptureFixture[str]) -> None:
    failure = shown(NotFound("there is no \x1b[2Jrun", expected="one", hint="Look again."))
    assert isinstance(failure, Shown)
    assert failure.exit_code == NOT_FOUND
    failure.show()
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "error[not_found]: there is no \\x1b[2Jrun; expected one. Look again.\n"


def test_the_users_own_traceback_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    failure = shown(AppBroken("importing app.py failed", traceback="Traceback …\n  app.py\x07"))
    assert isinstance(failure, Shown)
    failure.show()
    assert capsys.readouterr().err.splitlines()[:2] == ["Traceback …", "  app.py\\x07"]


def test_others_are_bugs() -> None:
    bug = KeyError("x")
    assert shown(bug) is bug
    assert exit_code_of(RunFailed("it")) == FAILED
    assert exit_code_of(Conflict("it")) == REFUSED
