"""Query parameters that a route does not know."""

from typing import Any

import httpx
import pytest

from stepwell.server.document import document
from stepwell.server.parameters import known_to
from stepwell.server.routes import make
from stepwell.server.routing import SHAPES

pytestmark = pytest.mark.anyio


def test_what_is_known_is_what_the_document_says() -> None:
    served = [handler for route in make().routes for handler in getattr(route, "route_handlers", ())]
    known = {handler.operation_id: known_to(handler) for handler in served if SHAPES in handler.opt}
    told = {operation["operationId"]: {p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"}
            for methods in document()["paths"].values() for operation in methods.values()}  # fmt: skip
    assert {name: set(known[name]) for name in told} == told
    assert "status" in known["list_runs"]


@pytest.mark.parametrize(
    ("path", "name", "hint"),
    [
        ("/runs?statuss=failed", "statuss", "Is 'status' meant?"),
        ("/runs?status=failed&idd=a", "idd", "Is 'id' meant?"),
        ("/runs/count?zzz=1", "zzz", None),
        ("/workers?verbose=1", "verbose", None),
    ],
)
async def test_a_misspelt_filter_is_refused(api: httpx.AsyncClient, path: str, name: str, hint: str | None) -> None:
    answer = await api.get(path)
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "invalid_request")
    assert problem["errors"] == [{"path": name, "message": "unknown"}]
    assert problem.get("hint") == hint


async def test_what_is_known_passes(api: httpx.AsyncClient) -> None:
    assert (await api.get("/runs?status=failed&status=running&limit=5")).status_code == 200
    assert (await api.get("/runs?")).status_code == 200
    assert (await api.get("http://127.0.0.1:8765/runs?state=of+the+page")).status_code == 200
