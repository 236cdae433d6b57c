"""What the front doors need of a running engine: starting runs, sending events, steering by handle."""

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from stepwell.model.entry import AnyEntry
from stepwell.model.options import StartOptions
from stepwell.model.run import RunRow
from stepwell.ports.definitions import Errors, WorkflowDefinition


class StartOrder(msgspec.Struct, frozen=True):
    """One run to start: its workflow (or only its name), its encoded input, its options."""

    workflow: str
    input: bytes
    options: StartOptions
    definition: WorkflowDefinition | None = None


class Ended(msgspec.Struct, frozen=True):
    """How a run ended: its row and the stored value, or the rebuilt exception."""

    row: RunRow
    value: bytes | None = None
    error: BaseException | None = None


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A run at one moment, from acknowledged state only: its row, and what its journal adds.

    `input` and `value` are as stored, None where there is none; `current` are the calls it is at.
    """

    row: RunRow
    input: bytes | None = None
    value: bytes | None = None
    error: BaseException | None = None
    attempt: int = 1
    current: tuple[str, ...] = ()


class Engine(Protocol):
    """An open app, or a client of a server, seen from below."""

    errors: Errors

    async def start(self, orders: Sequence[StartOrder]) -> list[RunRow | Exception]: ...
    async def find(self, run_id: str) -> RunRow: ...
    async def row(self, key: bytes) -> RunRow: ...
    async def entries(self, key: bytes) -> list[AnyEntry]: ...
    async def standing(self, key: bytes) -> Standing: ...
    async def ended(self, key: bytes, timeout: float | None) -> Ended: ...
    async def control(self, key: bytes, verb: str, **details: Any) -> RunRow: ...
    async def send(self, event: str, data: bytes, *, key: str | None, target: bytes | None, id: str | None) -> None: ...
    async def publish(self, event: str, data: bytes, *, id: str | None) -> list[RunRow]: ...
