"""Random requests made from the API's own description: no failure of ours, and no answer that it does not describe."""

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from stepwell.client.keys import Keys
from stepwell.server.document import document
from tests.server.live import Live, live
from tests.server.shop import XSS, shop

WANTED = os.environ.get("STEPWELL_FUZZ")
EXAMPLES = int(WANTED or "12")
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
          response_schema_conformance)  # fmt: skip
STREAMS = ("stream_runs", "stream_run")
"""They never end: test_live.py reads them."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Live, dict[str, str]]]:
    path: Path = tmp_path_factory.mktemp("fuzz") / "fuzz.db"
    with live(lambda: shop(f"sqlite:///{path}", durability="normal")) as server:
        engine = server.app._engine()
        _, secret = server.run(Keys(engine.store, engine.clock).create("fuzz", ["admin"]))
        for number, text in enumerate(XSS):
            server.run(server.app.start("fail", text, id=f"r{number}", tags={"text": text}))
        server.run(server.app.start("nap", 3600, id="nap"))
        yield server, {"Authorization": f"Bearer {secret}"}


schema = schemathesis.openapi.from_dict(document())


@schema.exclude(operation_id=list(STREAMS)).parametrize()
@settings(max_examples=EXAMPLES, derandomize=WANTED is None, deadline=None,
          suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate])  # fmt: skip
def test_every_answer_is_described(case: Any, served: tuple[Live, dict[str, str]]) -> None:
    server, headers = served
    if case.operation.definition.raw["operationId"] == "wait_result":
        case.query["timeout"] = 0
    response = case.call(base_url=server.url, headers=headers, timeout=60)
    case.validate_response(response, checks=CHECKS)
