"""HTTP to a server: one pool of connections, timeouts on everything, repeats where they are safe, our errors back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

import msgspec

from stepwell.adapters.ids import chance
from stepwell.client.problems import problem_of
from stepwell.client.version import VERSION
from stepwell.errors import InvalidOption, NotAServer, ServerUnavailable, StepwellError

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")
log = logging.getLogger("stepwell.client")

BASE: Final = "/api/v1"
RETRIES: Final = 4
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 30.0
OUTLAST_S: Final = 90.0
"""Seconds for which a wait goes on without the server: an ordinary restart or deploy of it is over by then."""
LONGEST_REST = 3.0
"""Seconds between two attempts to find it again."""
CONNECT_S, ANSWER_S = 5.0, 30.0
PING_S: Final = 45.0
"""A stream that says nothing for so long is dead: the server pings three times as often."""
_AWAY: Final = frozenset({502, 503, 504})
_REPEATED: Final = _AWAY | {429}


class Http:
    """Requests to one server, with its key.

    `retries`: how often a request that is safe to repeat is tried again, after connection errors and after the
    answers 429, 502, 503 and 504. One that is not is tried again only when it cannot have arrived.
    `patience`: seconds for which every GET outlasts a server that answered before and is gone, beyond the retries.
    `tell` is called with a sentence when such a server is lost, and when it is back; without one both are logged.
    """

    def __init__(self, url: str, key: str | None, *, retries: int = RETRIES, verify: Any = True) -> None:
        self.url = checked_url(url)
        self._key = key
        self._retries = retries
        self._verify = verify
        self._client: httpx.AsyncClient | None = None
        self.patience = 0.0
        self.tell: Callable[[str], None] = log.warning
        self._reached = self._lost = False

    def __repr__(self) -> str:
        return f"<Http {self.url}>"

    async def open(self) -> None:
        """Make the connection pool; nothing is sent yet."""
        library: Any = import_module("httpx")  # takes its time, which local commands need not spend
        headers = {"User-Agent": f"stepwell/{VERSION}", "Accept": "application/json"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        self._client = library.AsyncClient(
            headers=headers,
            timeout=library.Timeout(ANSWER_S, connect=CONNECT_S),
            follow_redirects=False,
            verify=self._verify,
            trust_env=not _is_loopback(self.url),  # a proxy has no way to this machine
        )

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def get(self, path: str, type: type[T], *, params: Mapping[str, Any] | None = None,
                  wait: float = 0.0, patience: float = 0.0) -> T:  # fmt: skip
        """Get and decode. `wait`: how long the server may take beyond an ordinary answer; `patience` as in `send`."""
        return self.decoded(await self.send("GET", path, params=params, wait=wait, patience=patience), type)

    async def post(self, path: str, type: type[T], body: Any = None, *, repeatable: bool,
                   headers: Mapping[str, str] | None = None) -> T:  # fmt: skip
        """Post JSON, and decode the answer."""
        response = await self.send("POST", path, body=body, repeatable=repeatable, headers=headers)
        return self.decoded(response, type)

    async def send(self, method: str, path: str, *, params: Mapping[str, Any] | None = None, body: Any = None,
                   repeatable: bool | None = None, headers: Mapping[str, str] | None = None,
                   wait: float = 0.0, patience: float = 0.0) -> httpx.Response:  # fmt: skip
        """Send a request, again if need be, and return the answer, which is no refusal.

        `patience`: seconds for which a server that answered before is outlasted, beyond the retries.

        Raises:
            ServerUnavailable: the server cannot be reached, or does not answer. NotAServer: it is something else.
            Whatever the server refuses with, as the class of its code.
        """
        safe = method == "GET" if repeatable is None else repeatable
        content = None if body is None else msgspec.json.encode(body)
        typed = {"Content-Type": "application/json"} if content is not None else {}
        request = self._request(method, path, params=params, content=content, headers={**typed, **(headers or {})},
                                wait=wait)  # fmt: skip
        patience = max(patience, self.patience if method == "GET" else 0.0)
        again, until = 0, self._now() + patience
        while True:
            asked = None
            try:
                response = await self._pool.send(request)
            except Exception as error:
                failure = self._broken(error)
                gone = patience > 0 and self._reached and isinstance(failure, ServerUnavailable)
                if not (safe or _never_sent(error)) or not self._goes_on(again, until, gone):
                    raise failure from error
            else:
                status = response.status_code
                gone = patience > 0 and self._reached and status in _AWAY
                repeated = status in _REPEATED and (safe or status == 429)
                if not repeated or not self._goes_on(again, until, gone):
                    self._answered(status)
                    self._refuse(response)
                    return response
                asked = response.headers.get("Retry-After")
            if again == 0:  # not before it is known: a request that waits at the server may have been out for long
                until = self._now() + patience
            if gone and not self._lost:
                self._lost = True
                self.tell(f"the connection to {self.url} is lost; trying again for {patience:.0f} s")
            await self._pause(again, asked, LONGEST_REST if gone else LONGEST_PAUSE)
            again += 1

    def _goes_on(self, again: int, until: float, gone: bool) -> bool:
        return again < self._retries or (gone and (again == 0 or self._now() < until))

    def _answered(self, status: int) -> None:
        if status not in _AWAY:
            self._reached = True
            if self._lost:
                self._lost = False
                self.tell(f"the connection to {self.url} is back")

    @asynccontextmanager
    async def stream(self, path: str, *, last: str | None) -> AsyncGenerator[AsyncIterator[str]]:
        """The lines of an event stream, from behind the event with the id `last`. Raises as `send`."""
        headers = {"Accept": "text/event-stream"} | ({} if last is None else {"Last-Event-ID": last})
        request = self._request("GET", path, headers=headers, wait=PING_S - ANSWER_S)
        try:
            response = await self._pool.send(request, stream=True)
            try:
                if response.status_code != 200:
                    await response.aread()
                self._refuse(response)
                self._answered(response.status_code)
                yield response.aiter_lines()
            finally:
                await response.aclose()
        except StepwellError:
            raise
        except Exception as error:
            raise self._broken(error) from error

    def decoded(self, response: httpx.Response, type: type[T]) -> T:
        """What an answer says. Raises NotAServer if it is not what our API says there."""
        try:
            return msgspec.json.decode(response.content, type=type)
        except msgspec.MsgspecError as error:
            raise self._stranger(f"{response.request.url.path} answered what cannot be read: {error}") from None

    @property
    def _pool(self) -> httpx.AsyncClient:
        assert self._client is not None
        return self._client

    def _request(self, method: str, path: str, *, params: Mapping[str, Any] | None = None,
                 content: bytes | None = None, headers: Mapping[str, str], wait: float) -> httpx.Request:  # fmt: skip
        read = ANSWER_S + wait
        library: Any = import_module("httpx")
        timeout = library.Timeout(connect=CONNECT_S, read=read, write=ANSWER_S, pool=read)
        given = {name: value for name, value in (params or {}).items() if value is not None}
        return self._pool.build_request(method, f"{self.url}{BASE}{path}", params=given or None, content=content,
                                        headers=dict(headers), timeout=timeout)  # fmt: skip

    async def _pause(self, again: int, asked: str | None, longest: float) -> None:
        pause = min(FIRST_PAUSE * 3.0 ** min(again, 8) * (0.75 + chance() / 2), longest)
        if asked is not None and asked.isdigit():
            pause = min(max(pause, float(asked)), LONGEST_PAUSE)
        await self._rest(pause)

    async def _rest(self, seconds: float) -> None:
        await asyncio.sleep(seconds)  # noqa: TID251 - real time: a network has no other

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _refuse(self, response: httpx.Response) -> None:
        if response.status_code < 300:
            return
        if response.status_code < 400:
            where = response.headers.get("Location", "elsewhere")
            raise self._stranger(f"it redirects to {where}", hint="Give the address that it redirects to.")
        error = problem_of(response.status_code, response.headers.get("Content-Type", ""), response.content)
        if error is not None:
            raise error
        if response.status_code in (502, 503, 504):
            raise self._unavailable(f"a proxy answered {response.status_code} for it")
        raise self._stranger(f"it answered {response.status_code} to {response.request.method}"
                             f" {response.request.url.path}")  # fmt: skip

    def _stranger(self, what: str, hint: str = "Check the URL: is `stepwell server` behind it?") -> NotAServer:
        return NotAServer(f"{self.url} is no Stepwell server of API version 1: {what}", hint=hint)

    def _unavailable(self, what: str) -> ServerUnavailable:
        return ServerUnavailable(f"the server {self.url} does not answer: {what}",
                                 hint=f"Is `stepwell server` running at {self.url}?")  # fmt: skip

    def _broken(self, error: Exception) -> Exception:
        library: Any = import_module("httpx")
        if isinstance(error, library.TimeoutException):
            return self._unavailable(f"it took too long ({type(error).__name__})")
        if isinstance(error, library.HTTPError | OSError):
            return self._unavailable(str(error) or type(error).__name__)
        return error


def checked_url(url: str) -> str:
    """A server's URL without its last slash. Raises InvalidOption; the message never shows a password."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidOption(f"server URL {_shown(url)!r}", expected="https://host or http://host:port")
    if parts.username is not None or parts.query or parts.fragment:
        raise InvalidOption(
            f"server URL {_shown(url)!r} has more than an address",
            expected="no name, password, query or fragment in it",
            hint="The key belongs into STEPWELL_API_KEY.",
        )
    return url.rstrip("/").removesuffix(BASE)


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return url.partition("?")[0] if parts.username is None else f"{parts.scheme}://…@{parts.hostname}"


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _never_sent(error: Exception) -> bool:
    library: Any = import_module("httpx")
    return isinstance(error, library.ConnectError | library.ConnectTimeout | library.PoolTimeout)
