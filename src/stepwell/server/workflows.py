"""Routes that tell which workflows and events there are, and what they take."""

from typing import Annotated, Final

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter

from stepwell.client.catalog import EventType, WorkflowView
from stepwell.server.routing import Asked, context, plain_id, route


class KindCounts(msgspec.Struct, frozen=True):
    """How many workflows there are, and how many steps, which can be started by themselves, too."""

    workflows: int
    steps: int


class Workflows(msgspec.Struct, frozen=True):
    """Workflows by name, then steps by name; how many there are of each."""

    workflows: list[WorkflowView]
    counts: KindCounts


class EventTypes(msgspec.Struct, frozen=True):
    """Events, by name."""

    events: list[EventType]


@route("GET", "/workflows", scope="read", summary="List workflows", tag="Workflows")
async def list_workflows(request: Asked) -> Workflows:
    """The workflows and steps of the code at hand, and those that workers offer."""
    found = await context(request).services.catalog.workflows()
    steps = sum(view.kind == "step" for view in found)
    return Workflows(found, KindCounts(workflows=len(found) - steps, steps=steps))


@route("GET", "/workflows/{name:str}", scope="read", summary="Show a workflow", errors=(404,), tag="Workflows")
async def show_workflow(request: Asked, name: Annotated[str, PathParameter(max_length=1000)]) -> WorkflowView:
    """A workflow with the JSON Schema of its arguments and of its result."""
    return await context(request).services.catalog.workflow(plain_id(name))


@route("GET", "/event-types", scope="read", summary="List event types", tag="Workflows")
async def list_event_types(request: Asked) -> EventTypes:
    """The events of the code at hand, with the JSON Schema of their payloads."""
    return EventTypes(context(request).services.catalog.events())


ROUTES: Final[list[HTTPRouteHandler]] = [list_workflows, show_workflow, list_event_types]
