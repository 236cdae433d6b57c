"""The outermost layer: paths under any mount, bounds, headers, the audit, and an answer in time for every request."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from stepwell.adapters.lossless import too_deep
from stepwell.client.audit import Noted
from stepwell.client.redact import without_credentials
from stepwell.errors import PayloadTooLarge, StepwellError
from stepwell.server import problems
from stepwell.server.context import KEY, Context
from stepwell.server.guard import SAFE, Headers, check_host, check_origin, headers_of, identify
from stepwell.server.options import ServerOptions
from stepwell.server.refusals import DeadlinePassed, ForeignHost, HeadersTooLarge, MalformedRequest, UnsupportedMedia
from stepwell.server.services import Backend, Services

log = logging.getLogger("stepwell.server")
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
SLASH: Final = "\ue000"
"""Stands for a slash inside one part of a path: ids may have them, sent as %2F."""

API: Final = "/api/"
CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS: Final = (
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"})
HEADERS_SIZE: Final = 64 * 1024
LONG_POLL: Final = 65.0
STALLED: Final = 20.0
"""A stream's reader that takes nothing for so long is disconnected."""
ALIVE: Final = "/health"
"""Whoever asks is not looked up: it is asked most urgently when the database does not answer."""


class Front:
    """An ASGI app around the routes."""

    def __init__(self, backend: Backend, inner: Callable[..., Awaitable[None]], options: ServerOptions) -> None:
        self.backend = backend
        self._inner = inner
        self._options = options
        self.closing = False

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http":
            await self._http(dict(scope), receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while (message := await receive())["type"] != "lifespan.shutdown":
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
        await self.backend.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        base, path = split_path(scope)
        size = sum(len(name) + len(value) for name, value in scope["headers"])
        headers = headers_of(scope["headers"])
        answer = Answer(send, api=path.startswith(API), abort=_abort_of(receive))
        try:
            if size > HEADERS_SIZE:
                raise HeadersTooLarge(f"the headers have {size:,} bytes", expected=f"at most {HEADERS_SIZE:,}")
            async with asyncio.timeout(_deadline(path, self._options)) as bound:
                answer.started = lambda stream: bound.reschedule(None) if stream else None
                await self._answer(scope, base, path, headers, receive, answer)
        except TimeoutError:
            await self._failed(answer, DeadlinePassed("the server did not answer in time", hint="Try again."), path)
        except Exception as error:  # noqa: BLE001 - the last place where a request can be answered
            if not answer.stalled:
                await self._failed(answer, answer.failed or error, path)

    async def _answer(self, scope: dict[str, Any], base: str, path: str, headers: Headers, receive: Receive,
                      answer: "Answer") -> None:  # fmt: skip
        services = await self.backend.services()
        request = services.engine.new_key().hex()
        answer.headers.append((b"x-request-id", request.encode()))
        client = scope.get("client")
        secure = scope.get("scheme") == "https"
        context = Context(services=services, request=request, base=base, secure=secure,
                          client=str(client[0]) if client else "unknown")  # fmt: skip
        method = scope["method"]
        if method == "HEAD" and not path.endswith("/stream"):  # a stream has no end that could be left out
            scope["method"], answer.headless = "GET", True
        if path != ALIVE:
            await _admit(services, context, scope, headers, login=method == "POST" and path.endswith("/session"))
        answer.before = lambda status: self._ended(services, context, method, status)
        if method not in SAFE:
            receive = _replayed(await self._body(receive, headers), receive)
        scope |= {KEY: context, "path": path, "root_path": "", "raw_path": path.encode(), "state": {}}
        try:
            await self._inner(scope, receive, answer)
        finally:
            for then in context.after:
                then()

    async def _body(self, receive: Receive, headers: Headers) -> bytes:
        """The whole body. Raises PayloadTooLarge, UnsupportedMedia, MalformedRequest."""
        most, parts, size = self._options.body, [], 0
        said = headers.get("content-length", "0")[:20]
        if said.isdecimal() and int(said) > most:
            raise _too_large(int(said), most)
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise MalformedRequest("the request ended before its body did")
            part = message.get("body", b"")
            parts.append(part)
            size += len(part)
            if size > most:
                raise _too_large(size, most)
            if not message.get("more_body", False):
                break
        body = b"".join(parts)
        if body:
            _check_body(body, headers)
        return body

    async def _ended(self, services: Services, context: Context, method: str, status: int) -> None:
        """Keep who did, or was refused, what; a stranger's attempt is only counted, or anybody could fill the disk."""
        counted = (method if method in METHODS else "OTHER", status)
        services.answered[counted] = services.answered.get(counted, 0) + 1
        if context.action is None or (context.identity is None and "who" not in context.noted):
            return
        who = context.noted.get("who") or (context.identity.name if context.identity is not None else "")
        await services.audit.note(Noted(
            who=who, action=context.action, target=context.noted.get("target"), before=context.noted.get("before"),
            after=context.noted.get("after"), status=status, request=context.request))  # fmt: skip

    async def _failed(self, answer: "Answer", error: Exception, path: str) -> None:
        if not isinstance(error, StepwellError):
            log.error("a request failed: %s", without_credentials(path), exc_info=error)
        if answer.begun:
            raise error
        problem = problems.problem_of(error)
        body = msgspec.json.encode(problem)
        extra = [(name.lower().encode(), value.encode()) for name, value in problems.headers_of(error).items()]
        answer.before = None
        await answer({"type": "http.response.start", "status": problem.status,
                      "headers": [(b"content-type", problems.MEDIA.encode()),
                                  (b"content-length", str(len(body)).encode()), *extra]})  # fmt: skip
        await answer({"type": "http.response.body", "body": body})


class Answer:
    """Sends a response: first what must be kept of the request is written, then ours are added to its headers."""

    def __init__(self, send: Send, *, api: bool, abort: Callable[[], object]) -> None:
        self._send = send
        self._abort = abort
        self._stream = False
        self.stalled = False
        self.headless = False
        self.failed: Exception | None = None
        self.begun = False
        self.headers: list[tuple[bytes, bytes]] = list(HEADERS)
        if api:
            self.headers.append((b"cache-control", b"no-store"))
        self.before: Callable[[int], Awaitable[None]] | None = None
        self.started: Callable[[bool], None] = lambda stream: None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and not self.begun:
            before, self.before = self.before, None
            if before is not None:
                try:
                    await before(message["status"])
                except Exception as error:
                    self.failed = error  # frameworks put it into one of theirs
                    raise
            own = {name for name, _ in message["headers"]}
            added = [(name, value) for name, value in self.headers if name not in own]
            message = {**message, "headers": [*message["headers"], *added]}
            stream = any(n == b"content-type" and v.startswith(b"text/event-stream") for n, v in message["headers"])
            self._stream = stream
            self.started(stream)
            self.begun = True
        if self.headless and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        if not self._stream:
            await self._send(message)
            return
        try:
            await asyncio.wait_for(self._send(message), STALLED)
        except TimeoutError:
            self.stalled = True
            self._abort()
            raise ConnectionAbortedError("the reader of a stream does not read") from None


async def _admit(services: Services, context: Context, scope: dict[str, Any], headers: Headers, *,
                 login: bool) -> None:  # fmt: skip
    """Find out who asks; what is refused here is told by the guard, unless the route is public."""
    try:
        context.identity = await identify(services, scope, headers)
        check_host(context.identity, headers, services.options.hosts)
        check_origin(context, scope["method"], headers, scope.get("scheme", "http"), login=login)
    except ForeignHost:
        raise
    except StepwellError as error:
        context.refused = error  # a database that is away, too: files and pages need none


def split_path(scope: dict[str, Any]) -> tuple[str, str]:
    """Where the server is mounted, and the path below; a slash inside a part becomes `SLASH`."""
    base, path = scope.get("root_path", "").rstrip("/"), scope["path"]
    if base and (path == base or path.startswith(base + "/")):
        path = path[len(base) :]
    raw = scope.get("raw_path")
    if raw:
        parts = raw.decode("latin-1").partition("?")[0].split("/")
        whole = "/".join(unquote(part).replace("/", SLASH) for part in parts)
        if whole.replace(SLASH, "/").endswith(path) and path:
            path = whole[len(whole) - len(path) :]
    return base, path or "/"


def _abort_of(receive: Receive) -> Callable[[], object]:
    """What cuts a connection off at once. ASGI has no word for it, but uvicorn's requests know their transport.

    Elsewhere the exception that follows has to do.
    """
    abort = getattr(getattr(getattr(receive, "__self__", None), "transport", None), "abort", None)
    return abort if callable(abort) else lambda: None


def _deadline(path: str, options: ServerOptions) -> float:
    return max(LONG_POLL, options.deadline) if path.endswith("/result") else options.deadline


def _check_body(body: bytes, headers: Headers) -> None:
    """Whether a body may be read. Raises UnsupportedMedia, MalformedRequest."""
    media, _, more = headers.get("content-type", "").lower().partition(";")
    charset = more.partition("charset=")[2].partition(";")[0].strip(' "')
    if media.strip() != "application/json" or charset not in ("", "utf-8", "utf8"):
        raise UnsupportedMedia("the body is not sent as JSON in UTF-8", expected="Content-Type: application/json")
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise UnsupportedMedia("the body is compressed", expected="no Content-Encoding")
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise MalformedRequest(f"the body is not UTF-8, from byte {error.start} on") from None
    if too_deep(body):
        raise MalformedRequest("the body is nested too deep")


def _too_large(size: int, most: int) -> PayloadTooLarge:
    return PayloadTooLarge(f"the body has {size:,} bytes", expected=f"at most {most:,}", size=size, limit=most)


def _replayed(body: bytes, receive: Receive) -> Receive:
    told = False

    async def again() -> Any:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
