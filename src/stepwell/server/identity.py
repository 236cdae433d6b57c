"""Who asks, as the server knows them."""

from typing import Final

import msgspec

ALL: Final = frozenset({"read", "operate", "execute", "admin"})


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks. `csrf`: the token of a browser's `session` (its id); `key` the id of the key behind it all."""

    name: str
    scopes: frozenset[str]
    key: str | None = None
    open: bool = False
    session: str | None = None
    csrf: str | None = None
    expires_at: float | None = None

    def may(self, *scopes: str) -> bool:
        """Whether one of these scopes, or admin, is among the key's."""
        return "admin" in self.scopes or not self.scopes.isdisjoint(scopes)
