"""The engine of a client whose runs are behind a server: every question and order is a request of the REST API."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec
from msgspec import UNSET, UnsetType

from stepwell.adapters.ids import key_of
from stepwell.client import shapes
from stepwell.client.http import OUTLAST_S, Http
from stepwell.client.problems import Problem, error_of
from stepwell.client.protocol import Page
from stepwell.client.redact import HIDDEN
from stepwell.client.results import is_settled
from stepwell.client.runlogs import LogPage
from stepwell.client.sse import events
from stepwell.errors import ERRORS, InvalidOption, ServerUnavailable, WorldError
from stepwell.model.entry import AnyEntry, decode_entries
from stepwell.model.failure import Failure
from stepwell.model.options import StartOptions
from stepwell.model.run import RunFilter, RunRow
from stepwell.model.status import RunStatus
from stepwell.ports.clock import Clock
from stepwell.ports.definitions import Definitions
from stepwell.ports.engine import Ended, Standing, StartOrder

BATCH: Final = 1000
ENTRIES: Final = 1000
LONG_POLL_S: Final = 30.0
RECONNECT_S: Final = 1.0
_OPTIONS: Final = ("id", "name", "queue", "priority", "retries", "queue_timeout", "deadline")
_HIDDEN: Final = HIDDEN.encode()
_REPEATABLE: Final = frozenset({"pause", "resume", "cancel", "terminate", "unpin"})


class _Detail(shapes.Run, frozen=True, kw_only=True):
    input: msgspec.Raw = msgspec.Raw(b"null")
    result: msgspec.Raw | UnsetType = UNSET
    error: shapes.Failure | UnsetType = UNSET
    attempt: int = 1
    current: tuple[str, ...] = ()


class _Runs(msgspec.Struct, frozen=True):
    runs: list[shapes.Run]
    after: str | None = None


class _Count(msgspec.Struct, frozen=True):
    by_status: dict[str, int]


class _Journal(msgspec.Struct, frozen=True):
    entries: list[dict[str, Any]]
    after: int | None


class _Result(msgspec.Struct, frozen=True):
    status: RunStatus
    result: msgspec.Raw | UnsetType = UNSET
    error: shapes.Failure | UnsetType = UNSET


class _Outcome(_Result, frozen=True, kw_only=True):
    run: shapes.Run


class _Position(msgspec.Struct, frozen=True):
    run: shapes.Run | None = None
    problem: Problem | None = None


class _Batch(msgspec.Struct, frozen=True):
    results: list[_Position]


class RemoteEngine:
    """Implements `client.protocol.Backend` over the REST API of a server. Every write is safe to repeat (P6)."""

    def __init__(self, http: Http, definitions: Definitions, clock: Clock, new_key: Callable[[], bytes]) -> None:
        self.http = http
        self.definitions = definitions
        self.errors = definitions.errors
        self._clock = clock
        self._new_key = new_key

    def knowing(self, definitions: Definitions) -> RemoteEngine:
        if definitions is self.definitions:
            return self
        return RemoteEngine(self.http, definitions, self._clock, self._new_key)

    # -- starting ------------------------------------------------------------------------------

    async def start(self, orders: Sequence[StartOrder]) -> builtins.list[RunRow | Exception]:
        """Start runs; each position answers with its row or with why not. A start without an id is given one (P6)."""
        if len(orders) == 1:
            body = self._order(orders[0])
            headers = {} if "id" in body else {"Idempotency-Key": self._new_key().hex()}
            run = await self.http.post("/runs", shapes.Run, body, repeatable=True, headers=headers)
            return [row_of(run)]
        answers: list[RunRow | Exception] = []
        for at in range(0, len(orders), BATCH):
            some = [{"id": self._new_key().hex(), **self._order(order)} for order in orders[at : at + BATCH]]
            batch = await self.http.post("/runs/batch", _Batch, {"runs": some}, repeatable=True)
            answers += map(self._answer, batch.results)
        return answers

    def _order(self, order: StartOrder) -> dict[str, Any]:
        options = order.options
        if options.conn is not None:
            raise InvalidOption(
                "conn= with a server: a transaction of yours does not reach its database",
                hint="Start within a transaction by an `App` on the same database.",
            )
        if options.retention is not None:
            raise InvalidOption("retention= with a server", hint="Say it in `@app.workflow(retention=…)`.")
        said: dict[str, Any] = {name: getattr(options, name) for name in _OPTIONS}
        said |= {"delay": options.delay or None, "tags": options.tags or None}
        said |= {"reuse": None if options.reuse == StartOptions().reuse else options.reuse}
        given = {name: value for name, value in said.items() if value is not None}
        return {"workflow": order.workflow, "input": msgspec.Raw(order.input), **given}

    def _answer(self, position: _Position) -> RunRow | Exception:
        if position.run is not None:
            return row_of(position.run)
        problem = position.problem or Problem(title="the server did not say why")
        return error_of(problem, problem.status) or WorldError(problem.title)

    # -- finding -------------------------------------------------------------------------------

    async def find(self, run_id: str) -> RunRow:
        return row_of(await self.http.get(_path(run_id), shapes.Run))

    async def _followed(self, key: bytes) -> RunRow:
        """The row of a run that is waited for: a restart of the server does not end the waiting."""
        return row_of(await self.http.get(_path(key.hex()), shapes.Run, patience=OUTLAST_S))

    async def row(self, key: bytes) -> RunRow:
        return await self.find(key.hex())

    async def standing(self, key: bytes) -> Standing:
        run = await self.http.get(_path(key.hex()), _Detail)
        seen = msgspec.json.encode(_Result(run.status, run.result, run.error))
        if _HIDDEN in seen:  # the page's view of it: ask for the outcome itself
            whole = await self.http.get(f"{_path(key.hex())}/result", _Result, params={"timeout": 0})
            run = msgspec.structs.replace(run, result=whole.result, error=whole.error)
        return Standing(
            row=row_of(run),
            input=bytes(run.input),
            value=None if run.result is UNSET else bytes(run.result),
            error=None if run.error is UNSET else self._exception(run.error),
            attempt=run.attempt,
            current=run.current,
        )

    async def entries(self, key: bytes) -> builtins.list[AnyEntry]:
        row = await self.row(key)
        entries = await self._journal(key, row.generation)
        for entry in entries:
            del entry["generation"], entry["seq"]
        return decode_entries(msgspec.json.encode(entries))

    async def history(self, key: bytes) -> builtins.list[dict[str, Any]]:
        return await self._journal(key, None)

    async def logs(self, key: bytes, *, after: str | None, limit: int, newest: bool, level: str | None) -> LogPage:
        params = {"after": after, "limit": limit, "newest": newest, "level": level}
        return await self.http.get(f"{_path(key.hex())}/logs", LogPage, params=params)

    async def _journal(self, key: bytes, generation: int | None) -> builtins.list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after: int | None = None
        while True:
            params = {"generation": generation, "after": after, "limit": ENTRIES}
            page = await self.http.get(f"{_path(key.hex())}/journal", _Journal, params=params)
            found += page.entries
            if page.after is None:
                return found
            after = page.after

    async def ended(self, key: bytes, timeout: float | None) -> Ended:
        until = None if timeout is None else self._clock.monotonic() + timeout
        while True:
            left = LONG_POLL_S if until is None else max(0.0, until - self._clock.monotonic())
            wait = min(left, LONG_POLL_S)
            patience = OUTLAST_S if until is None else min(max(0.0, until - self._clock.monotonic()), OUTLAST_S)
            response = await self.http.send("GET", f"{_path(key.hex())}/result", params={"timeout": wait}, wait=wait,
                                            patience=patience)  # fmt: skip
            if response.status_code != 202:
                found = self.http.decoded(response, _Outcome)
                error = None if found.error is UNSET else self._exception(found.error)
                value = None if found.result is UNSET else bytes(found.result)
                return Ended(row_of(found.run), value, error)
            if until is not None and self._clock.monotonic() >= until:
                raise TimeoutError("the run is still going on")

    # -- steering and telling ------------------------------------------------------------------

    async def control(self, key: bytes, verb: str, **details: Any) -> RunRow:
        path = f"{_path(key.hex())}/{verb}"
        return row_of(await self.http.post(path, shapes.Run, repeatable=verb in _REPEATABLE))

    async def send(self, event: str, data: bytes, *, key: str | None, target: bytes | None, id: str | None) -> None:
        body = {"event": event, "payload": msgspec.Raw(data), "id": id or self._new_key().hex()}
        if target is not None:
            await self.http.send("POST", f"{_path(target.hex())}/events", body=body, repeatable=True)
        else:
            await self.http.send("POST", "/events", body=body | {"key": key}, repeatable=True)

    async def publish(self, event: str, data: bytes, *, id: str | None) -> builtins.list[RunRow]:
        body = {"event": event, "payload": msgspec.Raw(data)} | ({} if id is None else {"id": id})
        found = await self.http.post("/events", _Runs, body, repeatable=id is not None)
        return [row_of(run) for run in found.runs]

    # -- looking at many -----------------------------------------------------------------------

    async def page(self, which: RunFilter, *, after: str | None, limit: int) -> Page:
        params = {**query_of(which), "limit": limit, "after": after}
        found = await self.http.get("/runs", _Runs, params=params)
        briefs = {bytes.fromhex(run.key): run.brief for run in found.runs if run.brief is not None}
        return Page([row_of(run) for run in found.runs], found.after, briefs)

    async def count(self, which: RunFilter) -> dict[str, int]:
        return (await self.http.get("/runs/count", _Count, params=query_of(which))).by_status

    async def watch(self, key: bytes, every: float) -> AsyncGenerator[RunRow]:
        last: str | None = None
        while True:
            try:
                async with self.http.stream(f"{_path(key.hex())}/stream", last=last) as lines:
                    async for event in events(lines):
                        last = None if event.name == "reset" else event.id or last
                        if event.name == "ping":
                            continue
                        row = _told(event.name, event.data) or await self._followed(key)
                        yield row
                        if is_settled(row):
                            return
            except ServerUnavailable:
                pass  # the stream was cut: it goes on from `last`, unless the server stays away
            await asyncio.sleep(RECONNECT_S)  # noqa: TID251 - real time: a network has no other
            row = await self._followed(key)
            yield row
            if is_settled(row):
                return

    def _exception(self, failure: shapes.Failure) -> BaseException:
        return self.errors.to_exception(_recorded(failure))


def _told(name: str, data: str) -> RunRow | None:
    return row_of(msgspec.json.decode(data, type=shapes.Run)) if name in ("run", "end") else None


def _path(run_id: str) -> str:
    return f"/runs/{quote(run_id, safe='')}"


def row_of(run: shapes.Run) -> RunRow:
    """A run's row from what the API says. Times have microseconds there; what is the store's alone is not told."""
    return RunRow(
        key=bytes.fromhex(run.key), id=run.id, workflow=run.workflow, queue=run.queue, status=run.status,
        priority=run.priority, epoch=run.epoch, generation=run.generation, worker=run.worker, deaths=run.deaths,
        due=shapes.at(run.due_at), created_at=shapes.at(run.created_at) or 0.0, started_at=shapes.at(run.started_at),
        finished_at=shapes.at(run.finished_at), expires_at=shapes.at(run.expires_at),
        parent=None if run.parent is None else key_of(run.parent_key or run.parent), parent_call=run.parent_call,
        progress=run.progress, note=run.note, reason=run.reason, cancelling=run.cancelling, pin=run.pin,
        tags=run.tags)  # fmt: skip


def query_of(which: RunFilter) -> dict[str, Any]:
    """A filter as the parameters of a request."""
    params: Mapping[str, Any] = {
        "status": [status.value for status in which.status],
        "workflow": list(which.workflow),
        "queue": list(which.queue),
        "tag": [f"{name}={msgspec.json.encode(value).decode()}" for name, value in which.tags.items()],
        "id": which.id_prefix,
        "text": which.text,
        "error": which.reason,
        "since": which.since,
        "until": which.until,
        "parent": None if which.parent is None else which.parent.hex(),
    }
    return {name: value for name, value in params.items() if value not in (None, [])}


def _recorded(failure: shapes.Failure) -> Failure:
    """The stored form of what the API says of a failure: what exceptions are rebuilt from."""
    return Failure(
        type=_recorded_type(failure),
        message=failure.message,
        code=failure.code,
        retryable=failure.retryable is not False,
        details=failure.details,
        args=failure.args,
        fields=failure.fields,
        retry_after=failure.retry_after,
        traceback=failure.traceback or "",
        notes=failure.notes or None,
        cause=None if failure.cause is None else _recorded(failure.cause),
        group=[_recorded(member) for member in failure.group] or None,
    )


def _recorded_type(failure: shapes.Failure) -> str:
    if failure.module is not None:
        return f"{failure.module}.{failure.type}"
    if (failure.fields or {}).get("type_name") == failure.type:
        return "stepwell.StepError"  # its class was not known where it was recorded
    ours = any(kind.__name__ == failure.type for kind in ERRORS.values())  # as older servers say it
    return f"stepwell.{failure.type}" if ours else failure.type
