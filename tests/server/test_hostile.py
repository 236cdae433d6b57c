"""Requests that are odd, broken or meant to do harm: each has one answer, and none of them is a 500."""

import contextlib
import gzip
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from stepwell.model.run import RunFilter
from stepwell.server import asgi
from tests.server.conftest import Client, client_of, first

pytestmark = pytest.mark.anyio
JSON = {"content-type": "application/json"}
START = '{"workflow":"echo","input":"ä"}'


# -- methods -------------------------------------------------------------------------------------------


async def test_head_is_get_without_the_body(api: Client) -> None:
    for path in ("/runs", "/session", "/runs/nobody", "http://127.0.0.1:8765/health", "http://127.0.0.1:8765/"):
        got, head = await api.get(path), await api.head(path)
        assert head.status_code == got.status_code, path
        assert (head.content, head.headers["content-type"]) == (b"", got.headers["content-type"])
        assert head.headers["content-length"] == str(len(got.content))
    status, headers, body = await first(api.at, "HEAD", "/api/v1/stream")  # has no end that could be left out
    assert (status, headers["allow"]) == (405, "GET")
    assert b"retry:" not in body


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/runs", "GET, HEAD, POST"),
        ("PATCH", "/runs/r", "GET, HEAD"),
        ("GET", "/runs/r/pause", "POST"),
        ("DELETE", "/keys", "GET, HEAD, POST"),
        ("TRACE", "/session", "DELETE, GET, HEAD, POST"),
        ("POST", "http://127.0.0.1:8765/static/a/b.js", "GET, HEAD"),
        ("OPTIONS", "/runs", "GET, HEAD, POST"),
    ],
)
async def test_a_method_that_a_path_has_not_says_which_it_has(api: Client, method: str, path: str, allow: str) -> None:
    answer = await api.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    assert answer.json()["code"] == "method_not_allowed"
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_whatever_is_accepted_json_is_given(api: Client) -> None:
    for accept in ("application/xml", "text/*;q=0.1", "*/*;q=0", "\x01"):
        answer = await api.get("/runs", headers={"accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")


# -- bodies --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (JSON, START.encode(), 201),
        ({"content-type": 'application/json; charset="UTF-8"'}, START.encode(), 201),
        ({"content-type": "application/json; charset=utf-8; x=y"}, START.encode(), 201),
        ({"content-type": "application/json; charset=latin-1"}, START.encode("latin-1"), 415),
        ({"content-type": "application/json; charset=utf-16"}, START.encode("utf-16"), 415),
        (JSON, START.encode("latin-1"), 400),
        ({"content-type": "text/plain"}, START.encode(), 415),
        ({"content-type": "application/x-www-form-urlencoded"}, b"workflow=echo", 415),
        ({}, START.encode(), 415),
        (JSON | {"content-encoding": "gzip"}, gzip.compress(b" " * 50_000_000 + START.encode()), 415),
        (JSON | {"content-encoding": "gzip"}, START.encode(), 415),
        (JSON | {"content-encoding": "identity"}, START.encode(), 201),
    ],
)
async def test_bodies_are_json_in_utf_8_and_not_compressed(
    api: Client, headers: dict[str, str], body: bytes, status: int
) -> None:
    answer = await api.post("/runs", content=body, headers=headers)
    assert answer.status_code == status, answer.text


async def test_a_length_without_end(api: Client) -> None:
    for said, status in (("9" * 5000, 413), ("²", 400), ("-1", 422)):
        found, _, _ = await first(api.at, "POST", "/api/v1/runs", JSON | {"content-length": said}, b"{}")
        assert found == status, said[:10]


async def test_of_a_repeated_name_the_last_one_counts(api: Client) -> None:
    body = b'{"workflow":"nap","workflow":"echo","id":"a","id":"b","input":{"x":{"k":1,"k":2}}}'
    started = await api.post("/runs", content=body, headers=JSON)
    assert (started.json()["id"], started.json()["workflow"]) == ("b", "echo")
    assert (await api.ended("b"))["result"] == {"x": {"k": 2}}
    same = await api.start("echo", {"x": {"k": 2}}, id="b")
    assert same["key"] == started.json()["key"]


@pytest.mark.parametrize(
    ("field", "status"),
    [
        ('"input":NaN', 400), ('"input":-Infinity', 400), ('"input":1e400', 400), ('"input":' + "9" * 5000, 400),
        ('"input":"\\ud800"', 400), ('"id":"\\udfff"', 400), ('"priority":' + "9" * 400, 422),
        ('"priority":1.5', 422), ('"priority":true', 422), ('"retries":-1', 422), ('"delay":1e300', 422),
        ('"delay":-1', 422), ('"delay":"soon"', 422), ('"deadline":1e308', 422), ('"tags":{"a":null}', 422),
        ('"tags":{"a":[1]}', 422), ('"id":""', 422), ('"id":null', 201), ('"reuse":"always"', 422),
        ('"id":"a\\u0000b"', 422), ('"queue":"a\\u0000"', 422), ('"name":"\\u0000"', 422),
        ('"tags":{"a":"\\u0000"}', 422), ('"tags":{"\\u0000":"a"}', 422), ('"input":"a\\u0000"', 422),
    ],
)  # fmt: skip
async def test_values_that_cannot_be_kept(api: Client, field: str, status: int) -> None:
    answer = await api.post("/runs", content=f'{{"workflow":"echo",{field}}}'.encode(), headers=JSON)
    assert answer.status_code == status, answer.text
    if status == 201:
        return
    batch = f'{{"runs":[{{"workflow":"echo","id":"fine"}},{{"workflow":"echo",{field}}}]}}'
    many = await api.post("/runs/batch", content=batch.encode(), headers=JSON)
    told = many.json()
    if many.status_code == 200:  # what only the type knows is told by position
        assert [set(result) for result in told["results"]] == [{"run"}, {"problem"}]
        assert told["results"][1]["problem"]["status"] == status
    else:
        assert many.status_code == status
        assert (await api.get("/runs/count")).json()["total"] == 0


async def test_a_nul_is_refused_in_everything_that_is_stored(api: Client) -> None:
    for path, body in (
        ("/events", {"event": "paid", "key": "a\0", "payload": {}}),
        ("/events", {"event": "paid", "key": "a", "id": "\0", "payload": {}}),
        ("/runs/r/events", {"event": "paid\0"}),
        ("/keys", {"name": "a\0", "scopes": ["read"]}),
    ):
        answer = await api.post(path, json=body)
        assert answer.status_code in (404, 422), path
    for path in ("/runs/a%00b", "/workflows/%00", "/bulk/%00", "/runs?parent=%00"):
        assert (await api.get(path)).status_code == 404
    for path in ("/runs?text=%00", "/runs?id=%00", "/runs/count?queue=%00"):
        assert (await api.get(path)).json() in ({"runs": [], "after": None}, {"total": 0, "by_status": {}})


# -- parameters ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/runs?limit=0", 422), ("/runs?limit=1001", 422), ("/runs?limit=" + "9" * 5000, 422), ("/runs?limit=x", 422),
        ("/runs?after=zz", 404), ("/runs?after=" + "00" * 400, 200), ("/runs?since=nan", 422),
        ("/runs?since=1e300", 422), ("/runs?since=99999-01-01", 422), ("/runs?id=%ff%fe", 200),
        ("/runs/%ff%fe", 404), ("/runs/r/calls/" + "9" * 30 + "/value", 404), ("/runs/r/calls/-1/value", 404),
        ("/runs/r/timeline?generation=" + "9" * 30, 404), ("/runs/r/journal?after=" + "9" * 30, 200),
        ("/runs/r/result?timeout=nan", 422), ("/runs/r/result?timeout=inf", 422), ("/runs/r/result?timeout=61", 422),
        ("/runs/histogram?since=0&until=1e12&buckets=1", 200), ("/runs/histogram?buckets=501", 422),
        ("/runs?tag=novalue", 422), ("/runs?status=" + ",".join(["failed"] * 101), 422),
    ],
)  # fmt: skip
async def test_parameters_at_and_beyond_their_ends(api: Client, path: str, status: int) -> None:
    await api.start("echo", 1, id="r")
    await api.ended("r")
    answer = await api.get(path)
    assert answer.status_code == status, answer.text


async def test_pages_stay_whole_while_runs_are_made(api: Client) -> None:
    for n in range(7):
        await api.start("echo", n, id=f"old-{n}")
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = (await api.get("/runs?limit=2" + (f"&after={after}" if after else ""))).json()
        seen += [run["id"] for run in page["runs"]]
        after = page["after"]
        await api.start("echo", 0)  # beside what is being read
    assert seen == [f"old-{n}" for n in reversed(range(7))]


# -- streams -------------------------------------------------------------------------------------------


async def cursor_of(server: Any, path: str, last: str | None = None) -> tuple[str, str]:
    """The first event of a stream, and its id."""
    _, _, body = await first(server, "GET", f"/api/v1{path}", {} if last is None else {"last-event-id": last})
    events = [dict(line.split(": ", 1) for line in block.splitlines()) for block in body.decode().split("\n\n")]
    told = next(event for event in events if "event" in event)
    return told["event"], told["id"]


@contextlib.asynccontextmanager
async def watched(server: Any) -> AsyncGenerator[None]:
    """While somebody listens, and the first look is over: places are remembered."""
    broadcaster = server.backend._services.broadcaster
    listener, _ = broadcaster.listen(RunFilter())
    assert b"event: ping" in await listener.get(60)
    yield
    broadcaster.forget(RunFilter(), listener)


async def test_a_place_in_another_server_s_stream_begins_anew(api: Client) -> None:
    other = asgi(api.app)
    async with client_of(other) as there:
        await there.get("/session")
        await api.get("/session")
        async with watched(api.at), watched(other):
            event, here = await cursor_of(api.at, "/stream")
            assert event != "reset"
            event, elsewhere = await cursor_of(other, "/stream", here)
            assert event == "reset"
            assert elsewhere.partition("-")[0] != here.partition("-")[0]
            assert (await cursor_of(api.at, "/stream", here))[0] != "reset", "its own place is taken up"
    await other.backend.close()


@pytest.mark.parametrize("last", ["{own}-999999", "{own}--1", "{own}-x", "{own}-" + "9" * 150, "-", "x", "é" * 100])
async def test_a_place_that_never_was_begins_anew(api: Client, last: str) -> None:
    await api.get("/session")
    async with watched(api.at):
        _, here = await cursor_of(api.at, "/stream")
        event, cursor = await cursor_of(api.at, "/stream", last.format(own=here.partition("-")[0]))
        assert event == "reset"
        assert cursor.partition("-")[0] == here.partition("-")[0]


async def test_a_place_is_no_longer_than_any_that_was_given(api: Client) -> None:
    status, _, body = await first(api.at, "GET", "/api/v1/stream", {"last-event-id": "x" * 201})
    assert status == 422
    assert json.loads(body)["code"] == "invalid_request"
