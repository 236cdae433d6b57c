"""Routes of actions on many runs."""

from typing import Final

from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, JSONBody

from stepwell.client.bulk import Bulk, Preview
from stepwell.client.filters import asked
from stepwell.errors import InvalidOption
from stepwell.model.run import RunFilter
from stepwell.server.bodies import BulkBody
from stepwell.server.queries import resolved
from stepwell.server.routing import Asked, context, plain_id, route
from stepwell.server.services import Services


@route("POST", "/bulk/preview", scope="operate", summary="Preview a bulk action", errors=(404,), tag="Bulk",
       action="bulk.preview")  # fmt: skip
async def preview_bulk(request: Asked, data: JSONBody[BulkBody]) -> Preview:
    """What the action would do to the runs that match now; nothing is changed."""
    ctx = context(request)
    ctx.note(after=_said(data))
    return await ctx.services.bulks.preview(data.action, await _which(ctx.services, data), data.ids)


@route("POST", "/bulk", scope="operate", summary="Begin a bulk action", status=202, errors=(404, 409), tag="Bulk",
       action="bulk.begin")  # fmt: skip
async def begin_bulk(request: Asked, data: JSONBody[BulkBody]) -> Bulk:
    """Begin to carry the action out in the background. `expect`: refused when more runs match than that."""
    ctx = context(request)
    ctx.note(after=_said(data))
    bulk = await ctx.services.bulks.begin(data.action, await _which(ctx.services, data), data.ids, data.expect)
    ctx.note(target=bulk.id, after=_said(data) | {"total": bulk.total})
    return bulk


@route("GET", "/bulk/{job:str}", scope=("read", "operate"), summary="Show a bulk action", errors=(404,), tag="Bulk")
async def show_bulk(request: Asked, job: FromPath[str]) -> Bulk:
    """How far the action is, whichever server carries it out. `interrupted`: that server has ended before it had."""
    return await context(request).services.bulks.get(plain_id(job))


async def _which(services: Services, data: BulkBody) -> RunFilter | None:
    if (data.filter is None) == (data.ids is None):
        raise InvalidOption("a bulk action needs runs", expected="exactly one of `filter` and `ids`")
    return None if data.filter is None else await resolved(services.engine, data.filter)


def _said(data: BulkBody) -> dict[str, object]:
    if data.filter is not None:
        return {"action": data.action, "filter": asked(data.filter)}
    return {"action": data.action, "ids": list(data.ids or ())[:20], "runs": len(data.ids or ())}


ROUTES: Final[list[HTTPRouteHandler]] = [preview_bulk, begin_bulk, show_bulk]
