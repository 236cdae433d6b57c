"""The API's own description: whole, and true to the routes."""

import json
from typing import Any

import pytest

from stepwell.server.document import document, encoded
from stepwell.server.examples import EXAMPLES
from stepwell.server.guard import PUBLIC
from tests.server.test_guard import ROUTES

METHODS = ("get", "post", "delete")
TOLD = document()
OPERATIONS = [(path, method, operation) for path, methods in TOLD["paths"].items()
              for method, operation in methods.items()]  # fmt: skip


def test_it_is_openapi_3_1_of_every_route() -> None:
    assert TOLD["openapi"].startswith("3.1")
    told = {(method.upper(), path) for path, method, _ in OPERATIONS}
    hidden = {route for route, scope in ROUTES.items() if not route[1].startswith("/api") and scope == PUBLIC}
    assert told == set(ROUTES) - hidden | {("GET", "/health"), ("GET", "/ready")}
    assert json.loads(encoded()) == TOLD


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS, ids=lambda value: str(value)[:40])
def test_every_operation_is_described(path: str, method: str, operation: dict[str, Any]) -> None:
    assert method in METHODS
    assert operation["summary"]
    assert operation["description"]
    assert operation["operationId"].isidentifier()
    ok = [status for status in operation["responses"] if status.startswith("2")]
    assert ok
    for status, response in operation["responses"].items():
        assert response["description"], status
        if status == "204":
            continue
        ((media, content),) = response["content"].items()
        assert "schema" in content
        assert (media == "application/problem+json") is (status not in ok)
    for parameter in operation.get("parameters", ()):
        assert "oneOf" not in parameter["schema"]  # a parameter cannot be null
    scope = ROUTES[method.upper(), path]
    needed = [] if scope == PUBLIC else scope.split()
    assert operation["security"] == [{kind: [one]} for one in needed for kind in ("key", "session")]
    errors = {"422", "503", "504"} | (set() if scope == PUBLIC else {"401", "403"})
    assert errors <= set(operation["responses"])
    if method != "get":
        assert {"400", "403", "413", "415"} <= set(operation["responses"])


def test_operations_have_names_of_their_own() -> None:
    names = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(set(names)) == len(names)


def test_references_lead_somewhere() -> None:
    def references(node: Any) -> Any:
        if isinstance(node, dict):
            yield from [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            for child in node.values():
                yield from references(child)
        elif isinstance(node, list):
            for child in node:
                yield from references(child)

    for reference in set(references(TOLD)):
        assert reference.removeprefix("#/components/schemas/") in TOLD["components"]["schemas"], reference


def test_examples_fit_their_schemas() -> None:
    import jsonschema_rs

    for name, example in EXAMPLES.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": TOLD["components"]}
        jsonschema_rs.validator_for(schema).validate(example)
