"""`RemoteClient`: the verbs of an app, over the REST API of a Stepwell server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal, Self, TypeVar

import msgspec

from stepwell.adapters.clock import SystemClock
from stepwell.adapters.failures import ErrorRegistry
from stepwell.adapters.ids import new_key
from stepwell.adapters.jsoncodec import JsonCodec
from stepwell.authoring.event import Event
from stepwell.authoring.handle import Run
from stepwell.authoring.registry import Registry
from stepwell.client import shapes
from stepwell.client.app import App
from stepwell.client.http import RETRIES, Http
from stepwell.client.inspect import Events, Runs
from stepwell.client.places import API_URL
from stepwell.client.profiles import key_from
from stepwell.client.protocol import AppStatus
from stepwell.client.remote_engine import RemoteEngine
from stepwell.client.sync import SyncFace
from stepwell.client.verbs import Verbs
from stepwell.client.version import VERSION
from stepwell.client.versions import CodeVersion, Pinned, Stranded, stranded
from stepwell.errors import AppClosed, InvalidOption, NotAServer
from stepwell.model.run import RunFilter, WorkerRow
from stepwell.model.text import check_keepable

T = TypeVar("T")


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """Who the server takes this client for, and what it serves."""

    authenticated: bool
    open: bool
    name: str | None = None
    scopes: list[str] = []
    namespace: str
    database: str
    version: str


class _Worker(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    started_at: str
    beat_at: str
    expires_at: str
    host: str = ""
    pid: int = 0
    version: str = ""
    concurrency: int = 0
    held: int = 0
    queues: tuple[str, ...] = ()
    offers: dict[str, str] = {}
    lag_s: float = 0.0
    draining: bool = False


class _Workers(msgspec.Struct, frozen=True):
    workers: list[_Worker]


class _Version(msgspec.Struct, frozen=True, kw_only=True):
    kind: Literal["workflow", "step"]
    name: str
    number: int
    code: str
    at: str
    source: str | None = None
    python: str = ""


class _Versions(msgspec.Struct, frozen=True):
    versions: list[_Version]


class _Pinned(msgspec.Struct, frozen=True, kw_only=True):
    workflow: str
    code: str
    count: int
    since: str
    workers: int


class _Pins(msgspec.Struct, frozen=True):
    pins: list[_Pinned]


class _Now(msgspec.Struct, frozen=True):
    next_due_at: str | None = None


class _Overview(msgspec.Struct, frozen=True):
    now: _Now


class RemoteClient(Verbs):
    """A client of a Stepwell server, with the verbs of an `App`: `async with RemoteClient(url, key=key) as client:`.

    `url` and `key` come from `STEPWELL_API_URL` and `STEPWELL_API_KEY` (or `STEPWELL_API_KEY_FILE`) when they are not
    given. `like=` takes the definitions of an app, so that results of runs found by id, and exceptions, come back as
    their own types; what is started by its function has them anyway. `namespace`: the one the server must have.
    `retries`: how often a request that is safe to repeat is tried again. `verify`: False, or an `ssl.SSLContext`.

    Raises:
        InvalidOption: the URL is none.
    """

    def __init__(self, url: str | None = None, *, key: str | None = None, namespace: str | None = None,
                 like: App | None = None, retries: int = RETRIES, verify: Any = True,
                 environment: Mapping[str, str] | None = None) -> None:  # fmt: skip
        environment = os.environ if environment is None else environment
        url = url or environment.get(API_URL)
        if not url:
            raise InvalidOption("a client without a server", expected=f"a URL, or {API_URL}")
        self.http = Http(url, key or key_from(environment), retries=retries, verify=verify)
        self.registry = like.registry if like is not None else Registry(JsonCodec(), ErrorRegistry())
        self.runs = Runs(self._engine)
        self.events = Events(self._engine)
        self.session: Session | None = None
        self._namespace = namespace
        self._clock = SystemClock()
        self._backend = RemoteEngine(self.http, self.registry, self._clock, new_key)
        self._sync: SyncFace | None = None

    def __repr__(self) -> str:
        return f"<RemoteClient {self.http.url}>"

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Ask the server who it is, and whether it fits.

        Raises:
            ServerUnavailable: it cannot be reached. NotAServer: it is something else, or of another version.
            InvalidOption: it has another namespace than the one asked for.
        """
        if self.session is not None:
            raise AppClosed("the client is open already", hint="Open a client once, and share it.")
        await self.http.open()
        try:
            session = await self.http.get("/session", Session)
            self._check(session)
        except BaseException:
            await self.http.close()
            raise
        self.session = session

    def _check(self, session: Session) -> None:
        if session.version.partition(".")[0] != VERSION.partition(".")[0]:
            raise NotAServer(
                f"the server {self.http.url} is Stepwell {session.version}, and this client {VERSION}",
                hint="Install the version of the server.",
            )
        if self._namespace is not None and self._namespace != session.namespace:
            raise InvalidOption(
                f"namespace={self._namespace!r}: the server {self.http.url} serves {session.namespace!r}",
                hint="Each namespace has a server of its own.",
            )

    async def close(self) -> None:
        """Close the connections."""
        self.session = None
        await self.http.close()

    async def send(self, event: Event[T] | str, payload: Any = None, *, id: str | None = None) -> list[Run[Any]]:
        """Publish an event: every workflow `on=` it starts. Answers with the runs; the same `id` starts them once.

        Raises:
            UnknownEvent: the server knows no such event. TypeMismatch, NotSerializable: the payload.
        """
        known = self.registry.events.get(event) if isinstance(event, str) else event
        if known is None:
            name, data = str(event), msgspec.json.encode(payload)
        else:
            if isinstance(event, str):
                payload = known.plan.decode(msgspec.json.encode(payload))
            name, data = known.encode(payload)
        check_keepable("id", id)
        rows = await self._engine().publish(name, data, id=id)
        return [self.runs.handle(row) for row in rows]

    async def status(self) -> AppStatus:
        """The state of the whole, as the server sees it."""
        engine, session = self._engine(), self.session
        assert session is not None
        overview = await self.http.get("/overview", _Overview)
        due = shapes.at(overview.now.next_due_at)
        return AppStatus(
            database=session.database,
            namespace=session.namespace,
            version=session.version,
            runs=await engine.count(RunFilter()),
            workers=await self.workers(),
            next_due_s=None if due is None else max(0.0, due - self._clock.now()),
        )

    async def workers(self) -> list[WorkerRow]:
        """Those that work on the server's database."""
        self._engine()
        return [_row_of(worker) for worker in (await self.http.get("/workers", _Workers)).workers]

    async def versions(self, name: str | None = None) -> list[CodeVersion]:
        """The versions of workflows and steps that workers have brought, of one name or of all; oldest first."""
        self._engine()
        found = (await self.http.get("/versions", _Versions, params={"workflow": name})).versions
        made = [
            CodeVersion(kind=one.kind, name=one.name, number=one.number, code=one.code,
                        at=shapes.at(one.at) or 0.0, source=one.source, python=one.python)
            for one in found
        ]  # fmt: skip
        return sorted(made, key=lambda one: (one.kind, one.name, one.number))

    async def pinned(self) -> list[Pinned]:
        """Runs that have not ended and are pinned to code, by workflow and code, the most first."""
        self._engine()
        return [Pinned(workflow=one.workflow, code=one.code, count=one.count, since=shapes.at(one.since) or 0.0,
                       workers=one.workers)
                for one in (await self.http.get("/pins", _Pins)).pins]  # fmt: skip

    async def stranded(self) -> list[Stranded]:
        """Pinned runs whose code no live worker has, by workflow and code: nobody goes on with them."""
        return stranded(await self.pinned())

    @property
    def sync(self) -> SyncFace:
        """The same for synchronous code: `with client.sync as s: s.start(workflow, 1).result()`."""
        if self._sync is None:
            self._sync = SyncFace(self)
        return self._sync

    def _engine(self) -> RemoteEngine:
        if self.session is None:
            raise AppClosed("the client is not open", hint="Use it inside `async with` (or `with client.sync:`).")
        return self._backend


def _row_of(worker: _Worker) -> WorkerRow:
    return WorkerRow(
        id=worker.id, host=worker.host, pid=worker.pid, version=worker.version, concurrency=worker.concurrency,
        held=worker.held, queues=worker.queues, offers=worker.offers, draining=worker.draining, lag=worker.lag_s,
        started_at=shapes.at(worker.started_at) or 0.0, beat_at=shapes.at(worker.beat_at) or 0.0,
        expires_at=shapes.at(worker.expires_at) or 0.0)  # fmt: skip
