"""Requests: what is repeated and what is not, what becomes of the answers, and whom the client trusts."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from stepwell.client import http as module
from stepwell.client.http import OUTLAST_S, Http, checked_url
from stepwell.errors import (
    Conflict,
    Forbidden,
    InvalidOption,
    NotAServer,
    ServerUnavailable,
    StepwellError,
    Unauthenticated,
)

Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE", 0.0001)
    monkeypatch.setattr(module, "LONGEST_PAUSE", 0.001)


class Script:
    """Answers one after the other, the last one for ever; an exception is raised in place of an answer."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx.Response):
            return answer
        return httpx.Response(200, json=answer)


def ask(script: Handler, talk: Callable[[Http], Awaitable[Any]], **options: Any) -> Any:
    async def main() -> Any:
        http = Http("https://wells.example", "swk_secret", **options)
        await http.open()
        assert http._client is not None
        headers = http._client.headers
        await http._client.aclose()
        http._client = httpx.AsyncClient(transport=httpx.MockTransport(script), headers=headers)
        try:
            return await talk(http)
        finally:
            await http.close()

    return asyncio.run(main())


def problem(status: int, code: str, **more: Any) -> httpx.Response:
    body = {"type": "x", "title": "Title", "status": status, "detail": "what happened", "code": code, **more}
    return httpx.Response(status, json=body, headers={"Content-Type": "application/problem+json"})


def test_a_request_has_the_key_the_base_and_only_what_was_given() -> None:
    script = Script({"a": 1})
    params = {"x": [1, "b,c"], "none": None}
    assert ask(script, lambda http: http.get("/runs", dict[str, int], params=params)) == {"a": 1}
    (request,) = script.asked
    assert str(request.url) == "https://wells.example/api/v1/runs?x=1&x=b%2Cc"
    assert request.headers["Authorization"] == "Bearer swk_secret"
    assert request.headers["User-Agent"].startswith("stepwell/")


@pytest.mark.parametrize("first", [503, 502, 504, 429, httpx.ConnectError("refused"), httpx.ReadTimeout("slow"),
                                   httpx.RemoteProtocolError("cut")])  # fmt: skip
def test_what_is_safe_is_repeated(first: Any) -> None:
    answer = httpx.Response(first, headers={"Retry-After": "0"}) if isinstance(first, int) else first
    script = Script(answer, {"a": 1})
    assert ask(script, lambda http: http.get("/x", dict[str, int])) == {"a": 1}
    assert len(script.asked) == 2
    script = Script(answer, {"a": 1})
    assert ask(script, lambda http: http.post("/x", dict[str, int], {"id": "a"}, repeatable=True)) == {"a": 1}
    assert [request.content for request in script.asked] == [b'{"id":"a"}'] * 2


@pytest.mark.parametrize("answer", [problem(503, "store_unavailable"), httpx.ReadTimeout("slow"),
                                    httpx.RemoteProtocolError("cut")])  # fmt: skip
def test_what_may_have_happened_is_not_repeated(answer: Any) -> None:
    script = Script(answer, {"a": 1})
    with pytest.raises(StepwellError):
        ask(script, lambda http: http.post("/runs/a/restart", dict[str, int], repeatable=False))
    assert len(script.asked) == 1


@pytest.mark.parametrize("answer", [httpx.ConnectError("refused"), httpx.ConnectTimeout("nobody"),
                                    problem(429, "too_many_requests")])  # fmt: skip
def test_what_cannot_have_happened_is_repeated(answer: Any) -> None:
    script = Script(answer, {"a": 1})
    assert ask(script, lambda http: http.post("/runs/a/restart", dict[str, int], repeatable=False)) == {"a": 1}


def test_it_gives_up_and_says_where_the_server_should_be() -> None:
    script = Script(httpx.ConnectError("All connection attempts failed"))
    with pytest.raises(ServerUnavailable, match=r"Is `stepwell server` running at https://wells\.example\?") as gone:
        ask(script, lambda http: http.get("/x", dict[str, int]), retries=2)
    assert len(script.asked) == 3
    assert gone.value.retryable
    assert "secret" not in str(gone.value)
    script = Script(httpx.Response(502, text="<html>Bad gateway"))
    with pytest.raises(ServerUnavailable, match="a proxy answered 502"):
        ask(script, lambda http: http.get("/x", dict[str, int]), retries=1)


class Patient:
    """A client whose pauses cost nothing but are counted, and what it tells."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "FIRST_PAUSE", 0.2)
        self.now = 0.0
        self.pauses: list[float] = []
        self.told: list[str] = []

    def takes(self, http: Http) -> Http:
        own: Any = http
        own._now = lambda: self.now
        own._rest = self.rest
        own.tell = self.told.append
        return http

    async def rest(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


GONE = [httpx.ConnectError("refused"), httpx.Response(502, text="<html>"), httpx.ReadTimeout("slow")]


def test_a_wait_outlasts_a_restart_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    patient = Patient(monkeypatch)
    script = Script({"a": 1}, *(GONE * 9), {"a": 2}, {"a": 3}, *(GONE * 5), {"a": 4})

    async def talk(http: Http) -> list[Any]:
        patient.takes(http)
        assert await http.get("/r", dict[str, int]) == {"a": 1}
        return [await http.get("/r", dict[str, int], patience=OUTLAST_S) for _ in range(3)]

    assert ask(script, talk, retries=2) == [{"a": 2}, {"a": 3}, {"a": 4}]
    lost = f"the connection to https://wells.example is lost; trying again for {OUTLAST_S:.0f} s"
    assert patient.told == [lost, "the connection to https://wells.example is back"] * 2
    assert max(patient.pauses) <= 3.0
    assert patient.pauses[0] < patient.pauses[2] <= patient.pauses[4]


@pytest.mark.parametrize("away", GONE)
def test_a_wait_does_not_go_on_for_ever(monkeypatch: pytest.MonkeyPatch, away: Any) -> None:
    patient = Patient(monkeypatch)
    assert OUTLAST_S >= 60

    async def talk(http: Http) -> None:
        patient.takes(http)
        http.patience = OUTLAST_S
        await http.get("/r", dict[str, int])
        patient.now = 1000.0  # it may have waited at the server, too, before it was lost
        await http.get("/r", dict[str, int])

    with pytest.raises(ServerUnavailable):
        ask(Script({"a": 1}, away), talk, retries=2)
    assert OUTLAST_S <= patient.now - 1000.0 <= OUTLAST_S + 3.0
    assert len(patient.told) == 1


def test_a_server_that_never_answered_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    patient = Patient(monkeypatch)
    script = Script(httpx.ConnectError("refused"))
    with pytest.raises(ServerUnavailable):
        ask(script, lambda http: patient.takes(http).get("/r", dict[str, int], patience=OUTLAST_S), retries=2)
    assert len(script.asked) == 3
    assert patient.told == []


def test_orders_are_not_repeated_for_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    patient = Patient(monkeypatch)
    script = Script({"a": 1}, httpx.ConnectError("refused"))

    async def talk(http: Http) -> None:
        patient.takes(http)
        http.patience = OUTLAST_S
        await http.get("/r", dict[str, int])
        await http.post("/runs", dict[str, int], repeatable=True)

    with pytest.raises(ServerUnavailable):
        ask(script, talk, retries=2)
    assert len(script.asked) == 4


def test_refusals_are_our_errors() -> None:
    with pytest.raises(Conflict, match="what happened"):
        ask(Script(problem(409, "conflict")), lambda http: http.get("/x", dict[str, int]))
    with pytest.raises(Unauthenticated, match="STEPWELL_API_KEY"):
        ask(Script(problem(401, "unauthenticated")), lambda http: http.get("/x", dict[str, int]))
    with pytest.raises(Forbidden):
        ask(Script(problem(403, "forbidden")), lambda http: http.get("/x", dict[str, int]))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.Response(404, text="no such page"), "it answered 404 to GET /api/v1/x"),
        (httpx.Response(200, text="<html>hello"), "answered what cannot be read"),
        (httpx.Response(200, json={"a": "text"}), "answered what cannot be read"),
        (httpx.Response(301, headers={"Location": "https://other.example"}), "it redirects to https://other.example"),
    ],
)
def test_what_is_no_server_of_ours_is_told_from_one(answer: httpx.Response, said: str) -> None:
    script = Script(answer)
    with pytest.raises(NotAServer, match=r"https://wells\.example is no Stepwell server") as strange:
        ask(script, lambda http: http.get("/x", dict[str, int]))
    assert said in str(strange.value)
    assert len(script.asked) == 1  # a redirect is not followed: the key is for this server


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        ask(Script(ZeroDivisionError()), lambda http: http.get("/x", dict[str, int]), retries=0)


def test_a_stream_begins_behind_the_last_event() -> None:
    script = Script(httpx.Response(200, text="id: 5\ndata: x\n\n"))

    async def read(http: Http) -> list[str]:
        async with http.stream("/stream", last="4") as lines:
            return [line async for line in lines]

    assert ask(script, read) == ["id: 5", "data: x", ""]
    assert script.asked[0].headers["Last-Event-ID"] == "4"
    with pytest.raises(Conflict):
        ask(Script(problem(409, "conflict")), read)
    with pytest.raises(ServerUnavailable):
        ask(Script(httpx.ReadError("cut")), read)


@pytest.mark.parametrize("url", ["", "localhost:8765", "ftp://x", "https://", "https://me:pw@x", "https://x?a=b"])
def test_urls_that_are_none(url: str) -> None:
    with pytest.raises(InvalidOption) as refused:
        checked_url(url)
    assert "pw" not in str(refused.value)


def test_urls() -> None:
    assert checked_url("https://x.example/") == "https://x.example"
    assert checked_url("http://127.0.0.1:8765/mount/api/v1/") == "http://127.0.0.1:8765/mount"


def test_nothing_listens() -> None:
    async def main() -> None:
        http = Http("http://127.0.0.1:9", None, retries=1)
        await http.open()
        try:
            await http.get("/session", dict[str, Any])
        finally:
            await http.close()

    with pytest.raises(ServerUnavailable, match="does not answer"):
        asyncio.run(main())


def test_a_proxy_has_no_way_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Client(httpx.AsyncClient):
        def __init__(self, **options: Any) -> None:
            asked.append((options["trust_env"], options["follow_redirects"], options["verify"]))
            super().__init__(**options)

    monkeypatch.setattr(httpx, "AsyncClient", Client)

    async def main() -> None:
        for url in ("http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1", "https://wells.example"):
            http = Http(url, None)
            await http.open()
            await http.close()

    asyncio.run(main())
    assert asked == [(False, False, True)] * 3 + [(True, False, True)]
