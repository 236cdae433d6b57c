"""`stepwell openapi`."""

import json

from tests.cli.conftest import Invoke


def test_it_prints_the_document(stepwell: Invoke) -> None:
    told = stepwell("openapi")
    assert told.exit_code == 0
    assert json.loads(told.stdout)["openapi"].startswith("3.1")
