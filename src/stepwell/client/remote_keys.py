"""The API keys of a server's database, for those who may administer them: the verbs of `client.keys.Keys` over REST."""

from collections.abc import Iterable
from urllib.parse import quote

import msgspec

from stepwell.client import shapes
from stepwell.client.http import Http
from stepwell.client.keys import ApiKey, StoredKey
from stepwell.errors import NotFound


class _Key(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    scopes: tuple[str, ...]
    prefix: str
    created_at: str
    expires_at: str | None = None
    last_used_at: str | None = None
    revoked_at: str | None = None


class _Made(_Key, frozen=True, kw_only=True):
    secret: str


class _Keys(msgspec.Struct, frozen=True):
    keys: list[_Key]


class RemoteKeys:
    """The keys of one server; all verbs need the scope admin."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def create(self, name: str, scopes: Iterable[str], expires_in: float | None = None) -> tuple[ApiKey, str]:
        """A new key and its secret, which is seen this once; never repeated by itself. `expires_in` in seconds."""
        body = {"name": name, "scopes": list(scopes)} | ({} if expires_in is None else {"expires_in": expires_in})
        made = await self._http.post("/keys", _Made, body, repeatable=False)
        return _key_of(made), made.secret

    async def list(self) -> "list[ApiKey]":
        """All keys, also revoked and expired ones, the oldest first."""
        return [_key_of(key) for key in (await self._http.get("/keys", _Keys)).keys]

    async def revoke(self, key_id: str) -> ApiKey:
        """Let a key open nothing any more. Raises NotFound."""
        await self._http.send("DELETE", f"/keys/{quote(key_id, safe='')}", repeatable=True)
        for key in await self.list():
            if key.id == key_id:
                return key
        raise NotFound(f"there is no key {key_id[:40]!r}", hint="`stepwell keys list` shows what there is.")


def _key_of(key: _Key) -> ApiKey:
    kept = StoredKey(name=key.name, scopes=key.scopes, hash="", prefix=key.prefix, expires_at=shapes.at(key.expires_at),
                     revoked_at=shapes.at(key.revoked_at))  # fmt: skip
    return ApiKey(id=key.id, created_at=shapes.at(key.created_at) or 0.0, kept=kept,
                  last_used_at=shapes.at(key.last_used_at))  # fmt: skip
