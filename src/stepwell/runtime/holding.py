"""What the parts of an activation (inputs, orders, steps) need of the whole."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from stepwell.core.history import History
from stepwell.core.kernel import Kernel
from stepwell.model.entry import AnyEntry, Nested, Payload, Started
from stepwell.model.run import RunRow
from stepwell.ports.definitions import Errors
from stepwell.runtime.draft import Draft
from stepwell.runtime.host import Host


class Holding(Protocol):
    """One run held by this worker; implemented by `runtime.activation.Activation`.

    `behind`: entries are recorded but no longer delivered, so only a replay can go on. `calls_of`: the call of each
    entry of the journal, by number.
    """

    host: Host
    row: RunRow
    key: bytes
    loop: asyncio.AbstractEventLoop
    errors: Errors
    history: History
    started: Started
    kernel: Kernel
    draft: Draft
    calls_of: list[str | None]
    holding_back: bool
    behind: bool

    @property
    def closed_to_outcomes(self) -> bool: ...

    def now(self) -> float: ...
    def stamp(self) -> float: ...
    def inline(self, payload: Payload) -> Payload: ...
    def record(self, entry: AnyEntry) -> None: ...
    def soon(self, entry: AnyEntry) -> None: ...
    def advance(self) -> None: ...
    def flush(self) -> None: ...
    def after_ack(self, effect: Callable[..., None], *args: Any) -> None: ...
    def later(self, what: Callable[[], None]) -> None: ...
    def hold_back(self) -> None: ...
    def drop(self, why: str) -> None: ...
    def tell(self, event: str, **facts: Any) -> None: ...

    async def record_nested(self, entry: Nested) -> Nested: ...
    async def pause_for(self, delay: float) -> None: ...
