"""`Run[R]`: the object a caller holds for a run, with the verbs that steer it."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec

from stepwell.errors import RunCancelled, RunFailed, RunParked, RunTerminated, StepwellError
from stepwell.model.entry import AnyEntry
from stepwell.model.status import RunStatus
from stepwell.model.text import check_keepable
from stepwell.ports.codec import TypePlan
from stepwell.ports.engine import Ended, Engine, Standing

R = TypeVar("R")


class Progress(msgspec.Struct, frozen=True):
    """How far a run says it is: a fraction from 0 to 1, and a word on it."""

    fraction: float
    note: str | None = None


class RunStatusReport(msgspec.Struct, frozen=True, kw_only=True):
    """A run at one moment, from acknowledged state only. Times are aware datetimes in UTC."""

    id: str
    workflow: str
    state: RunStatus
    input: Any = None
    result: Any = None
    error: BaseException | None = None
    reason: str | None = None
    current: tuple[str, ...] = ()
    progress: Progress | None = None
    attempt: int = 1
    generation: int = 1
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    tags: dict[str, Any] = {}


class Run(Generic[R]):
    """A handle. It holds nothing but the run's name: awaiting it owns nothing, dropping it stops nothing."""

    __slots__ = ("_engine", "_plan", "id", "key", "workflow")

    def __init__(self, key: bytes, run_id: str, workflow: str, engine: Callable[[], Engine],
                 plan: TypePlan | None = None) -> None:  # fmt: skip
        self.key = key
        self.id = run_id
        self.workflow = workflow
        self._engine = engine
        self._plan = plan

    def __repr__(self) -> str:
        return f"<Run {self.workflow} {self.id}>"

    def _repr_html_(self) -> str:
        return f"<code>{self.workflow}</code> run <code>{self.id}</code>"

    async def status(self) -> RunStatusReport:
        """Where the run stands. Raises NotFound when retention has removed it."""
        return report(await self._engine().standing(self.key), self._plan)

    async def result(self, timeout: float | str | None = None) -> R:
        """Wait for the end, and return the result. `timeout` is in seconds (or a duration).

        Raises:
            TimeoutError: still running; nothing else happened.
            RunFailed: the workflow raised; `__cause__` is what it raised.
            RunCancelled, RunTerminated, RunParked: it ended, or stopped, otherwise.
        """
        from stepwell.model.duration import seconds  # noqa: PLC0415

        limit = None if timeout is None else seconds(timeout, "timeout")
        ended = await self._engine().ended(self.key, limit)
        return self._outcome(ended)

    def _outcome(self, ended: Ended) -> R:
        row = ended.row
        about = {"run_id": row.id, "workflow": row.workflow}
        if row.status is RunStatus.SUCCEEDED:
            data = ended.value if ended.value is not None else b"null"
            return self._plan.decode(data) if self._plan is not None else msgspec.json.decode(data)  # type: ignore[no-any-return]
        if row.status is RunStatus.FAILED:
            raise RunFailed(f"run {row.id} of {row.workflow!r} failed: {ended.error}", **about) from ended.error
        if row.status is RunStatus.CANCELLED:
            raise RunCancelled(f"run {row.id} of {row.workflow!r} was cancelled", **about)
        if row.status is RunStatus.TERMINATED:
            raise RunTerminated(f"run {row.id} of {row.workflow!r} was terminated", **about)
        raise RunParked(f"run {row.id} of {row.workflow!r} is parked and needs a person: {row.reason}", **about)

    async def pause(self) -> None:
        """Stop after the steps that are running; their results are recorded, none is delivered (P12)."""
        await self._engine().control(self.key, "pause")

    async def resume(self) -> None:
        """Let a paused or parked run go on. Idempotent."""
        await self._engine().control(self.key, "resume")

    async def cancel(self) -> None:
        """Ask the run to stop: no forward step starts any more, rollbacks run (P12). Idempotent."""
        await self._engine().control(self.key, "cancel")

    async def terminate(self) -> None:
        """Stop the run now, without rollbacks; its holder is fenced off (P3). Idempotent."""
        await self._engine().control(self.key, "terminate")

    async def restart(self) -> None:
        """Begin again with the same id and input, as a new generation."""
        await self._engine().control(self.key, "restart")

    async def retry(self) -> None:
        """Go on from the failed step, same id: what is recorded before it stays."""
        await self._engine().control(self.key, "retry")

    async def unpin(self) -> None:
        """Let any code go on with a run that is pinned to one: what it does next is up to the code that finds it.

        Code that does not fit parks it, with what does not fit (P13). Idempotent.
        """
        await self._engine().control(self.key, "unpin")

    async def send(self, event: Any, payload: Any = None, *, id: str | None = None) -> None:
        """Send an event to this run's own mailbox; kept until a wait takes it. `id` de-duplicates."""
        check_keepable("id", id)
        name, data = event.encode(payload) if hasattr(event, "encode") and not isinstance(event, str) else (
            event, msgspec.json.encode(payload))  # fmt: skip
        await self._engine().send(name, data, key=None, target=self.key, id=id)

    async def journal(self) -> list[dict[str, Any]]:
        """What happened, in order, as plain data."""
        entries = await self._engine().entries(self.key)
        return [as_data(entry) for entry in entries]


def as_data(entry: AnyEntry) -> dict[str, Any]:
    """An entry as plain data, as it is stored."""
    return msgspec.json.decode(msgspec.json.encode(entry))  # type: ignore[no-any-return]


def report(standing: Standing, plan: TypePlan | None) -> RunStatusReport:
    """How a run stands, with its result as `plan` decodes it."""
    row = standing.row
    result: Any = None
    if standing.value is not None:
        try:
            result = plan.decode(standing.value) if plan is not None else msgspec.json.decode(standing.value)
        except StepwellError:
            result = msgspec.json.decode(standing.value)
    return RunStatusReport(
        id=row.id,
        workflow=row.workflow,
        state=row.status,
        input=None if standing.input is None else msgspec.json.decode(standing.input),
        result=result,
        error=standing.error,
        reason=row.reason,
        current=standing.current,
        progress=None if row.progress is None else Progress(row.progress, row.note),
        attempt=standing.attempt,
        generation=row.generation,
        created_at=_moment(row.created_at),
        started_at=_moment(row.started_at),
        finished_at=_moment(row.finished_at),
        tags=row.tags,
    )


def _moment(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)
