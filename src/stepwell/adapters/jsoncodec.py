"""`JsonCodec`: the codec that keeps everything as JSON, readable in SQL and in the dashboard."""

import inspect
from collections.abc import Callable
from typing import Any

from stepwell.adapters.annotations import awaited, name_of, resolve, signature_of
from stepwell.adapters.signatures import JsonSignaturePlan
from stepwell.adapters.typeplans import JsonTypePlan


class JsonCodec:
    """Implements `ports.codec.Codec`, with msgspec; pydantic models take their own way into JSON."""

    def __init__(self) -> None:
        self._plans: dict[Any, JsonTypePlan] = {}

    def plan(self, annotation: Any, what: str = "value") -> JsonTypePlan:
        try:
            found = self._plans.get((annotation, what))
        except TypeError:  # an annotation with unhashable metadata
            return JsonTypePlan(annotation, what)
        if found is None:
            found = self._plans[annotation, what] = JsonTypePlan(annotation, what)
        return found

    def result(self, fn: Callable[..., Any]) -> JsonTypePlan:
        annotation = resolve(signature_of(fn).return_annotation, fn, "the result")
        if not inspect.iscoroutinefunction(fn):
            annotation = awaited(annotation)
        return JsonTypePlan(annotation, "result", name_of(fn))

    def signature(self, fn: Callable[..., Any], exclude: frozenset[str] = frozenset()) -> JsonSignaturePlan:
        return JsonSignaturePlan(fn, exclude)
