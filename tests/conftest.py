"""What every test run says of itself."""

import pytest

from tests import postgres


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which database servers the tests have met: with fewer of them, less is shown."""
    terminalreporter.write_line(postgres.summary())
