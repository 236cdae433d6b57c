"""The tortured app, for the process that executes a run alone."""

import os

from tests.torture.flows import LOG, make_app

app = make_app("memory://", os.environ[LOG])
