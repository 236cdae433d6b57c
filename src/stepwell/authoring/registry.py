"""What one app has defined: workflows, steps, events, resources, by name."""

from collections.abc import Callable, Mapping
from typing import Any

from stepwell.core.blame import blame
from stepwell.errors import DuplicateName, UnknownEvent
from stepwell.model.policy import NO_POLICY, Policy
from stepwell.ports.codec import Codec
from stepwell.ports.definitions import Errors, WorkflowDefinition
from stepwell.ports.engine import Engine
from stepwell.ports.guest import NoDrivers, Transactions


class Registry:
    """The definitions of one app, filled by its decorators; implements `ports.definitions.Definitions`."""

    def __init__(
        self, codec: Codec, errors: Errors, defaults: Policy = NO_POLICY, transactions: Transactions | None = None
    ) -> None:
        self.codec = codec
        self.errors = errors
        self.transactions = transactions or NoDrivers()
        self.defaults = defaults
        self.event_timeout: float | None = None
        self.app: Any = None
        self.mocks: dict[str, Callable[..., Any]] = {}
        self.engine: Callable[[], Engine] | None = None
        self.events: dict[str, Any] = {}
        self._workflows: dict[str, Callable[[], WorkflowDefinition]] = {}
        self._names: tuple[str, ...] = ()
        self._places: dict[str, str] = {}
        self._resources: dict[str, Callable[..., Any]] = {}

    def add_workflow(self, name: str, fn: Any, define: Callable[[], WorkflowDefinition]) -> None:
        """Register a workflow, or a step as a workflow of its own; its definition is made when first asked for.

        Raises:
            DuplicateName: another function has the name.
        """
        self._claim(f"workflow or step {name!r}", _place_of(fn), " with `name=`")
        self._workflows[name] = define

    def add_event(self, name: str, event: Any) -> None:
        """Register an event type. Raises DuplicateName, which names both lines."""
        file, line = blame()
        self._claim(f"event {name!r}", f"{file}:{line}")
        self.events[name] = event

    def add_resource(self, name: str, factory: Callable[..., Any]) -> None:
        """Register a resource. Raises DuplicateName."""
        self._claim(f"resource {name!r}", _place_of(factory))
        self._resources[name] = factory

    def override(self, name: str, factory: Callable[..., Any]) -> Callable[..., Any]:
        """Replace a resource (tests); returns the one before."""
        before = self._resources[name]
        self._resources[name] = factory
        return before

    def event(self, name: str) -> Any:
        """The event of a name. Raises UnknownEvent."""
        if name not in self.events:
            known = ", ".join(sorted(self.events)) or "none"
            raise UnknownEvent(f"no event is called {name!r}", hint=f"Events of this app: {known}.")
        return self.events[name]

    def workflow(self, name: str) -> WorkflowDefinition | None:
        define = self._workflows.get(name)
        return None if define is None else define()

    def workflow_names(self) -> tuple[str, ...]:
        if len(self._names) != len(self._workflows):
            self._names = tuple(self._workflows)
        return self._names

    def subscriptions(self) -> list[tuple[str, str]]:
        """(event, workflow) for every workflow that an event starts."""
        return [(event, name) for name in self._workflows for event in self._workflows[name]().on]

    def resources(self) -> Mapping[str, Callable[..., Any]]:
        return self._resources

    def _claim(self, what: str, place: str, how: str = "") -> None:
        if what in self._places:
            raise DuplicateName(
                f"{what} is defined twice: at {self._places[what]} and at {place}",
                hint=f"Give one of them another name{how}.",
            )
        self._places[what] = place


def _place_of(fn: Any) -> str:
    return f"{fn.__code__.co_filename}:{fn.__code__.co_firstlineno}" if hasattr(fn, "__code__") else repr(fn)
