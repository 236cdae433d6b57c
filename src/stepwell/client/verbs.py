"""The verbs that start runs, the same in front of an app's engine and of a server."""

from collections.abc import Sequence
from typing import Any, ParamSpec, TypeVar, overload

from msgspec import UNSET

from stepwell.authoring.handle import Run
from stepwell.authoring.starting import Startable, all_started
from stepwell.client.inspect import Runs
from stepwell.client.protocol import Backend
from stepwell.model.run import RunRow

P = ParamSpec("P")
R = TypeVar("R")


class Verbs:
    """The half of a client that starts runs."""

    runs: Runs

    def _engine(self) -> Backend:
        raise NotImplementedError

    @overload
    async def start(self, workflow: Startable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> Run[R]: ...
    @overload
    async def start(self, workflow: str, input: Any = UNSET, /, **options: Any) -> Run[Any]: ...

    async def start(self, workflow: Any, /, *args: Any, **kwargs: Any) -> Run[Any]:
        """Start a workflow (or a step) with its own arguments, or by name: see `Runs.start`.

        Options of a typed start are its own: `client.start(place_order.options(id="1001"), order)`.

        Raises:
            Conflict: the id belongs to a run with another input (P7).
            TypeMismatch, NotSerializable, PayloadTooLarge: the arguments; nothing was stored.
        """
        if not isinstance(workflow, Startable):
            return await self.runs.start(workflow, *args, **kwargs)
        (row,) = await self._engine().start([workflow.order(args, kwargs)])
        if isinstance(row, Exception):
            raise row
        return self._typed(workflow, row)

    async def start_many(self, workflow: Startable[P, R], items: Sequence[Any], /) -> list[Run[R]]:
        """Start any number of runs, batched; each item is a tuple of arguments or a `workflow.item(...)`.

        Raises:
            StartErrors: some could not be started; the others were.
        """
        rows = await self._engine().start(workflow.orders(items))
        return all_started(rows, lambda row: self._typed(workflow, row))

    def _typed(self, workflow: Startable[P, R], row: RunRow) -> Run[R]:
        definition = workflow.registry.workflow(row.workflow)
        plan = None if definition is None else definition.result
        return Run(row.key, row.id, row.workflow, lambda: self._engine().knowing(workflow.registry), plan)
