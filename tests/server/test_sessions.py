"""Logging in by key: the cookie, the token, the bounds on guessing."""

from http.cookies import SimpleCookie

import pytest

from stepwell.client.keys import Keys
from stepwell.client.redact import HIDDEN
from tests.server.conftest import HERE, Client, client_of, first, serving

pytestmark = pytest.mark.anyio


async def key(api: Client, *scopes: str) -> tuple[str, str]:
    engine = api.app._engine()
    made, secret = await Keys(engine.store, engine.clock).create("ada", scopes or ("read",))
    await api.env.advance(2)
    return made.id, secret


async def test_who_am_i(api: Client) -> None:
    told = (await api.get("/session")).json()
    assert (told["authenticated"], told["open"], told["name"]) == (True, True, "local")
    assert told["scopes"] == ["admin", "execute", "operate", "read"]
    assert (told["namespace"], told["database"]) == ("default", "memory")
    await key(api)
    answer = await api.get("/session")
    assert (answer.status_code, answer.json()["authenticated"], answer.json()["scopes"]) == (200, False, [])
    wrong = await api.get("/session", headers={"authorization": "Bearer swk_nonsense"})
    assert (wrong.status_code, wrong.json()["authenticated"]) == (200, False)


async def test_logging_in_and_out(api: Client) -> None:
    _, secret = await key(api)
    answer = await api.post("/session", json={"key": f" {secret} "}, headers={"origin": HERE})
    assert answer.status_code == 200
    cookie = SimpleCookie(answer.headers["set-cookie"])["stepwell_session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["secure"]) == (True, "strict", "/", "")
    assert secret not in answer.text
    told = (await api.get("/session")).json()
    assert (told["name"], told["scopes"], told["open"]) == ("ada", ["read"], False)
    assert told["expires_at"]
    assert (await api.get("/runs")).status_code == 200
    assert (await api.delete("/session")).status_code == 403  # its own token goes with every write
    token = {"x-csrf-token": told["csrf"]}
    out = await api.delete("/session", headers=token)
    assert out.status_code == 204
    assert SimpleCookie(out.headers["set-cookie"])["stepwell_session"]["max-age"] == "0"
    assert (await first(api.at, "GET", "/api/v1/runs", {"cookie": f"stepwell_session={cookie.value}"}))[0] == 401


async def test_over_https_and_under_a_mount_the_cookie_is_narrower(api: Client) -> None:
    _, secret = await key(api)
    body = b'{"key":"%s"}' % secret.encode()
    _, headers, _ = await first(api.at, "POST", "/ops/api/v1/session", {"content-type": "application/json"}, body,
                                scheme="https", root_path="/ops")  # fmt: skip
    cookie = SimpleCookie(headers["set-cookie"])["stepwell_session"]
    assert (cookie["secure"], cookie["path"]) == (True, "/ops")


async def test_a_session_ends_with_its_time_and_with_its_key() -> None:
    async with serving(session=600.0) as api:
        key_id, secret = await key(api)
        await api.post("/session", json={"key": secret})
        assert (await api.get("/runs")).status_code == 200
        await api.env.advance(601)
        assert (await api.get("/runs")).status_code == 401
        await api.post("/session", json={"key": secret})
        assert (await api.get("/runs")).status_code == 200
        engine = api.app._engine()
        await Keys(engine.store, engine.clock).revoke(key_id)
        await api.env.advance(2)
        assert (await api.get("/runs")).status_code == 401
        left = await engine.store.records("session")
        assert len(left) == 1  # the one that had expired went with the second login


async def test_neither_key_nor_token_is_stored(api: Client) -> None:
    _, secret = await key(api)
    await api.post("/session", json={"key": secret})
    token = api.cookies["stepwell_session"]
    kept = repr(await api.app._engine().store.dump())
    assert secret not in kept
    assert token not in kept


async def test_guessing_is_bounded_per_address_and_overall(api: Client) -> None:
    _, secret = await key(api)
    wrong = {"key": "swk_" + "x" * 43}
    codes = [(await api.post("/session", json=wrong)).status_code for _ in range(12)]
    assert codes == [401] * 10 + [429] * 2
    locked = await api.post("/session", json={"key": secret})
    assert locked.status_code == 429
    assert 1 <= int(locked.headers["retry-after"]) <= 60
    async with client_of(api.at, client=("127.0.0.2", 1)) as other:
        assert (await other.post("/session", json={"key": secret})).status_code == 200
    for address in range(9):
        async with client_of(api.at, client=(f"127.0.1.{address}", 1)) as other:
            for _ in range(10):
                await other.post("/session", json=wrong)
    async with client_of(api.at, client=("127.0.2.1", 1)) as other:
        assert (await other.post("/session", json={"key": secret})).status_code == 429
        await api.env.advance(61)
        assert (await other.post("/session", json={"key": secret})).status_code == 200


async def test_what_is_secret_is_hidden_from_whoever_is_no_admin() -> None:
    order = {"order": {"id": "7", "amount": 5}}
    async with serving() as api:
        await api.start("buy", order, id="b")
        await api.env.settle()
        paid = {"event": "paid", "key": "7", "payload": {"password": "p4ss", "Card-Number": 4242, "ok": 1}}
        await api.post("/events", json=paid)
        card = {"card": {"number": "1", "pin": "9999", "api_key": "k3y"}}
        await api.start("typed", card, id="t")
        await api.ended("b")
        seen = {}
        _, admin = await key(api, "admin")
        _, reader = await key(api, "read")
        for name, secret in (("admin", admin), ("reader", reader)):
            headers = {"authorization": f"Bearer {secret}"}
            paths = ("/runs/b", "/runs/b/journal", "/runs/b/timeline", "/runs/b/events", "/runs/b/result",
                     "/runs/b/calls/3/value", "/runs/t", "/runs/t/journal")  # fmt: skip
            seen[name] = "".join([(await api.get(path, headers=headers)).text for path in paths])
        for canary in ("p4ss", "4242", "t0p", "9999", "k3y"):
            assert canary in seen["admin"], canary
            assert canary not in seen["reader"], canary
        assert HIDDEN in seen["reader"]
        assert '"number":"1"' in seen["reader"]
