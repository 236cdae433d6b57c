"""Serves the dashboard: one page for all its addresses, and the static files beside it."""

import hashlib
import html
import mimetypes
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from litestar import Response
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from stepwell.client.version import VERSION
from stepwell.server.front import SLASH
from stepwell.server.guard import PUBLIC, headers_of
from stepwell.server.preloads import preloads
from stepwell.server.refusals import NoSuchRoute
from stepwell.server.routing import Asked, context, route

SHELL: Final = "index.html"
PAGES: Final[Sequence[str]] = ["/", "/runs", "/runs/{page:str}", "/workflows", "/workflows/{page:str}", "/start",
                               "/start/{page:str}", "/queues", "/events", "/failures", "/schedules", "/login",
                               "/workers", "/versions", "/settings"]  # fmt: skip
TYPES: Final = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml",
                ".html": "text/html", ".json": "application/json", ".webmanifest": "application/manifest+json",
                ".woff2": "font/woff2", ".png": "image/png", ".ico": "image/x-icon", ".txt": "text/plain"}  # fmt: skip
DASHBOARD: Final = files("stepwell.server").joinpath("dashboard")
_BASE: Final = '<meta name="stepwell-base" content="'
_MODULES: Final = "<!-- modules -->\n"
YEAR: Final = 31_536_000


@cache
def file(path: str) -> tuple[bytes, str] | None:
    """A file of the dashboard and its ETag; None for what is none, or would lead out of the folder."""
    parts = path.split("/")
    if not path or any(part in ("", ".", "..") or "\\" in part or SLASH in part or "\0" in part for part in parts):
        return None
    found: Traversable = DASHBOARD
    for part in parts:
        found = found.joinpath(part)
    if not found.is_file() or path.endswith((".py", ".pyc")):
        return None
    data = found.read_bytes()
    return data, f'"{hashlib.sha256(data).hexdigest()[:32]}"'


@cache
def build() -> str:
    """Names these very files: the version and a digest of them all, so that what is kept for ever is never stale."""
    digest, rooms = hashlib.sha256(), [room] if (room := DASHBOARD.joinpath("static")).is_dir() else []
    while rooms:
        for entry in sorted(rooms.pop().iterdir(), key=lambda entry: entry.name):
            if entry.is_dir():
                rooms.append(entry)
            else:
                digest.update(entry.name.encode() + b"\0" + entry.read_bytes())
    return f"{VERSION}-{digest.hexdigest()[:12]}"


def shell(base: str, path: str = "") -> bytes:
    """The page, with where the server is mounted and under which path its files may be kept for ever.

    It names the modules of the page at `path`: else the browser would learn of each only from the one before.
    """
    found = file(SHELL)
    if found is None:
        raise NoSuchRoute("this build has no dashboard", hint="The API is at /api/v1.")
    text = found[0].decode()
    safe = html.escape(base, quote=True)
    before, mark, rest = text.partition(_BASE)
    if mark:
        text = before + mark + safe + rest[rest.index('"') :]
    if _MODULES in text:
        named = (f'<link rel="modulepreload" href="__BASE__/static/__VERSION__/{each}">\n' for each in preloads(path))
        text = text.replace(_MODULES, "".join(named))
    return text.replace("__BASE__", safe).replace("__VERSION__", build()).encode()


@route("GET", PAGES, scope=PUBLIC, summary="The dashboard", hidden=True, tag="Dashboard")
async def page(request: Asked) -> Response[bytes]:
    """The same page for each address; its script reads where it is."""
    return Response(shell(context(request).base, request.scope["path"]), media_type="text/html",
                    headers={"Cache-Control": "no-cache"})  # fmt: skip


@route("GET", "/static/{path:path}", scope=PUBLIC, summary="A file of the dashboard", hidden=True, tag="Dashboard")
async def static(request: Asked, path: FromPath[str]) -> Response[bytes | None]:
    """A file; one asked for under the name of this build may be kept for ever."""
    name = path.lstrip("/")
    versioned = name.startswith(f"{build()}/")
    found = file(f"static/{name.removeprefix(f'{build()}/')}")
    if found is None:
        raise NoSuchRoute(f"there is no file {name[:100]!r}")
    data, tag = found
    kept = f"public, max-age={YEAR}, immutable" if versioned else "no-cache"
    headers = {"ETag": tag, "Cache-Control": kept}
    if headers_of(request.scope["headers"]).get("if-none-match") == tag:
        return Response(None, status_code=304, headers=headers)
    return Response(data, media_type=_type_of(name), headers=headers)


@route("GET", "/favicon.ico", scope=PUBLIC, summary="The icon", hidden=True, tag="Dashboard")
async def icon(request: Asked) -> Response[bytes | None]:
    """The icon, for browsers that ask for it unbidden."""
    found = file("static/favicon.svg")
    if found is None:
        return Response(None, status_code=204)
    return Response(found[0], media_type="image/svg+xml", headers={"ETag": found[1], "Cache-Control": "no-cache"})


def _type_of(name: str) -> str:
    suffix = name[name.rfind(".") :].lower()
    # Of text, the framework says that it is UTF-8.
    return TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


ROUTES: Final[list[HTTPRouteHandler]] = [page, static, icon]
