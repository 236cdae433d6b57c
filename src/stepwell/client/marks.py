"""What the types of an app mark as secret: names of fields, and values that are secret as a whole.

Types are known where the code is: of what is not defined here, nothing is said.
"""

from collections.abc import Mapping
from typing import Any

from stepwell.client.redact import Redactor, is_marked, marked_in
from stepwell.client.titles import steps_of
from stepwell.errors import StepwellError
from stepwell.model.entry import AnyEntry, ChildEnded, Finished, Folded, Nested, Received, Started, Stepped
from stepwell.ports.definitions import Definitions


class Marks:
    """Reads them from an app's definitions; asked again when there are more of these."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._names: frozenset[str] = frozenset()
        self._size = 0
        self._known: dict[tuple[str, str], bool] = {}
        self._some = False

    def names(self) -> frozenset[str]:
        """The names of all fields that some type of the app marks as secret; the same object while nothing changes."""
        self._look()
        return self._names

    def result(self, workflow: str) -> bool:
        """Whether a result of a workflow, or of a step, is marked itself, or holds what is marked without a name."""
        definition = self._definitions.workflow(workflow)
        return definition is not None and self._is_marked("result", workflow, definition.result)

    def payload(self, event: str) -> bool:
        """The same of an event's payload."""
        known = self._definitions.events.get(event)
        return known is not None and self._is_marked("event", event, known.plan)

    def arguments(self, workflow: str, value: Any, redactor: Redactor) -> bool:
        """Whether a stored input is hidden whole: what a parameter's name would hide stands in it without that name.

        So it does in arguments by position, and in an only argument; and in the payload of an event, which is marked
        where the event is defined and not where the workflow takes it.
        """
        definition = self._definitions.workflow(workflow)
        if definition is None:
            return False
        if any(map(self.payload, definition.on)):
            return True
        names = definition.signature.parameters
        return not (isinstance(value, dict) and set(value) <= set(names)) and any(map(redactor.hides, names))

    def whole(self, entry: AnyEntry, value: Any, redactor: Redactor, *, workflow: str,
              children: Mapping[str, str]) -> bool:  # fmt: skip
        """Whether the value of an entry is hidden whole. `workflow` is the run's, `children` those of its calls.

        What a call gave of which nobody can say the type is hidden where anything of the app is marked: those of
        inline steps and folded parts are known in the run alone, and a step may be called by another name.
        """
        match entry:
            case Started():
                return self.arguments(workflow, value, redactor)
            case Finished():
                return self.result(workflow)
            case Received():
                return self.payload(entry.event)
            case ChildEnded():
                return self._call([children.get(entry.call, "")], workflow)
            case Stepped() | Nested():
                return self._call(steps_of(entry.call, nested=isinstance(entry, Nested)), workflow)
            case Folded():
                return self._call([], workflow)
            case _:
                return False

    def _call(self, names: list[str], workflow: str) -> bool:
        known = [name for name in names if self._definitions.workflow(name) is not None]
        if known:
            return any(map(self.result, known))
        self._look()
        return self._some and self._definitions.workflow(workflow) is not None

    def _is_marked(self, kind: str, name: str, plan: Any) -> bool:
        known = self._known.get((kind, name))
        if known is None:
            schema = _schema_of(plan)
            known = schema is None or is_marked(schema)  # without one, nobody can say what is in it
            self._known[kind, name] = known
        return known

    def _look(self) -> None:
        names, events = self._definitions.workflow_names(), self._definitions.events
        if self._size != len(names) + len(events):
            self._size = len(names) + len(events)
            found = [d for name in names if (d := self._definitions.workflow(name)) is not None]
            plans = [plan for d in found for plan in (d.signature, d.result)]
            self._names = frozenset(marked_in([_schema_of(p) for p in [*plans, *(e.plan for e in events.values())]]))
            self._some = bool(self._names) or any(map(self.result, names)) or any(map(self.payload, events))


def _schema_of(plan: Any) -> Any:
    try:
        return plan.schema()
    except (StepwellError, TypeError, ValueError, RecursionError):
        return None
