"""Who may do what: every route with every kind of credential; origins, hosts, tokens."""

import re
from typing import Any

import pytest

from stepwell.client.keys import Keys
from stepwell.server import asgi
from stepwell.server.guard import PUBLIC, SCOPE, headers_of, is_loopback
from stepwell.server.routes import make
from tests.server.conftest import HERE, Client, client_of, first, serving

pytestmark = pytest.mark.anyio

# Written by hand: a route that is added or loses its guard differs from this.
ROUTES: dict[tuple[str, str], str] = {
    ("GET", "/api/v1/runs"): "read",
    ("GET", "/api/v1/runs/count"): "read",
    ("GET", "/api/v1/runs/histogram"): "read",
    ("POST", "/api/v1/runs"): "execute",
    ("POST", "/api/v1/runs/batch"): "execute",
    ("GET", "/api/v1/runs/{run_id}"): "read execute operate",
    ("GET", "/api/v1/runs/{run_id}/timeline"): "read",
    ("GET", "/api/v1/runs/{run_id}/children"): "read",
    ("GET", "/api/v1/runs/{run_id}/journal"): "read",
    ("GET", "/api/v1/runs/{run_id}/calls/{seq}/value"): "read",
    ("GET", "/api/v1/runs/{run_id}/logs"): "read",
    ("GET", "/api/v1/runs/{run_id}/events"): "read",
    ("GET", "/api/v1/runs/{run_id}/result"): "read execute",
    ("GET", "/api/v1/runs/{run_id}/stream"): "read",
    ("GET", "/api/v1/stream"): "read",
    ("POST", "/api/v1/runs/{run_id}/pause"): "operate",
    ("POST", "/api/v1/runs/{run_id}/resume"): "operate",
    ("POST", "/api/v1/runs/{run_id}/cancel"): "operate",
    ("POST", "/api/v1/runs/{run_id}/terminate"): "operate",
    ("POST", "/api/v1/runs/{run_id}/restart"): "operate",
    ("POST", "/api/v1/runs/{run_id}/retry"): "operate",
    ("POST", "/api/v1/runs/{run_id}/unpin"): "operate",
    ("POST", "/api/v1/runs/{run_id}/events"): "execute",
    ("POST", "/api/v1/events"): "execute",
    ("POST", "/api/v1/bulk/preview"): "operate",
    ("POST", "/api/v1/bulk"): "operate",
    ("GET", "/api/v1/bulk/{job}"): "read operate",
    ("GET", "/api/v1/workflows"): "read",
    ("GET", "/api/v1/workflows/{name}"): "read",
    ("GET", "/api/v1/event-types"): "read",
    ("GET", "/api/v1/overview"): "read",
    ("GET", "/api/v1/queues"): "read",
    ("GET", "/api/v1/workers"): "read",
    ("GET", "/api/v1/failures"): "read",
    ("GET", "/api/v1/versions"): "read",
    ("GET", "/api/v1/pins"): "read",
    ("GET", "/api/v1/keys"): "admin",
    ("POST", "/api/v1/keys"): "admin",
    ("DELETE", "/api/v1/keys/{key_id}"): "admin",
    ("GET", "/api/v1/audit"): "admin",
    ("GET", "/api/v1/session"): PUBLIC,
    ("POST", "/api/v1/session"): PUBLIC,
    ("DELETE", "/api/v1/session"): PUBLIC,
    ("GET", "/api/v1/openapi.json"): PUBLIC,
    ("GET", "/health"): PUBLIC,
    ("GET", "/ready"): PUBLIC,
    ("GET", "/metrics"): "read",
    ("GET", "/static/{path}"): PUBLIC,
    ("GET", "/favicon.ico"): PUBLIC,
    **{("GET", page): PUBLIC for page in (
        "/", "/runs", "/runs/{page}", "/workflows", "/workflows/{page}", "/start", "/start/{page}", "/queues",
        "/events", "/failures", "/schedules", "/login", "/workers", "/versions", "/settings")},
}  # fmt: skip


def served() -> dict[tuple[str, str], Any]:
    found = {}
    for route in make().routes:
        for handler in route.route_handlers:  # type: ignore[union-attr]
            for method in handler.http_methods:  # type: ignore[union-attr]
                if method != "OPTIONS" and SCOPE in handler.opt:
                    found[str(method), re.sub(r":\w+\}", "}", route.path)] = " ".join(handler.opt[SCOPE])
    return found


def filled(path: str) -> str:
    return path.replace("{seq}", "0").replace("{path}", "app.js").replace("{", "").replace("}", "")


def test_the_table_has_every_route() -> None:
    assert served() == ROUTES


def test_every_handler_says_its_scope() -> None:
    for route in make().routes:
        for handler in route.route_handlers:  # type: ignore[union-attr]
            methods = {str(method) for method in handler.http_methods}  # type: ignore[union-attr]
            assert SCOPE in handler.opt or methods == {"OPTIONS"}, route.path


async def credentials(client: Client) -> dict[str, dict[str, str]]:
    """Headers by the name of what they stand for."""
    engine = client.app._engine()
    keys = Keys(engine.store, engine.clock)
    made = {}
    for scope in ("read", "operate", "execute", "admin"):
        made[scope] = (await keys.create(scope, [scope]))[1]
    revoked, made["revoked"] = await keys.create("revoked", ["admin"])
    await keys.revoke(revoked.id)
    made["expired"] = (await keys.create("expired", ["admin"], expires_in=10))[1]
    made["unknown"] = "swk_" + "A" * 43
    await client.env.advance(60)
    headers = {name: {"authorization": f"Bearer {secret}"} for name, secret in made.items()}
    return headers | {"none": {}, "basic": {"authorization": "Basic YTpi"},
                      "cookie": {"cookie": "stepwell_session=" + "A" * 43}}  # fmt: skip


async def test_every_route_with_every_credential(api: Client) -> None:
    held = await credentials(api)
    wrong = []
    for (method, path), scope in ROUTES.items():
        for name, headers in held.items():
            status, _, _ = await first(api.at, method, filled(path), headers)
            if scope == PUBLIC:
                # A login with nothing in it says that, or that its body is none; it is not refused for its headers.
                ok = status not in (401, 403)
            elif name in ("none", "basic", "cookie", "revoked", "expired", "unknown"):
                ok = status == 401
            elif name in (*scope.split(), "admin"):
                ok = status not in (401, 403)
            else:
                ok = status == 403
            if not ok:
                wrong.append((method, path, name, status))
    assert wrong == []


async def test_a_refusal_shows_nothing_of_the_run(api: Client) -> None:
    await api.start("echo", {"value": "canary-8812"}, id="r1")
    await credentials(api)
    for path in ("/api/v1/runs/r1", "/api/v1/runs", "/api/v1/runs/r1/journal", "/metrics"):
        _, _, body = await first(api.at, "GET", path)
        assert b"canary" not in body
        assert b'"unauthenticated"' in body


async def test_open_only_from_this_machine_and_until_there_is_a_key(api: Client) -> None:
    assert (await first(api.at, "GET", "/api/v1/runs"))[0] == 200
    assert (await first(api.at, "GET", "/api/v1/runs", client=("10.0.0.7", 1)))[0] == 401
    assert (await first(api.at, "GET", "/api/v1/runs", client=None))[0] == 401
    for header in ("forwarded", "x-forwarded-for", "x-real-ip", "via"):
        assert (await first(api.at, "GET", "/api/v1/runs", {header: "127.0.0.1"}))[0] == 401
    engine = api.app._engine()
    key, _ = await Keys(engine.store, engine.clock).create("k", ["read"])
    await api.env.advance(2)
    assert (await first(api.at, "GET", "/api/v1/runs"))[0] == 401
    await Keys(engine.store, engine.clock).revoke(key.id)  # the last key that goes opens nothing
    await api.env.advance(2)
    assert (await first(api.at, "GET", "/api/v1/runs"))[0] == 401


async def test_an_open_server_can_be_closed() -> None:
    async with serving(open=False) as api:
        assert (await api.get("/runs")).status_code == 401


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:8765", 200), ("127.0.0.1", 200), ("[::1]:80", 200), ("app.localhost", 200), ("evil.example", 421),
     ("127.0.0.1.evil.example", 421), ("", 421), ("2130706433", 421), ("0.0.0.0", 421), ("a@127.0.0.1", 200)],
)  # fmt: skip
async def test_a_rebound_name_is_refused(api: Client, host: str, status: int) -> None:
    answer = await first(api.at, "GET", "/api/v1/session", {"host": host})
    assert answer[0] == status or (status == 200 and answer[0] == 400)  # the framework refuses some by itself


async def test_other_names_can_be_allowed() -> None:
    async with serving(hosts=("box.lan",)) as api:
        assert (await first(api.at, "GET", "/api/v1/runs", {"host": "box.lan"}))[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "https://127.0.0.1:8765"},
        {"origin": "http://127.0.0.1:8765.evil.example"},
        {"origin": "http://[::1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "cross-site", "origin": HERE},
    ],
)
async def test_writes_of_other_pages_are_refused(api: Client, headers: dict[str, str]) -> None:
    headers = headers | {"x-csrf-token": "open"}
    for method, path in (("POST", "/runs"), ("POST", "/session"), ("DELETE", "/session"), ("POST", "/bulk")):
        answer = await api.request(method, path, json={"workflow": "echo"}, headers=headers)
        assert answer.status_code == 403, path
        assert answer.json()["code"] == "foreign_origin"
    assert (await api.get("/runs/count")).json()["total"] == 0


async def test_a_browser_of_an_open_server_sends_the_header(api: Client) -> None:
    browser = {"origin": HERE, "sec-fetch-site": "same-origin"}
    body = {"workflow": "echo", "input": 1}
    assert (await api.post("/runs", json=body, headers=browser)).status_code == 403
    assert (await api.post("/runs", json=body, headers=browser | {"x-csrf-token": "open"})).status_code == 201
    assert (await api.post("/runs", json=body)).status_code == 201  # a program says nothing of pages


async def test_a_session_needs_its_own_token(api: Client) -> None:
    engine = api.app._engine()
    _, secret = await Keys(engine.store, engine.clock).create("k", ["execute", "read"])
    told = (await api.post("/session", json={"key": secret}, headers={"origin": HERE})).json()
    body = {"workflow": "echo", "input": 1}
    for token in (None, "", "open", told["csrf"][:-1], told["csrf"] + "x"):
        headers = {} if token is None else {"x-csrf-token": token}
        assert (await api.post("/runs", json=body, headers=headers)).status_code == 403, token
    answer = await api.post("/runs", json=body, headers={"x-csrf-token": told["csrf"], "origin": HERE})
    assert answer.status_code == 201
    bearer = {"authorization": f"Bearer {secret}"}
    async with client_of(api.at) as program:
        assert (await program.post("/runs", json=body, headers=bearer)).status_code == 201


async def test_a_plain_form_is_refused(api: Client) -> None:
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"):
        answer = await api.post("/runs", content=b'{"workflow":"echo"}', headers={"content-type": kind})
        assert answer.status_code == 415


async def test_a_route_without_a_scope_is_served_to_nobody(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from stepwell.server import guard as module

    server = asgi(api.app)
    for route in server._inner.routes:  # type: ignore[attr-defined]
        for handler in route.route_handlers:
            if route.path == "/api/v1/runs":
                monkeypatch.setitem(handler.opt, module.SCOPE, None)
    assert (await first(server, "GET", "/api/v1/runs"))[0] == 403


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("[::1]", True), ("localhost", True),
     ("fe80::1%lo", False),
     ("0.0.0.0", False), ("10.0.0.1", False), ("localhost.evil.example", False), ("", False)],
)  # fmt: skip
def test_what_this_machine_is(host: str, own: bool) -> None:
    assert is_loopback(host) is own


def test_headers_are_read_by_lower_case_name() -> None:
    assert headers_of([(b"X-A", b"1"), (b"x-a", b"2")]) == {"x-a": "2"}
