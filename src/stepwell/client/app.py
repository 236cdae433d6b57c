"""`App`: what people import; the composition root that puts the rooms together."""

import logging
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib import import_module
from typing import Any, ParamSpec, Self, TypeVar

import msgspec

from stepwell.adapters.clock import SystemClock
from stepwell.adapters.failures import ErrorRegistry
from stepwell.adapters.ids import chance, key_of, new_key
from stepwell.adapters.jsoncodec import JsonCodec
from stepwell.adapters.transactions import Drivers
from stepwell.authoring.definer import Definer
from stepwell.authoring.event import Event
from stepwell.authoring.handle import Run
from stepwell.authoring.registry import Registry
from stepwell.client.config import TIMES, Settings, settings
from stepwell.client.engine import OpenEngine
from stepwell.client.inspect import Events, Runs
from stepwell.client.opened import Opened, Parts
from stepwell.client.protocol import AppStatus
from stepwell.client.stores import masked
from stepwell.client.sync import SyncFace
from stepwell.client.verbs import Verbs
from stepwell.client.version import VERSION
from stepwell.client.versions import CodeVersion, Pinned, Stranded, pinned, stranded, versions
from stepwell.errors import AppClosed, UnknownWorkflow
from stepwell.model.duration import Duration, seconds
from stepwell.model.policy import Policy, Retention, Retry
from stepwell.model.run import RunFilter, WorkerRow
from stepwell.model.text import check_keepable
from stepwell.ports.definitions import codes_of
from stepwell.runtime.hooks import HookEvent, Hooks
from stepwell.runtime.worker import Worker

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
Hook = TypeVar("Hook", bound=Callable[[HookEvent], Any])


class App(Definer, Verbs):
    """An app: its workflows, steps and events, and the database they live in.

    `async with app:` opens the store and works in this process; with `mode="client"` it only talks to it.
    Apps are independent of each other. What is not given here comes from `STEPWELL_*`, then from the defaults.
    `like=` takes the definitions of another app: a client of its own process for the same workflows.

    Raises:
        InvalidOption, InvalidDuration: a setting is out of range.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        namespace: str | None = None,
        mode: str | None = None,
        concurrency: int | None = None,
        poll_interval: Duration | None = None,
        lease: Duration | None = None,
        grace: Duration | None = None,
        durability: str | None = None,
        defaults: Policy | Retry | None = None,
        retention: Retention | None = None,
        event_timeout: Duration | None = None,
        like: "App | None" = None,
    ) -> None:
        given = {"database_url": url, "namespace": namespace, "mode": mode, "concurrency": concurrency,
                 "poll_interval": poll_interval, "lease": lease, "grace": grace, "durability": durability}  # fmt: skip
        if like is not None:
            given = {name: like._given.get(name) if value is None else value for name, value in given.items()}
        self.settings: Settings = settings(given)
        # Apps that are made after this one do not warn again of what has been read here.
        self._given: dict[str, Any] = given | {
            name: timedelta(seconds=getattr(self.settings, name)) for name in TIMES if given.get(name) is not None
        }
        self.registry = (
            like.registry if like else Registry(JsonCodec(), ErrorRegistry(), Policy.of(defaults), Drivers())
        )
        self.hooks: Hooks = like.hooks if like else Hooks()
        if like is None:
            self.registry.app = self
        if event_timeout is not None:
            self.registry.event_timeout = seconds(event_timeout, "event_timeout")
        age = self.settings.retention
        inherited = like.retention if like is not None else None
        said = None if age is None else Retention(timedelta(seconds=age), timedelta(seconds=age))
        self.retention: Retention | None = retention or inherited or said
        self.parts = Parts(clock=SystemClock(), new_key=new_key, key_of=key_of, chance=chance)
        self.runs = Runs(self._engine)
        self.events = Events(self._engine)
        self._opened: Opened | None = None
        self._isolation: Any = None
        self._sync: SyncFace | None = None
        if like is None:
            self.registry.engine = self._engine

    def __repr__(self) -> str:
        return f"<App {masked(self.settings.database_url)} {self.settings.namespace} ({self.settings.mode})>"

    def on(self, *names: str) -> Callable[[Hook], Hook]:
        """Call a function after lifecycle events of this process's workers: `@app.on("run.failed")`.

        What a hook raises is logged; it never breaks a run. Raises InvalidOption for an unknown event.
        """

        def register(fn: Hook) -> Hook:
            self.hooks.on(names, fn)
            return fn

        return register

    # -- opening -------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Open the store and, unless the mode is "client", work in this process.

        Raises:
            SchemaTooNew, SchemaTooOld, NetworkFilesystem, StoreUnavailable, StoreReadOnly: as the store finds.
        """
        if self._opened is not None:
            raise AppClosed("the app is open already", hint="Open an app once, and share it.")
        opened = await self._open_store()
        try:
            if self.settings.mode != "client":
                await opened.work(self._worker_options(), retention=self.retention)
                if not self.parts.virtual:
                    self._isolation = self._isolate()
        except BaseException:
            await self.close()
            raise

    async def _open_store(self) -> Opened:
        if self.settings.log_level is not None:
            log_to_stderr(self.settings.log_level.upper())
        self._opened = await Opened.begin(self.settings, self.registry, self.hooks, self.parts)
        # The app that was opened last in this process is the one that its workflows' `start` talks to.
        self.registry.engine = self._engine
        return self._opened

    async def close(self) -> None:
        """Hand back what waits, let running steps finish (within the grace), close the store."""
        isolation, self._isolation = self._isolation, None
        if isolation is not None:
            await isolation.stop()
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.end()

    def _isolate(self, workflows: tuple[str, ...] = ()) -> Any:
        # By name: its child process loads an App, so those modules stand on this one and not the other way round.
        reference = import_module("stepwell.client.discover").reference_of(self)
        isolation = import_module("stepwell.client.isolated").Isolation(self, reference, workflows=workflows)
        isolation.start()
        return isolation

    @asynccontextmanager
    async def worker(self, *, concurrency: int | None = None, queues: Sequence[str] = (),
                     workflows: Sequence[Any] = (), only: str | None = None, logging: bool = False,
                     isolate: bool = True) -> AsyncGenerator[Worker, None]:  # fmt: skip
        """Work in this process while the block lasts; leaving it drains and hands runs back.

        Opens the store if the app is not open. `concurrency`: step bodies at once. `queues`, `workflows`: serve only
        these. `logging=True` writes the engine's log to standard error. `isolate`: execute runs that killed two workers
        alone, in a child process that loads this app by itself (P11).

        Raises:
            UnknownWorkflow: a workflow is not this app's.
        """
        names = tuple(getattr(w, "name", w) for w in workflows)
        for name in names:
            if name not in self.registry.workflow_names():
                raise UnknownWorkflow(f"no workflow is called {name!r}", hint="Is its module imported?")
        if logging:
            log_to_stderr("INFO")
        own = self._opened is None
        opened = self._opened or await self._open_store()
        try:
            options = self._worker_options(concurrency=concurrency, queues=tuple(queues), workflows=names,
                                           only=None if only is None else bytes.fromhex(only))  # fmt: skip
            worker = await opened.work(options, retention=self.retention)
            isolation = self._isolate(names) if isolate and only is None and not self.parts.virtual else None
            try:
                yield worker
            finally:
                if isolation is not None:
                    await isolation.stop()
                await opened.stop_worker(worker)
        finally:
            if own:
                await self.close()

    def _worker_options(self, **given: Any) -> dict[str, Any]:
        base = {"concurrency": self.settings.concurrency, "lease_s": self.settings.lease,
                "poll_s": self.settings.poll_interval, "grace_s": self.settings.grace,
                "hot": self.settings.hot_runs, "version": VERSION}  # fmt: skip
        return base | {name: value for name, value in given.items() if value is not None}

    # -- verbs of the whole --------------------------------------------------------------------

    async def send(self, event: Event[T] | str, payload: Any = None, *, id: str | None = None) -> list[Run[Any]]:
        """Publish an event: every workflow `on=` it starts. Answers with the runs; the same `id` starts them once.

        Raises:
            UnknownEvent: the name is not an event of this app. TypeMismatch, NotSerializable: the payload.
        """
        if isinstance(event, str):
            known: Event[Any] = self.registry.event(event)
            payload = known.plan.decode(msgspec.json.encode(payload))
        else:
            known = event
        name, data = known.encode(payload)
        check_keepable("id", id)
        rows = await self._engine().publish(name, data, id=id)
        if not rows:
            logging.getLogger("stepwell.client").warning("event %r was published, and no workflow is `on=` it", name)
        return [await self.runs.get(row.id) for row in rows]

    async def status(self) -> AppStatus:
        """The state of the whole: counts per status, workers, and when the next run of these workflows is due."""
        engine = self._engine()
        store = engine.store
        names = self.registry.workflow_names()
        due = await store.next_due(names, codes_of(self.registry, names))
        return AppStatus(
            database=masked(self.settings.database_url),
            namespace=self.settings.namespace,
            version=VERSION,
            runs=await store.count(RunFilter()),
            workers=await self.workers(),
            next_due_s=None if due is None else max(0.0, due - engine.clock.now()),
        )

    async def workers(self) -> list[WorkerRow]:
        """Those that work on the database, alive or lost a short while ago."""
        return await self._engine().store.workers()

    async def versions(self, name: str | None = None) -> list[CodeVersion]:
        """The versions of workflows and steps that workers have brought, of one name or of all; oldest first."""
        return await versions(self._engine().store, name)

    async def pinned(self) -> list[Pinned]:
        """Runs that have not ended and are pinned to code, by workflow and code, the most first. Reads all of them."""
        engine = self._engine()
        return await pinned(engine.store, engine.clock.now())

    async def stranded(self) -> list[Stranded]:
        """Pinned runs whose code no live worker has, by workflow and code: nobody goes on with them.

        Start a worker with that code again, or let others go on: `unpin` a run.
        """
        return stranded(await self.pinned())

    @property
    def sync(self) -> SyncFace:
        """The same for synchronous code: `with app.sync as s: s.start(workflow, 1).result()`."""
        if self._sync is None:
            self._sync = SyncFace(self)
        return self._sync

    def _engine(self) -> OpenEngine:
        if self._opened is None:
            raise AppClosed("the app is not open", hint="Use it inside `async with app:` (or `with app.sync:`).")
        return self._opened.engine


def log_to_stderr(level: str) -> None:
    """Write the engine's log to standard error."""
    logger = logging.getLogger("stepwell")
    logger.setLevel(level)
    if not any(isinstance(h, logging.StreamHandler) for h in logger.handlers):
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        logger.addHandler(handler)
