import logging
import warnings

import pytest

from stepwell.cli.warned import plain_warnings, unlogged
from stepwell.errors import DurationWarning


def test_a_warning_of_no_line_of_code_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    others: list[object] = []
    monkeypatch.setattr(warnings, "showwarning", lambda *told: others.append(told))
    plain_warnings()
    warnings.showwarning(DurationWarning("\x1b[2Jmeant\nso"), DurationWarning, "STEPWELL_GRACE", 0)
    assert capsys.readouterr().err == "warning: \\x1b[2Jmeant\\nso\n"
    assert others == []
    warnings.showwarning(DurationWarning("line"), DurationWarning, "app.py", 3)
    assert len(others) == 1


def test_a_logger_is_silent_for_a_while(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("stepwell.client")
    with unlogged("stepwell.client"):
        logger.warning("not this")
    logger.warning("but this")
    assert [record.getMessage() for record in caplog.records if record.name == logger.name] == ["but this"]
