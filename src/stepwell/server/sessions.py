"""Routes of a browser's session: who am I, log in, log out."""

from typing import Final, Literal

import msgspec
from litestar import Response
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from stepwell.client.shapes import Moment, moment_or_none
from stepwell.client.version import VERSION
from stepwell.errors import Unauthenticated
from stepwell.server.bodies import Login
from stepwell.server.context import Context
from stepwell.server.guard import COOKIE, PUBLIC, cookie_of, headers_of
from stepwell.server.identity import Identity
from stepwell.server.routing import Asked, context, route

Database = Literal["PostgreSQL", "SQLite", "memory", "other"]
OTHER: Final[Database] = "other"
OPEN_TOKEN: Final = "open"  # noqa: S105 - anybody may know it
"""What an open server's pages send as CSRF token: that they can send the header at all is the proof."""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks. `open`: the server needs no key. `csrf`: what writes send as `X-CSRF-Token`."""

    authenticated: bool
    open: bool
    name: str | None
    scopes: list[str]
    csrf: str | None
    namespace: str
    database: Database
    version: str
    expires_at: Moment | None


@route("GET", "/session", scope=PUBLIC, summary="Who am I", tag="Session")
async def show_session(request: Asked) -> Session:
    """Who asks, and what they may do. Never 401: `authenticated` says it."""
    ctx = context(request)
    return _session(ctx, ctx.identity)


@route("POST", "/session", scope=PUBLIC, summary="Log in", errors=(401, 403, 429), action="session.begin",
       tag="Session")  # fmt: skip
async def begin_session(request: Asked, data: JSONBody[Login]) -> Response[Session]:
    """Turn an API key into a browser's session: the answer sets the cookie."""
    ctx = context(request)
    services = ctx.services
    services.throttle.check(ctx.client)
    key = await services.keys.by_secret(data.key.strip())
    if key is None:
        services.throttle.failed(ctx.client)
        raise Unauthenticated("the API key is unknown, expired or revoked")
    services.throttle.succeeded(ctx.client)
    session, token = await services.sessions.begin(key)
    identity = Identity(name=key.kept.name, scopes=frozenset(key.kept.scopes), key=key.id, session=session.id,
                        csrf=session.csrf, expires_at=session.expires_at)  # fmt: skip
    ctx.note(who=key.kept.name, target=key.id)
    length = max(1, int(session.expires_at - services.clock.now()))
    return Response(_session(ctx, identity), status_code=200, cookies=[_cookie(ctx, token, length)])


@route("DELETE", "/session", scope=PUBLIC, summary="Log out", status=204, action="session.end", tag="Session")
async def end_session(request: Asked) -> Response[None]:
    """End the session, and remove its cookie."""
    ctx = context(request)
    token = cookie_of(headers_of(request.scope["headers"]))
    if token is not None:
        await ctx.services.sessions.end(token)
    return Response(None, status_code=204, cookies=[_cookie(ctx, "", 0)])


def _cookie(ctx: Context, value: str, length: int) -> Cookie:
    return Cookie(key=COOKIE, value=value, max_age=length, path=ctx.base or "/", secure=ctx.secure, httponly=True,
                  samesite="strict")  # fmt: skip


def _session(ctx: Context, identity: Identity | None) -> Session:
    settings = ctx.services.app.settings
    kind = type(ctx.services.engine.store).__name__.lower()
    known: dict[str, Database] = {
        "postgres": "PostgreSQL", "sqlite": "SQLite", "memory": "memory"}  # fmt: skip
    named: list[Database] = [known[word] for word in known if word in kind] or [OTHER]
    csrf = None if identity is None else identity.csrf or (OPEN_TOKEN if identity.open else None)
    return Session(
        authenticated=identity is not None,
        open=identity is not None and identity.open,
        name=None if identity is None else identity.name,
        scopes=[] if identity is None else sorted(identity.scopes),
        csrf=csrf,
        namespace=settings.namespace,
        database=named[0],
        version=VERSION,
        expires_at=None if identity is None else moment_or_none(identity.expires_at),
    )


ROUTES: Final[list[HTTPRouteHandler]] = [show_session, begin_session, end_session]
