"""What every test run says of itself."""

import signal

import pytest

from tests import postgres

# A shell that starts the tests in the background has them ignore interrupts, and programs that they start would, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which database servers the tests have met: with fewer of them, less is shown."""
    terminalreporter.write_line(postgres.summary())
