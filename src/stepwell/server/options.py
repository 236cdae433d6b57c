"""What a server can be told: its bounds, what it hides, whom it trusts."""

import msgspec

from stepwell.client.redact import NAMES


class ServerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one server; times in seconds, sizes in bytes.

    `open`: without a key in the database, requests from this machine need none. `redact`: hide values under these
    names from whoever has none of the scopes `shown_to`. `hosts`: names besides this machine's own that an open
    server answers for.
    """

    open: bool = True
    body: int = 2 * 1024 * 1024
    deadline: float = 30.0
    session: float = 12 * 3600.0
    redact: tuple[str, ...] = NAMES
    shown_to: tuple[str, ...] = ("admin",)
    hosts: tuple[str, ...] = ()
    streams: int = 2_000
    metrics: bool = True
