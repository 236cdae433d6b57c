"""Starting runs: what workflows and steps have in common as things that can be started."""

import dataclasses
from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any, Generic, ParamSpec, TypeVar

import msgspec

from stepwell.authoring.ambient import facts_of, kernel_here
from stepwell.authoring.call import Call
from stepwell.authoring.handle import Run
from stepwell.authoring.registry import Registry
from stepwell.core.kernel import Kernel
from stepwell.core.opencalls import Kind
from stepwell.core.payloads import check_size
from stepwell.core.starting import new_run
from stepwell.errors import AppClosed, InvalidOption, WrongContext
from stepwell.model.command import StartChild
from stepwell.model.duration import seconds
from stepwell.model.options import StartOptions
from stepwell.model.policy import Policy, Retention
from stepwell.model.run import RunRow
from stepwell.model.text import check_keepable
from stepwell.ports.engine import Engine, StartOrder

P = ParamSpec("P")
R = TypeVar("R")

_POLICY = {field.name for field in dataclasses.fields(Policy)}
_START = set(StartOptions.__struct_fields__)
MOST_PRIORITY = 1_000_000
_ID = "a non-empty string of at most 512 characters, and neither '.' nor '..'"
_TIMES = ("delay", "queue_timeout", "deadline")


class StartItem(msgspec.Struct, frozen=True):
    """One element of `start_many`: arguments with options of their own, made by `f.item(...)`."""

    order: StartOrder


class Startable(Generic[P, R]):
    """Something that a run can be made of: knows its name, its argument types and its options."""

    registry: Registry
    _options: StartOptions

    @property
    def _start_name(self) -> str:
        raise NotImplementedError

    # -- outside and inside of runs ------------------------------------------------------------

    def _start(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call[Run[R]]:
        order = self._order(args, kwargs)
        kernel = kernel_here()
        if kernel is not None:
            return self._detached(kernel, order)
        return Call(self._start_name, "", None, None, lambda: self._start_by_engine(order))

    async def _start_by_engine(self, order: StartOrder) -> Run[R]:
        engine = self.engine
        (row,) = await engine.start([order])
        if isinstance(row, Exception):
            raise row
        return self._run(row)

    async def start_many(self, items: Sequence[Any], /) -> "list[Run[R]]":
        """Start any number of runs, batched; each item is a tuple of arguments or an `item(...)`.

        Raises:
            StartErrors: some could not be started; the others were. Its `errors` maps position → error, its
                `runs` position → run.
        """
        return all_started(await self.engine.start(self.orders(items)), self._run)

    async def get(self, run_id: str) -> Run[R]:
        """The run of this id.

        Raises:
            NotFound: there is none (any more).
        """
        return self._run(await self.engine.find(run_id))

    def _detached(self, kernel: Kernel, order: StartOrder) -> Call[Run[R]]:
        call = kernel.identify(f"start {self._start_name}")

        def settle(entry: Any) -> Run[R]:
            if entry.id == "":
                raise self.registry.errors.to_exception(entry.error)
            return Run(bytes.fromhex(entry.run), entry.id, order.workflow, self._engine_later, self._plan)

        def begin() -> Any:
            return kernel.open(Kind.DETACHED, self._child(kernel, call, order, detached=True), settle, call)

        return Call(self._start_name, call, kernel, begin)

    def _child(self, kernel: Kernel, call: str, order: StartOrder, *, detached: bool) -> StartChild:
        facts = facts_of(kernel)
        options = order.options
        if options.conn is not None:
            raise InvalidOption("conn= was given in a workflow body", hint="Start the run inside a transactional step.")
        if options.id is None:
            options = msgspec.structs.replace(options, id=f"{facts.row.id}/{kernel.generation}/{call}")

        rules, code = (d.rules, d.code) if (d := order.definition) is not None else (None, "")

        def request(key: bytes, now: float) -> Any:
            return new_run(order.workflow, order.input, options, rules, key=key, now=now, code=code,
                           parent=None if detached else facts.row.key, parent_call=call)  # fmt: skip

        return StartChild(call, order.workflow, request, detached, chosen=order.options.id is not None)

    # -- for clients, which start by their own engine -------------------------------------------

    def order(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> StartOrder:
        """What a start with these arguments comes to.

        Raises:
            TypeMismatch, NotSerializable, PayloadTooLarge: the arguments. WrongContext: in a workflow body.
        """
        self._refuse_in_a_body()
        return self._order(args, kwargs)

    def orders(self, items: Sequence[Any]) -> list[StartOrder]:
        """The same for the items of `start_many`."""
        self._refuse_in_a_body()
        return [i.order if isinstance(i, StartItem) else self._order(_tuple(i), {}) for i in items]

    def inside(self, items: Sequence[Any]) -> bool:
        """Whether a start of these items is to happen in a transaction of the caller's (`conn=`)."""
        orders = [item.order.options for item in items if isinstance(item, StartItem)]
        return self._options.conn is not None or any(options.conn is not None for options in orders)

    # -- parts ---------------------------------------------------------------------------------

    @property
    def engine(self) -> Engine:
        """The app's open engine. Raises AppClosed, and WrongContext in a workflow body, which it would not replay."""
        self._refuse_in_a_body()
        return self._engine_later()

    def _refuse_in_a_body(self) -> None:
        if kernel_here() is not None:
            raise WrongContext(
                f"an unrecorded verb of {self._start_name!r} was used in a workflow body",
                hint="Start runs with `.start(...)`, which is recorded; do everything else in a step.",
            )

    def _engine_later(self) -> Engine:
        if self.registry.engine is None:
            raise AppClosed("the app is not open", hint="Enter `async with app:` (or use `app.sync`) first.")
        return self.registry.engine()

    @property
    def _plan(self) -> Any:
        definition = self.registry.workflow(self._start_name)
        assert definition is not None
        return definition.result

    def _run(self, row: Any) -> Run[R]:
        return Run(row.key, row.id, row.workflow, self._engine_later, self._plan)

    def _order(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> StartOrder:
        definition = self.registry.workflow(self._start_name)
        assert definition is not None
        data = definition.signature.encode_args(args, kwargs)
        check_size(len(data), f"the input of {self._start_name!r}")
        return StartOrder(self._start_name, data, self._options, definition)

    def _split_options(self, policy: Any, options: dict[str, Any]) -> tuple[Policy, StartOptions]:
        unknown = set(options) - _POLICY - _START
        if unknown:
            raise InvalidOption(
                f"no option is called {', '.join(map(repr, sorted(unknown)))}",
                expected=f"some of {', '.join(sorted(_POLICY | _START))}",
            )
        own = Policy.of(policy).merge(Policy(**{k: v for k, v in options.items() if k in _POLICY}))
        return own, start_options(self._options, options)


def start_options(before: StartOptions, options: dict[str, Any]) -> StartOptions:
    """`before` with what `options` says about starting; durations become seconds.

    Raises:
        InvalidOption, InvalidDuration: a value is out of range or of another type.
    """
    mine = {k: v for k, v in options.items() if k in _START and v is not None}
    for name in _TIMES:
        if name in mine:
            mine[name] = seconds(mine[name], name)
    _check_tags(mine.get("tags", {}))
    checks: dict[str, tuple[Any, str]] = {
        "queue": (str, "the name of a queue"),
        "id": (str, _ID),
        "priority": (int, "a whole number, lower first"),
        "retention": (Retention, "Retention(succeeded=..., failed=...)"),
    }
    for name, (kind, expected) in checks.items():
        value = mine.get(name)
        if name in mine and (not isinstance(value, kind) or isinstance(value, bool)):
            raise InvalidOption(f"{name}={value!r}", expected=expected)
    for name in ("id", "name", "queue"):
        check_keepable(name, mine.get(name))
    if "id" in mine and (not 0 < len(mine["id"]) <= 512 or mine["id"] in (".", "..")):  # which no URL can name
        raise InvalidOption(f"id={mine['id'][:40]!r}", expected=_ID)
    if abs(mine.get("priority", 0)) > MOST_PRIORITY:
        raise InvalidOption(f"priority={mine['priority']}", expected=f"at most {MOST_PRIORITY:,} either way")
    if mine.get("reuse", "never") not in ("never", "after_close"):
        raise InvalidOption(f"reuse={mine['reuse']!r}", expected="'never' or 'after_close'")
    return msgspec.structs.replace(before, **mine)


def _check_tags(tags: object) -> None:
    if not isinstance(tags, dict):
        raise InvalidOption(f"tags={tags!r}", expected="a dict of names to strings, numbers or booleans")
    for name, value in tags.items():
        plain = isinstance(value, str | int) or (isinstance(value, float) and isfinite(value))
        if not isinstance(name, str) or not plain:
            expected = "names, and values that are strings, numbers or booleans"
            raise InvalidOption(f"tag {name!r}: {value!r}", expected=expected)
        check_keepable("the name of a tag", name)
        check_keepable(f"tag {name}", value)


class StartErrors(InvalidOption, code="start_errors"):
    """Some of a `start_many` could not be started: `errors` and `runs` by position; `runs` were started."""

    own = ("errors", "runs")

    def __init__(self, errors: dict[int, Exception], runs: dict[int, Any]) -> None:
        first = next(iter(errors))
        super().__init__(
            f"{len(errors)} of {len(errors) + len(runs)} runs were not started; item {first}: {errors[first]}",
            hint="The others were. `errors` and `runs` say which, by position.",
        )
        self.errors = errors
        self.runs = runs


def all_started(rows: Sequence[RunRow | Exception], make: Callable[[RunRow], Run[R]]) -> list[Run[R]]:
    """The handles of runs that were started together. Raises StartErrors if some were not."""
    errors = {n: row for n, row in enumerate(rows) if isinstance(row, Exception)}
    runs = {n: make(row) for n, row in enumerate(rows) if isinstance(row, RunRow)}
    if errors:
        raise StartErrors(errors, runs)
    return list(runs.values())


def _tuple(item: Any) -> tuple[Any, ...]:
    if isinstance(item, tuple):
        return item
    raise InvalidOption(f"item {item!r}", expected="a tuple of arguments, or `f.item(...)`")
