"""What a client talks through: the same for the engine of an open app and for a server behind HTTP.

`App` and `RemoteClient` put the same front (`Runs`, `Events`, `Run`, the verbs that start) before one of these, so
that a program can be given either.
"""

from __future__ import annotations

import builtins
from collections.abc import AsyncGenerator, Sequence
from typing import Any, ParamSpec, Protocol, TypeVar, overload

import msgspec
from msgspec import UNSET

from stepwell.authoring.event import Event
from stepwell.authoring.handle import Run
from stepwell.authoring.starting import Startable
from stepwell.client.runlogs import LogPage
from stepwell.client.versions import CodeVersion, Pinned, Stranded
from stepwell.model.run import RunFilter, RunRow, WorkerRow
from stepwell.ports.definitions import Definitions
from stepwell.ports.engine import Engine

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class Page(msgspec.Struct, frozen=True):
    """Runs, newest first, and the cursor of the next page (None at the end).

    `briefs`: by key the results of those that succeeded, in short: JSON of at most 80 characters in which what is
    secret is hidden, to be shown and not to be parsed. Results that are None or long are left out.
    """

    runs: list[RunRow]
    after: str | None
    briefs: dict[bytes, str] = {}


class AppStatus(msgspec.Struct, frozen=True, kw_only=True):
    """An app at one moment: its database, counts per state, live workers.

    `next_due_s`: seconds until the next queued or waiting run is due, 0.0 when one is, None when there is none.
    """

    database: str
    namespace: str
    version: str
    runs: dict[str, int]
    workers: list[WorkerRow]
    next_due_s: float | None


class Backend(Engine, Protocol):
    """An engine that can also look at many runs."""

    definitions: Definitions

    def knowing(self, definitions: Definitions) -> Backend:
        """The same, with the types and errors of other definitions."""
        ...

    async def page(self, which: RunFilter, *, after: str | None, limit: int) -> Page: ...
    async def count(self, which: RunFilter) -> dict[str, int]: ...
    async def history(self, key: bytes) -> list[dict[str, Any]]: ...
    async def logs(self, key: bytes, *, after: str | None, limit: int, newest: bool, level: str | None) -> LogPage: ...
    def watch(self, key: bytes, every: float) -> AsyncGenerator[RunRow]: ...


class RunsFace(Protocol):
    """`client.runs`: see `stepwell.client.inspect.Runs`."""

    async def get(self, run_id: str) -> Run[Any]: ...
    async def start(self, workflow: str, input: Any = UNSET, **options: Any) -> Run[Any]: ...
    async def count(self, **which: Any) -> dict[str, int]: ...
    async def row(self, run_id: str) -> RunRow: ...
    async def generations(self, run_id: str) -> builtins.list[dict[str, Any]]: ...
    async def logs(self, run_id: str, *, after: str | None = None, limit: int = 200, newest: bool = False,
                   level: str | None = None) -> LogPage: ...  # fmt: skip
    def watch(self, run_id: str, *, every: float = 0.5) -> AsyncGenerator[RunRow]: ...
    async def list(self, *, limit: int = 50, after: str | None = None, **which: Any) -> Page: ...


class EventsFace(Protocol):
    """`client.events`: see `stepwell.client.inspect.Events`."""

    async def send(self, name: Event[Any] | str, *, key: str | None = None, run: str | None = None, data: Any = None,
                   id: str | None = None) -> None: ...  # fmt: skip


class Client(Protocol):
    """What programs may rely on, whether they were given an `App` or a `RemoteClient`."""

    @property
    def runs(self) -> RunsFace: ...
    @property
    def events(self) -> EventsFace: ...
    async def open(self) -> None: ...
    async def close(self) -> None: ...
    @overload
    async def start(self, workflow: Startable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Run[R]: ...
    @overload
    async def start(self, workflow: str, input: Any = UNSET, /, **options: Any) -> Run[Any]: ...
    async def start_many(self, workflow: Startable[P, R], items: Sequence[Any], /) -> builtins.list[Run[R]]: ...
    async def send(
        self, event: Event[T] | str, payload: Any = None, *, id: str | None = None
    ) -> builtins.list[Run[Any]]: ...
    async def status(self) -> AppStatus: ...
    async def workers(self) -> builtins.list[WorkerRow]: ...
    async def versions(self, name: str | None = None) -> builtins.list[CodeVersion]: ...
    async def pinned(self) -> builtins.list[Pinned]: ...
    async def stranded(self) -> builtins.list[Stranded]: ...
