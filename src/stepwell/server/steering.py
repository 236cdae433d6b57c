"""Routes that steer a run, and that send events."""

from typing import Final

import msgspec
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from stepwell.client.app import App
from stepwell.client.shapes import Run
from stepwell.errors import TypeMismatch, UnknownEvent
from stepwell.server.bodies import EventBody, PublishBody
from stepwell.server.routing import Asked, RunId, context, plain_id, route

ABOUT: Final = {
    "pause": "Stop after the steps that are running; their results are kept.",
    "resume": "Let a paused or parked run go on.",
    "cancel": "Ask a run to stop: no further step starts, rollbacks run (P12).",
    "terminate": "Stop a run now, without rollbacks.",
    "restart": "Begin again from the beginning, with the same id and input.",
    "retry": "Go on from the failed step; what is recorded before it stays.",
    "unpin": "Let any code go on with a run that is pinned to one; code that does not fit parks it (P13).",
}


class Sent(msgspec.Struct, frozen=True):
    """That an event was taken over."""


class Published(msgspec.Struct, frozen=True):
    """The runs that a published event has started."""

    runs: list[Run]


def _steer(verb: str) -> HTTPRouteHandler:
    async def steer(request: Asked, run_id: RunId) -> Run:
        ctx = context(request)
        services = ctx.services
        row = await services.engine.find(plain_id(run_id))
        ctx.note(target=row.id, before={"status": row.status.value, "generation": row.generation})
        after = await services.engine.control(row.key, verb)
        ctx.note(after={"status": after.status.value, "generation": after.generation})
        return await services.views.run(after)

    steer.__name__ = f"{verb}_run"
    steer.__doc__ = ABOUT[verb]
    return route("POST", f"/runs/{{run_id:str}}/{verb}", scope="operate", summary=f"{verb.capitalize()} a run",
                 errors=(404, 409), action=f"runs.{verb}", tag="Steering")(steer)  # fmt: skip


@route("POST", "/runs/{run_id:str}/events", scope="execute", summary="Send an event to a run", status=202,
       errors=(404, 409), action="events.send", tag="Events")  # fmt: skip
async def send_to_run(request: Asked, run_id: RunId, data: JSONBody[EventBody]) -> Sent:
    """Put an event into the run's own mailbox, where it stays until a wait takes it (P4)."""
    ctx = context(request)
    engine = ctx.services.engine
    row = await engine.find(plain_id(run_id))
    ctx.note(target=row.id, after={"event": data.event})
    await engine.send(data.event, _payload(ctx.services.app, data), key=None, target=row.key, id=data.id)
    return Sent()


@route("POST", "/events", scope="execute", summary="Send or publish an event", status=202, errors=(404, 409),
       action="events.publish", tag="Events")  # fmt: skip
async def send_event(request: Asked, data: JSONBody[PublishBody]) -> Published:
    """With `key`: to whoever waits for it, now or later. Without: starts the workflows that are `on=` the event."""
    ctx = context(request)
    engine = ctx.services.engine
    ctx.note(target=data.key, after={"event": data.event})
    payload = _payload(ctx.services.app, data)
    if data.key is not None:
        await engine.send(data.event, payload, key=data.key, target=None, id=data.id)
        return Published([])
    rows = await engine.publish(data.event, payload, id=data.id)
    return Published(await ctx.services.views.runs(rows))


def _payload(app: App, data: EventBody) -> bytes:
    """The payload as it is stored: of a known event it must have the type. Raises UnknownEvent, TypeMismatch."""
    registry = app.registry
    encoded = msgspec.json.encode(data.payload)
    known = registry.events.get(data.event)
    if known is not None:
        try:
            return bytes(known.plan.encode(known.plan.decode(encoded)))
        except TypeMismatch as error:
            path = f"payload{error.path.removeprefix(known.plan.what)}"
            raise TypeMismatch(error.what or str(error), expected=error.expected, hint=error.hint, path=path) from None
    if registry.workflow_names() and registry.events:
        names = ", ".join(sorted(registry.events))
        raise UnknownEvent(f"no event is called {data.event[:100]!r}", hint=f"Events of this app: {names}.")
    return encoded


ROUTES: Final[list[HTTPRouteHandler]] = [*map(_steer, ABOUT), send_to_run, send_event]
