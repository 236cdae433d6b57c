"""The synchronous face: the same verbs for plain scripts, notebooks and threads, through one event loop thread."""

from __future__ import annotations

import asyncio
import builtins
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar

from msgspec import UNSET

from stepwell.authoring.event import Event
from stepwell.authoring.handle import Run, RunStatusReport
from stepwell.authoring.starting import Startable
from stepwell.client.protocol import AppStatus, Client, Page
from stepwell.errors import AppClosed, WrongContext
from stepwell.ports.guest import at_once

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


class SyncRun(Generic[R]):
    """`Run`, synchronously."""

    def __init__(self, run: Run[R], face: SyncFace) -> None:
        self._run = run
        self._face = face
        self.id = run.id
        self.key = run.key
        self.workflow = run.workflow

    def __repr__(self) -> str:
        return repr(self._run)

    def status(self) -> RunStatusReport:
        return self._face.wait(self._run.status())

    def result(self, timeout: float | str | None = None) -> R:
        return self._face.wait(self._run.result(timeout))

    def pause(self) -> None:
        self._face.wait(self._run.pause())

    def resume(self) -> None:
        self._face.wait(self._run.resume())

    def cancel(self) -> None:
        self._face.wait(self._run.cancel())

    def terminate(self) -> None:
        self._face.wait(self._run.terminate())

    def restart(self) -> None:
        self._face.wait(self._run.restart())

    def retry(self) -> None:
        self._face.wait(self._run.retry())

    def send(self, event: Any, payload: Any = None, *, id: str | None = None) -> None:
        self._face.wait(self._run.send(event, payload, id=id))

    def journal(self) -> list[dict[str, Any]]:
        return self._face.wait(self._run.journal())


class SyncFace:
    """`app.sync`: open it with `with app.sync:`; works under a running loop, in a script, in a notebook."""

    def __init__(self, app: Client) -> None:
        self._app = app
        self._done = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        ready: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(target=self._serve, args=(ready,), name="stepwell-sync", daemon=True)
        self._thread.start()
        self._loop = ready.result()
        try:
            self.wait(self._app.open())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            self.wait(self._app.close())
        finally:
            self._stop()

    def _serve(self, ready: Future[asyncio.AbstractEventLoop]) -> None:
        async def main() -> None:
            self._done = asyncio.Event()
            ready.set_result(asyncio.get_running_loop())
            await self._done.wait()

        asyncio.run(main())

    def _stop(self) -> None:
        assert self._loop is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join()
        self._loop = self._thread = None

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine of the app in its loop, and wait for it. Raises AppClosed, WrongContext."""
        if self._loop is None:
            work.close()
            raise AppClosed("the app is not open", hint="Use it inside `with app.sync:`.")
        if threading.current_thread() is self._thread:
            work.close()
            raise WrongContext("`app.sync` in async code of its own app would wait for itself", hint="Use `app`.")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    # -- verbs ---------------------------------------------------------------------------------

    def start(self, workflow: Startable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> SyncRun[R]:
        """Start a workflow or step, with its own arguments; options by `workflow.options(...)`."""
        work = self._app.start(workflow, *args, **kwargs)
        return SyncRun(self._begun(work, workflow.inside(())), self)

    def start_many(self, workflow: Startable[P, R], items: Sequence[Any], /) -> builtins.list[SyncRun[R]]:
        work = self._app.start_many(workflow, items)
        return [SyncRun(run, self) for run in self._begun(work, workflow.inside(items))]

    def start_by_name(self, workflow: str, input: Any = UNSET, /, **options: Any) -> SyncRun[Any]:
        work = self._app.start(workflow, input, **options)
        return SyncRun(self._begun(work, options.get("conn") is not None), self)

    def _begun(self, work: Coroutine[Any, Any, T], inside: bool) -> T:
        """Start in the app's loop; or here, since the caller's own connection belongs to the caller's thread."""
        return at_once(work) if inside else self.wait(work)

    def get(self, run_id: str) -> SyncRun[Any]:
        return SyncRun(self.wait(self._app.runs.get(run_id)), self)

    def list(self, **which: Any) -> Page:
        return self.wait(self._app.runs.list(**which))

    def count(self, **which: Any) -> dict[str, int]:
        return self.wait(self._app.runs.count(**which))

    def send(self, event: Event[T], payload: T | None = None, *, key: str, id: str | None = None) -> None:
        """Send an event to a key."""
        self.wait(self._app.events.send(event, key=key, data=payload, id=id))

    def publish(
        self, event: Event[T] | str, payload: Any = None, *, id: str | None = None
    ) -> builtins.list[SyncRun[Any]]:
        """Publish an event; answers with the runs it started."""
        return [SyncRun(run, self) for run in self.wait(self._app.send(event, payload, id=id))]

    def status(self) -> AppStatus:
        return self.wait(self._app.status())
