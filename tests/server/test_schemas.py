"""What routes take and give, read from their handlers."""

from typing import Any

from litestar.response import Stream

from stepwell.server.bodies import StartBody
from stepwell.server.problems import Problem
from stepwell.server.routes import make
from stepwell.server.schemas import Schemas, answers_of, body_of, shapes_of


def handler(operation: str) -> Any:
    handlers = [h for route in make().routes for h in getattr(route, "route_handlers", ())]
    return next(h for h in handlers if h.operation_id == operation)


def test_bodies_and_answers() -> None:
    from stepwell.client.shapes import Run

    start = handler("start_run")
    assert body_of(start) is StartBody
    assert answers_of(start) == {201: Run, 200: Run}
    assert shapes_of(start) == [StartBody, Run, Run]
    assert body_of(handler("list_runs")) is None
    assert answers_of(handler("revoke_key")) == {204: None}
    assert shapes_of(handler("stream_runs")) == []
    assert answers_of(handler("stream_runs")) == {200: Stream}


def test_a_parameter_that_may_be_left_out_is_never_null() -> None:
    operation: dict[str, Any] = {
        "parameters": [{"schema": {"oneOf": [{"type": "string"}, {"type": "null"}], "maxLength": 3}}],
        "responses": {"200": {}, "404": {}},
    }
    Schemas([Problem]).put_into(operation, handler("read_value"))
    assert operation["parameters"][0]["schema"] == {"type": "string", "maxLength": 3}
    assert operation["responses"]["200"]["content"] == {"application/json": {"schema": {}}}
    assert "application/problem+json" in operation["responses"]["404"]["content"]
