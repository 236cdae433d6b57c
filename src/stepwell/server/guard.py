"""The guard that every request passes: who asks, and whether the route's scope is theirs.

Denies by default: a route that says nothing of its scope is served to nobody.
"""

import hmac
import ipaddress
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection
from litestar.exceptions import MethodNotAllowedException
from litestar.handlers import BaseRouteHandler

from stepwell.errors import Forbidden, Unauthenticated
from stepwell.server.context import Context, context_of
from stepwell.server.identity import ALL, Identity
from stepwell.server.refusals import ForeignHost, ForeignOrigin
from stepwell.server.services import Services

COOKIE: Final = "stepwell_session"
SCOPE, ACTION, DEADLINE = "scope", "action", "deadline"
PUBLIC: Final = "public"
"""The scope of what holds no data: the shell, its files, health, the login."""

SAFE: Final = ("GET", "HEAD", "OPTIONS")
FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_SITES: Final = ("same-origin", "none")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
Headers = dict[str, str]


def headers_of(raw: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Headers by lower-case name; of a repeated one, the last."""
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}


async def guard(connection: ASGIConnection[Any, Any, Any, Any], route: BaseRouteHandler) -> None:
    """Lets a request through to a route. Raises Unauthenticated, Forbidden."""
    context = context_of(connection.scope)
    context.action = route.opt.get(ACTION)
    wanted: tuple[str, ...] = route.opt.get(SCOPE) or ()
    if not wanted and connection.scope.get("method") == "OPTIONS":
        raise MethodNotAllowedException  # the framework answers it everywhere; no other origin has leave for anything
    if PUBLIC in wanted and not isinstance(context.refused, ForeignOrigin):
        return
    if context.refused is not None:
        raise context.refused
    if context.identity is None:
        raise Unauthenticated("this needs an API key", expected="`Authorization: Bearer swk_…`, or a session",
                              hint="`stepwell keys create` makes a key.")  # fmt: skip
    if not wanted or not ALL.issuperset(wanted) or not context.identity.may(*wanted):
        raise Forbidden(f"this key cannot do that: it needs scope {' or '.join(wanted)}",
                        hint=f"It has {', '.join(sorted(context.identity.scopes))}.")  # fmt: skip


async def identify(services: Services, scope: dict[str, Any], headers: Headers) -> Identity | None:
    """Who sends a request. None: nobody that is known. Raises Unauthenticated for a wrong key."""
    given = headers.get("authorization")
    if given is not None:
        kind, _, secret = given.partition(" ")
        key = await services.keys.by_secret(secret.strip()) if kind.lower() == "bearer" else None
        if key is None:
            raise Unauthenticated("the API key is unknown, expired or revoked")
        return Identity(name=key.kept.name, scopes=frozenset(key.kept.scopes), key=key.id)
    token = cookie_of(headers)
    found = await services.sessions.find(token) if token is not None else None
    if found is not None:
        session, key = found
        return Identity(name=key.kept.name, scopes=frozenset(key.kept.scopes), key=key.id, session=session.id,
                        csrf=session.csrf, expires_at=session.expires_at)  # fmt: skip
    if await is_open(services, scope, headers):
        return Identity(name="local", scopes=ALL, open=True)
    return None


def cookie_of(headers: Headers) -> str | None:
    """The session's token in the cookie."""
    try:
        jar = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return None
    return jar[COOKIE].value if COOKIE in jar else None


async def is_open(services: Services, scope: dict[str, Any], headers: Headers) -> bool:
    """Whether a request needs no key: it comes from this machine, directly, and no key was ever made."""
    client = scope.get("client")
    if not services.options.open or client is None or not is_loopback(str(client[0])):
        return False
    if any(name in headers for name in FORWARDED):
        return False  # somebody else's request, handed on by a proxy on this machine
    return not await services.keys.exist()


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return False


def check_host(identity: Identity | None, headers: Headers, hosts: tuple[str, ...]) -> None:
    """Without keys, a name of this machine must be asked for: any other may have been rebound to it (DNS).

    Raises:
        ForeignHost.
    """
    if identity is None or not identity.open:
        return
    host = urlsplit(f"//{headers.get('host', '')}").hostname or ""
    if not is_loopback(host) and host not in hosts:
        raise ForeignHost(f"this server does not answer for {host[:80]!r}", expected="localhost or 127.0.0.1")


def check_origin(context: Context, method: str, headers: Headers, scheme: str, *, login: bool = False) -> None:
    """What a browser writes must come from our own pages; `login`: it cannot have a token yet.

    Raises:
        ForeignOrigin.
    """
    if method in SAFE:
        return
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if (site is not None and site not in _SITES) or (origin is not None and not _ours(origin, headers, scheme)):
        raise ForeignOrigin("a page of another origin sent this", hint="Send it from the dashboard, or with a key.")
    identity = context.identity
    if identity is None or login:
        return
    token = headers.get("x-csrf-token")
    if identity.csrf is not None and not hmac.compare_digest(_ascii(token), _ascii(identity.csrf)):
        raise ForeignOrigin("the header X-CSRF-Token is not the session's", hint="GET /api/v1/session tells it.")
    if identity.open and token is None and (site is not None or origin is not None):
        raise ForeignOrigin("a browser's write needs the header X-CSRF-Token", hint="GET /api/v1/session tells it.")


def _ascii(text: str | None) -> bytes:
    return (text or "").encode("utf-8", "surrogatepass")


def _ours(origin: str, headers: Headers, scheme: str) -> bool:
    try:
        theirs, ours = urlsplit(origin), urlsplit(f"{scheme}://{headers.get('host', '')}")
        ports = [url.port or _DEFAULT_PORTS.get(url.scheme) for url in (theirs, ours)]
    except ValueError:
        return False
    return theirs.scheme == scheme and theirs.hostname == ours.hostname and ports[0] == ports[1]
