"""Routes of the API keys, and of the audit."""

from typing import Any, Final

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from stepwell.client.audit import AuditEntry
from stepwell.client.keys import ApiKey
from stepwell.client.shapes import Moment, moment, moment_or_none
from stepwell.model.duration import seconds
from stepwell.server.bodies import KeyBody, Scope
from stepwell.server.routing import After, Asked, Limit, context, plain_id, route


class KeyView(msgspec.Struct, frozen=True, kw_only=True):
    """A key, without its secret. `prefix` is how it begins."""

    id: str
    name: str
    scopes: list[Scope]
    prefix: str
    created_at: Moment
    expires_at: Moment | None
    last_used_at: Moment | None
    revoked_at: Moment | None


class NewKey(KeyView, frozen=True, kw_only=True):
    """A key just made: its secret is shown this once."""

    secret: str


class KeyList(msgspec.Struct, frozen=True):
    """Keys, the oldest first."""

    keys: list[KeyView]


class AuditPage(msgspec.Struct, frozen=True):
    """Records of writes, the newest first."""

    entries: list[AuditEntry]
    after: str | None


@route("GET", "/keys", scope="admin", summary="List API keys", tag="Keys")
async def list_keys(request: Asked) -> KeyList:
    """All keys, also revoked and expired ones."""
    return KeyList([KeyView(**_shown(key)) for key in await context(request).services.keys.list()])


@route("POST", "/keys", scope="admin", summary="Make an API key", status=201, action="keys.create", tag="Keys")
async def create_key(request: Asked, data: JSONBody[KeyBody]) -> NewKey:
    """Make a key. The first one closes an open server: from then on every request needs one."""
    ctx = context(request)
    length = None if data.expires_in is None else seconds(data.expires_in, "expires_in")
    key, secret = await ctx.services.keys.create(data.name, data.scopes, length)
    ctx.note(target=key.id, after={"name": key.kept.name, "scopes": list(key.kept.scopes)})
    return NewKey(**_shown(key), secret=secret)


@route("DELETE", "/keys/{key_id:str}", scope="admin", summary="Revoke an API key", status=204, errors=(404,),
       action="keys.revoke", tag="Keys")  # fmt: skip
async def revoke_key(request: Asked, key_id: FromPath[str]) -> None:
    """Let a key open nothing any more, nor its sessions."""
    ctx = context(request)
    ctx.note(target=plain_id(key_id))
    await ctx.services.keys.revoke(plain_id(key_id))


@route("GET", "/audit", scope="admin", summary="Read the audit", errors=(404,), tag="Keys")
async def read_audit(request: Asked, limit: Limit = 50, after: After = None) -> AuditPage:
    """Who wrote what when through the API, the newest first; also what was refused for lack of a scope."""
    entries, beyond = await context(request).services.audit.page(limit, after)
    return AuditPage(entries, beyond)


def _shown(key: ApiKey) -> dict[str, Any]:
    kept = key.kept
    return {"id": key.id, "name": kept.name, "scopes": list(kept.scopes), "prefix": kept.prefix,
            "created_at": moment(key.created_at), "expires_at": moment_or_none(kept.expires_at),
            "last_used_at": moment_or_none(key.last_used_at),
            "revoked_at": moment_or_none(kept.revoked_at)}  # fmt: skip


ROUTES: Final[list[HTTPRouteHandler]] = [list_keys, create_key, revoke_key, read_audit]
