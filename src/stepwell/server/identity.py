"""Who asks, as the server knows them."""

from typing import Final

import msgspec

ALL: Final = frozenset({"read", "operate", "execute", "admin"})


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks. `csrf`: the token of a browser's session; `key` the id of the key behind it all."""

    name: str
    scopes: frozenset[str]
    key: str | None = None
    open: bool = False
    csrf: str | None = None
    expires_at: float | None = None

    def may(self, scope: str) -> bool:
        """Whether this scope, or admin, is among the key's."""
        return scope in self.scopes or "admin" in self.scopes
