"""What the parts of an activation (inputs, orders, steps) need of the whole."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from stepwell.core.history import History
from stepwell.core.kernel import Kernel
from stepwell.model.entry import AnyEntry, ChildEnded, ChildStarted, Payload, Started
from stepwell.model.run import InboxItem, RunRow
from stepwell.ports.definitions import Errors, WorkflowDefinition
from stepwell.runtime.draft import Draft
from stepwell.runtime.host import Host
from stepwell.runtime.pending import Pending


class Holding(Protocol):
    """One run held by this worker; implemented by `runtime.activation.Activation`.

    `behind`: entries are recorded but no longer delivered, so only a replay can go on. `calls_of`: the call of each
    entry of the journal, by number. `expecting`: how many answers of the store are awaited that bring an entry.
    """

    host: Host
    row: RunRow
    key: bytes
    epoch: int
    over: bool
    acked: int
    loop: asyncio.AbstractEventLoop
    errors: Errors
    history: History
    started: Started
    definition: WorkflowDefinition
    kernel: Kernel
    draft: Draft
    calls_of: list[str | None]
    holding_back: bool
    behind: bool
    expecting: int
    pending: Pending

    @property
    def closed_to_outcomes(self) -> bool: ...

    def now(self) -> float: ...
    def stamp(self) -> float: ...
    def about(self) -> dict[str, Any]: ...
    def inline(self, payload: Payload) -> Payload: ...
    def inlined(self, entry: AnyEntry) -> AnyEntry: ...
    def record(self, entry: AnyEntry) -> None: ...
    def soon(self, entry: AnyEntry) -> None: ...
    def advance(self) -> None: ...
    def flush(self) -> None: ...
    def after_ack(self, effect: Callable[..., None], *args: Any) -> None: ...
    def later(self, what: Callable[..., None], *args: Any) -> None: ...
    def hold_back(self) -> None: ...
    def drop(self, why: str) -> None: ...
    def tell(self, event: str, **facts: Any) -> None: ...

    def child_again(self, started: ChildStarted, ended: ChildEnded | None) -> None: ...
    def posted(self, inbox: int) -> None: ...
    def inbox_arrived(self, items: list[InboxItem]) -> None: ...
