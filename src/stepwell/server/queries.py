"""The filter parameters that lists, counts and streams have in common."""

from typing import Annotated

from litestar.params import QueryParameter

from stepwell.client.engine import OpenEngine
from stepwell.client.filters import Query, filter_from
from stepwell.errors import NotFound
from stepwell.model.run import RunFilter

Values = list[str] | None


def query(
    status: Annotated[Values, QueryParameter(description="One or more states; repeat, or separate by commas.")] = None,
    workflow: Annotated[Values, QueryParameter(description="Workflows; repeat, or separate by commas.")] = None,
    queue: Annotated[Values, QueryParameter(description="Names of queues; repeat, or separate by commas.")] = None,
    tag: Annotated[Values, QueryParameter(description="name=value; a value that reads as JSON is that. All must fit.")]
    = None,
    id_prefix: Annotated[str | None, QueryParameter(name="id", description="Begins so.", max_length=512)] = None,
    text: Annotated[
        str | None, QueryParameter(description="Contained in id, workflow, reason or note.", max_length=200)
    ] = None,
    error: Annotated[str | None, QueryParameter(description="Class of the failure.", max_length=200)] = None,
    since: Annotated[str | None, QueryParameter(description="Created since: RFC 3339, epoch seconds, or 24h (ago).",
                                           max_length=100)] = None,
    until: Annotated[str | None, QueryParameter(description="Created before.", max_length=100)] = None,
    parent: Annotated[str | None, QueryParameter(description="Children of this run (its id).", max_length=2000)] = None,
) -> Query:  # fmt: skip
    """The filter that a request asks for."""
    return Query(status=status, workflow=workflow, queue=queue, tag=tag, id=id_prefix, text=text, error=error,
                 since=since, until=until, parent=parent)  # fmt: skip


async def resolved(engine: OpenEngine, asked: Query) -> RunFilter:
    """The filter that a query means. Raises InvalidOption, InvalidDuration, NotFound for an unknown parent."""
    parent = None
    if asked.parent:
        row = await engine.store.row_by_id(asked.parent)
        if row is None:
            raise NotFound(f"there is no run {asked.parent[:100]!r}, whose children were asked for")
        parent = row.key
    return filter_from(asked, engine.clock.now(), parent)
