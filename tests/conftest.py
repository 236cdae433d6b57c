"""What every test run says of itself."""

import signal

import pytest
from hypothesis import HealthCheck, settings

from tests import postgres

# How long an example takes says how busy the machine is, and nothing of what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# A shell that starts the tests in the background has them ignore interrupts, and programs that they start would, too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which database servers the tests have met: with fewer of them, less is shown."""
    terminalreporter.write_line(postgres.summary())
