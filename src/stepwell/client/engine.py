"""The open engine, as the front doors use it: implements `ports.engine.Engine` over a store."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from stepwell.authoring.handle import as_data
from stepwell.authoring.inputs import canonical
from stepwell.client.briefs import Briefs
from stepwell.client.filters import cursor_of
from stepwell.client.guests import same_or_conflict, start_inside
from stepwell.client.protocol import Page
from stepwell.client.results import Results, is_settled
from stepwell.client.runlogs import LogPage, read_log
from stepwell.core.history import fold_history
from stepwell.core.payloads import check_size, resolved
from stepwell.core.starting import new_run
from stepwell.core.transitions import Verb, decide
from stepwell.errors import AppClosed, IllegalState, NotFound, Stale, StepwellError
from stepwell.model.change import Change, NewRun, Reply, Send
from stepwell.model.entry import AnyEntry, Finished, Started, decode_entries
from stepwell.model.options import StartOptions
from stepwell.model.run import RunFilter, RunRow
from stepwell.model.status import RunStatus
from stepwell.ports.clock import Clock
from stepwell.ports.definitions import Definitions, Errors
from stepwell.ports.engine import Ended, Standing, StartOrder
from stepwell.ports.store import Store
from stepwell.runtime.journal import JournalWriter
from stepwell.runtime.loglines import LogLines
from stepwell.runtime.waiting import calls_in
from stepwell.runtime.worker import Worker

BATCH = 1000
TRIES = 20


class OpenEngine:
    """Starts, finds, steers and tells. Every write is safe to repeat (P6)."""

    def __init__(self, store: Store, writer: JournalWriter, definitions: Definitions, clock: Clock, results: Results,
                 lines: LogLines, new_key: Callable[[], bytes],
                 key_of: Callable[[str], bytes | None]) -> None:  # fmt: skip
        self.store = store
        self.writer = writer
        self.definitions = definitions
        self.errors: Errors = definitions.errors
        self.clock = clock
        self.results = results
        self.lines = lines
        self.briefs = Briefs(store, definitions)
        self.new_key = new_key
        self.key_of = key_of
        self.workers: list[Worker] = []
        self.closed = False

    # -- starting ------------------------------------------------------------------------------

    async def start(self, orders: Sequence[StartOrder]) -> list[RunRow | Exception]:
        """Start runs; each position answers with its row or with why not (Conflict, PayloadTooLarge)."""
        self._check_open()
        if any(order.options.conn is not None for order in orders):
            return await start_inside(self.store, self.definitions.transactions, orders, self._new)
        answers: list[RunRow | Exception] = []
        for at in range(0, len(orders), BATCH):
            answers += await self._start_batch(orders[at : at + BATCH])
        self._nudge()
        return answers

    async def _start_batch(self, orders: Sequence[StartOrder]) -> list[RunRow | Exception]:
        news = [self._new(order) for order in orders]
        batch = _Batch(len(news))
        for n, new in enumerate(news):
            if isinstance(new, NewRun):
                self.writer.submit(Change(run=new.row.key, create=new), partial(self._answered, batch, n, new))
            else:
                batch.put(n, new)
        replies = await batch.full
        answers: list[RunRow | Exception] = []
        for order, new, reply in zip(orders, news, replies, strict=True):
            if isinstance(new, NewRun) and isinstance(reply, Reply):
                answers.append(new.row if reply.ok and reply.row is None else await self._found(order, new, reply))
            else:
                assert isinstance(reply, Exception)
                answers.append(reply)
        return answers

    def _answered(self, batch: "_Batch", n: int, new: NewRun, reply: Reply | Exception) -> None:
        # A run committed as claimed is taken on here and now: whoever started it may have stopped waiting.
        if new.row.worker is not None:
            taken = isinstance(reply, Reply) and reply.ok and _is_still(new, reply.row)
            for worker in self.workers:
                if worker.id == new.row.worker:
                    worker.take_own(new) if taken else worker.not_taken()
        batch.put(n, reply)

    def _new(self, order: StartOrder) -> NewRun | Exception:
        try:
            rules, code = (d.rules, d.code) if (d := order.definition) is not None else (None, "")
            check_size(len(order.input), f"the input of {order.workflow!r}")
            return new_run(order.workflow, order.input, order.options, rules, key=self.new_key(),
                           now=self.clock.now(), worker=self._taker(order, rules), code=code)  # fmt: skip
        except StepwellError as error:
            return error

    def _taker(self, order: StartOrder, rules: Any) -> str | None:
        """A worker of this process with room and the code: the run is committed as claimed by it already."""
        if order.options.delay or order.options.conn is not None or order.definition is None:
            return None
        queue = order.options.queue or (rules.queue if rules else "default")
        for worker in self.workers:
            if worker.may_take(order.workflow, queue):
                return worker.id
        return None

    async def _found(self, order: StartOrder, new: NewRun, reply: Reply) -> RunRow | Exception:
        """A run of this id was there already: the same start, a reopening, or a conflict (P7)."""
        if reply.ok:
            return reply.row or new.row
        found = reply.row
        assert found is not None
        if order.options.reuse == "after_close" and found.status.terminal:
            return await self._reopen(found, order, new)
        return same_or_conflict(found, order)

    async def _reopen(self, found: RunRow, order: StartOrder, new: NewRun) -> RunRow | Exception:
        try:
            return await self.control(found.key, "restart", started=new.started, digest=new.row.digest, pin=new.row.pin)
        except StepwellError as error:
            return error

    # -- finding -------------------------------------------------------------------------------

    async def find(self, run_id: str) -> RunRow:
        self._check_open()
        row = await self.store.row_by_id(run_id)
        if row is None:
            raise NotFound(f"there is no run {run_id!r}", hint="`stepwell runs list` shows what there is.")
        return row

    async def row(self, key: bytes) -> RunRow:
        self._check_open()
        row = await self.store.row(key)
        if row is None:
            raise NotFound(f"there is no run {key.hex()} (any more)")
        return row

    async def entries(self, key: bytes) -> list[AnyEntry]:
        self._check_open()
        loaded = await self.store.load(key)
        if loaded is None:
            raise NotFound(f"there is no run {key.hex()} (any more)")
        entries = [e for _, data in loaded.journal or [] for e in decode_entries(data)]
        return [_inline(e, loaded.blobs) for e in entries] if loaded.blobs else entries

    async def standing(self, key: bytes) -> Standing:
        row = await self.row(key)
        entries = await self.entries(key)
        history = fold_history(entries)
        started = next((e for e in entries if isinstance(e, Started)), None)
        end = history.finished
        return Standing(
            row=row,
            input=None if started is None else bytes(started.input.v),
            value=None if end is None or end.value is None else bytes(end.value.v),
            error=None if end is None or end.error is None else self.errors.to_exception(end.error),
            attempt=1 if started is None else started.attempt,
            current=self.current(row, tuple(history.open)),
        )

    async def ended(self, key: bytes, timeout: float | None) -> Ended:
        self._check_open()
        until = None if timeout is None else self.clock.now() + timeout
        while True:
            left = None if until is None else max(0.0, until - self.clock.now())
            settled = await self.results.wait(key, left, any(w.holds(key) for w in self.workers))
            row, end = settled.row, settled.end
            if not row.status.terminal:
                return Ended(await self.row(key))
            if end is None or (end.value is not None and end.value.r):
                entries = await self.entries(key)
                end = next((e for e in reversed(entries) if isinstance(e, Finished)), None)
            if end is not None:
                error = self.errors.to_exception(end.error) if end.error is not None else None
                return Ended(row, None if end.value is None else bytes(end.value.v), error)
            # It was opened again between the two reads: this is not the end any more.

    # -- looking at many -----------------------------------------------------------------------

    def knowing(self, definitions: Definitions) -> "OpenEngine":
        return self  # what it opened with is what it serves

    async def page(self, which: RunFilter, *, after: str | None, limit: int) -> Page:
        self._check_open()
        rows = await self.store.list(which, after=cursor_of(after), limit=limit)
        return Page(rows, rows[-1].key.hex() if len(rows) == limit else None, await self.briefs.of(rows))

    async def count(self, which: RunFilter) -> dict[str, int]:
        self._check_open()
        return await self.store.count(which)

    async def history(self, key: bytes) -> list[dict[str, Any]]:
        self._check_open()
        found: list[dict[str, Any]] = []
        for generation, seq, data in await self.store.journal(key):
            for n, entry in enumerate(decode_entries(data)):
                found.append({"generation": generation, "seq": seq + n, **as_data(entry)})
        return found

    async def logs(self, key: bytes, *, after: str | None, limit: int, newest: bool, level: str | None) -> LogPage:
        self._check_open()
        await self.lines.flush()  # a process reads what it has logged itself
        return await read_log(self.store, key, limit=limit, after=after, newest=newest, level=level)

    async def watch(self, key: bytes, every: float) -> AsyncGenerator[RunRow]:
        while True:
            await asyncio.sleep(every)  # noqa: TID251 - real time: a person is watching
            row = await self.row(key)
            yield row
            if is_settled(row):
                return

    def current(self, row: RunRow, known: Sequence[str]) -> tuple[str, ...]:
        """The calls that a run is at: from memory where it is in this process, else from what is recorded.

        `known` are those that its journal shows.
        """
        if row.status.terminal:
            return ()
        for worker in self.workers:
            if (calls := worker.current(row.key)) is not None:
                return tuple(calls)
        named = calls_in(row.reason) if row.status is RunStatus.WAITING else []
        return tuple(named or known)

    # -- steering ------------------------------------------------------------------------------

    async def control(self, key: bytes, verb: str, **details: Any) -> RunRow:
        """Carry out an operator's verb: look, decide, commit, again if the run has moved meanwhile.

        Raises:
            NotFound, IllegalState.
        """
        self._check_open()
        for _ in range(TRIES):
            loaded = await self.store.load(key)
            if loaded is None:
                raise NotFound(f"there is no run {key.hex()} (any more)")
            entries = [e for _, data in loaded.journal or [] for e in decode_entries(data)]
            change = decide(loaded.row, Verb(verb), entries, self.clock.now())
            if change is None:
                return loaded.row
            if "started" in details:
                assert change.patch is not None
                pin = details["pin"] or change.patch.pin
                patch = msgspec.structs.replace(change.patch, digest=details["digest"], pin=pin)
                change = msgspec.structs.replace(change, opens=details["started"], patch=patch)
            reply = await self.writer.commit(change)
            if reply.ok:
                self._nudge(key)
                await self._children(loaded.row, verb)
                row = await self.row(key)
                self.results.seen(row)
                return row
        raise Stale(f"run {key.hex()} kept changing while {verb} was tried", hint="Try again.")

    async def _children(self, row: RunRow, verb: str) -> None:
        """Attached children of a run that was terminated end with it."""
        if verb != Verb.TERMINATE:
            return
        after: bytes | None = None
        while children := await self.store.list(RunFilter(parent=row.key), after=after, limit=100):
            for child in children:
                if not child.status.terminal:
                    await self.control(child.key, verb)
            after = children[-1].key

    # -- telling -------------------------------------------------------------------------------

    async def send(self, event: str, data: bytes, *, key: str | None, target: bytes | None, id: str | None) -> None:
        """Put a message into a mailbox. Raises NotFound or IllegalState for a target that is gone or closed."""
        self._check_open()
        check_size(len(data), f"the payload of event {event!r}")
        send = Send(event=event, key=key or "", target=target, id=id, data=data, at=self.clock.now())
        reply = await self.writer.commit(Change(send=send))
        if not reply.ok and reply.why == "missing":
            raise NotFound(f"event {event!r} was not sent: there is no such run")
        if not reply.ok:
            raise IllegalState(f"event {event!r} was not sent: the run has ended", state=reply.why)
        self._nudge(target)

    async def publish(self, event: str, data: bytes, *, id: str | None) -> list[RunRow]:
        """Start the workflows `on=` the event; the same id starts them once."""
        self._check_open()
        names = dict.fromkeys(w for e, w in self.definitions.subscriptions() if e == event)
        names.update(dict.fromkeys(await self.store.subscribers(event)))
        orders = []
        for name in names:
            run_id = None if id is None else f"{event}:{id}:{name}"
            definition = self.definitions.workflow(name)
            encoded = canonical(definition.signature, data) if definition is not None else data
            orders.append(StartOrder(name, encoded, StartOptions(id=run_id), definition))
        rows = await self.start(orders)
        for row in rows:
            if isinstance(row, Exception):
                raise row
        return [row for row in rows if isinstance(row, RunRow)]

    def _nudge(self, key: bytes | None = None) -> None:
        for worker in self.workers:
            worker.claims.nudge(due=True)
            worker.told(key)

    def _check_open(self) -> None:
        if self.closed:
            raise AppClosed("the app is closed", hint="Use it inside `async with app:`.")


def _is_still(new: NewRun, row: RunRow | None) -> bool:
    """Whether a run that was committed as claimed is held as it was: nobody else has had it meanwhile."""
    return row is None or (
        row.status is RunStatus.RUNNING and (row.worker, row.epoch) == (new.row.worker, new.row.epoch)
    )


def _inline(entry: AnyEntry, blobs: dict[str, bytes]) -> AnyEntry:
    changed = {
        name: resolved(value, blobs)
        for name in ("value", "input")
        if (value := getattr(entry, name, None)) is not None and value.r in blobs
    }
    return msgspec.structs.replace(entry, **changed) if changed else entry


class _Batch:
    """Replies by position; `full` is done when all are in."""

    def __init__(self, size: int) -> None:
        self._replies: list[Reply | Exception | None] = [None] * size
        self._left = size
        self.full: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()

    def put(self, n: int, reply: Reply | Exception) -> None:
        """The reply at position `n`."""
        self._replies[n] = reply
        self._left -= 1
        if self._left == 0 and not self.full.done():
            self.full.set_result(self._replies)
