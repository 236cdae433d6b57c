"""The JSON Schemas of what routes take and give: exactly those of the types that are decoded and encoded."""

from collections.abc import Iterable
from typing import Annotated, Any, Final, get_args, get_origin

import msgspec
from litestar import Response
from litestar.enums import MediaType
from litestar.handlers import BaseRouteHandler
from litestar.response import Stream

from stepwell.server.problems import MEDIA, Problem
from stepwell.server.routing import SHAPES

REF: Final = "#/components/schemas/{name}"
JSON: Final = str(MediaType.JSON.value)


def shapes_of(handler: BaseRouteHandler) -> list[Any]:
    """All types that a route takes and gives."""
    return [shape for shape in (body_of(handler), *answers_of(handler).values()) if _is_shape(shape)]


def body_of(handler: BaseRouteHandler) -> Any:
    """The type of a route's body; None without one."""
    given: Any = handler.fn.__annotations__.get("data")
    return get_args(given)[0] if get_origin(given) is Annotated else given


def answers_of(handler: BaseRouteHandler) -> dict[int, Any]:
    """The types of a route's answers, by status."""
    given: Any = handler.fn.__annotations__["return"]
    if get_origin(given) is Response:
        (given,) = get_args(given)
    return {status: given if shape is None else shape for status, shape in handler.opt.get(SHAPES, {}).items()}


def _is_shape(shape: Any) -> bool:
    return shape not in (None, type(None), Any, Stream, bytes, str)


class Schemas:
    """Schemas of many types; what they share is named once, in `components`."""

    def __init__(self, shapes: Iterable[Any]) -> None:
        wanted = [Problem, *(shape for shape in shapes if _is_shape(shape))]
        schemas, self.components = msgspec.json.schema_components(wanted, ref_template=REF)
        self._of = {repr(shape): schema for shape, schema in zip(wanted, schemas, strict=True)}

    def put_into(self, operation: dict[str, Any], handler: BaseRouteHandler) -> None:
        """Say the schemas of a route in its operation."""
        body = body_of(handler)
        if body is not None:
            operation["requestBody"] = {"required": True, "content": {JSON: {"schema": self._of[repr(body)]}}}
        for parameter in operation.get("parameters", ()):
            _without_null(parameter["schema"])
        answers = answers_of(handler)
        for status, response in operation["responses"].items():
            if int(status) not in answers:
                response["content"] = {MEDIA: {"schema": self._of[repr(Problem)]}}
            elif not _is_shape(answers[int(status)]):
                _plain(response, answers[int(status)])
            else:
                response["content"] = {JSON: {"schema": self._of[repr(answers[int(status)])]}}


def _without_null(schema: dict[str, Any]) -> None:
    """A parameter that may be left out is never null: there is no way to send that."""
    some = [part for part in schema.get("oneOf", ()) if part != {"type": "null"}]
    if len(some) == 1:
        del schema["oneOf"]
        schema.update(some[0])


def _plain(response: dict[str, Any], shape: Any) -> None:
    """The content of an answer that has no schema of ours: none, any JSON, text, a stream."""
    if shape in (None, type(None)):
        response.pop("content", None)
    elif shape is Any:
        response["content"] = {JSON: {"schema": {}}}
    elif shape is Stream:
        response["content"] = {"text/event-stream": {"schema": {"type": "string"}}}
    elif shape is str:
        response["content"] = {"text/plain": {"schema": {"type": "string"}}}
