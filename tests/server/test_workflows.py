"""Workflows and events over REST."""

import pytest

from tests.server.conftest import Client

pytestmark = pytest.mark.anyio


async def test_what_there_is(api: Client) -> None:
    answer = (await api.get("/workflows")).json()
    kinds = [one["kind"] for one in answer["workflows"]]
    assert kinds == sorted(kinds, reverse=True)  # workflows first
    assert answer["counts"] == {"workflows": kinds.count("workflow"), "steps": kinds.count("step")}
    assert kinds.count("step") >= 3
    told = {one["name"]: one for one in answer["workflows"]}
    buy = told["buy"]
    assert (buy["kind"], buy["doc"].splitlines()[0], buy["known"], buy["workers"]) == ("workflow", "Buys.", True, 1)
    assert buy["source"]["file"].endswith("shop.py")
    assert told["charge"]["kind"] == "step"
    assert told["charge"]["policy"] == "2 attempts, 1s apart, doubling"
    assert told["typed"]["on"] == ["paid"]
    one = (await api.get("/workflows/buy")).json()
    assert one == buy
    assert (await api.get("/workflows/nothing")).status_code == 404


async def test_a_form_can_be_made_from_the_schema(api: Client) -> None:
    schema = (await api.get("/workflows/typed")).json()["input_schema"]
    properties = schema["properties"]
    assert {"type": "string", "format": "date-time"} in properties["when"]["anyOf"]
    assert properties["total"] == {"type": "string", "format": "decimal", "default": "1.5"}
    assert {"type": "string", "format": "uuid"} in properties["of"]["anyOf"]
    assert properties["data"]["contentEncoding"] == "base64"
    assert properties["mode"] == {"enum": ["a", "b"], "default": "a"}
    card = schema["$defs"]["Card"]["properties"]
    assert card["pin"]["x-stepwell-secret"] is True
    order = (await api.get("/workflows/buy")).json()["input_schema"]
    assert order["required"] == ["order"]
    assert order["$defs"]["Order"]["properties"]["amount"] == {"type": "integer", "minimum": 1}


async def test_events(api: Client) -> None:
    told = (await api.get("/event-types")).json()["events"]
    assert [event["name"] for event in told] == ["done", "paid"]
    assert told[1]["schema"]["type"] == "object"
