"""Pydantic's models in JSON, without importing pydantic: whoever has a model has it loaded already."""

import functools
import sys
from typing import Any, TypeGuard

import msgspec

from stepwell.adapters.modelmarks import add_marks


def is_model_class(cls: object) -> TypeGuard[type[Any]]:
    """Whether `cls` is a pydantic (v2) model class."""
    if "pydantic" not in sys.modules or not isinstance(cls, type):
        return False
    return hasattr(cls, "__pydantic_serializer__") and issubclass(cls, sys.modules["pydantic"].BaseModel)


def is_model(value: object) -> bool:
    """Whether `value` is an instance of a pydantic model."""
    return is_model_class(type(value))


def dump(model: Any) -> msgspec.Raw:
    """Return the model as JSON by field names, without computed fields."""
    text = model.__pydantic_serializer__.to_json(model, by_alias=not _by_name(), round_trip=True)
    return msgspec.Raw(text)


def load(cls: type[Any], data: bytes) -> Any:
    """Return the model that `data` holds; keys may be field names or aliases.

    In pydantic's JSON mode, so that strict models read their own output.

    Raises: ValueError with the place and the reason.
    """
    validator: Any = cls.__pydantic_validator__
    try:
        if _by_name():
            return validator.validate_json(data, by_alias=True, by_name=True)
        return validator.validate_json(data)
    except ValueError as error:
        raise ValueError(_first(error)) from None


def fields_of(model: Any) -> dict[str, Any]:
    """Return the stored attributes of a model by name."""
    return {**model.__dict__, **(model.__pydantic_extra__ or {})}


def schema_of(cls: Any) -> dict[str, Any]:
    """Return the JSON Schema of what `dump` writes, in pydantic's own words, with what msgspec's metadata adds."""
    schema: dict[str, Any] = cls.model_json_schema(by_alias=not _by_name(), ref_template="#/$defs/{model}")
    add_marks(cls, schema)
    return schema


@functools.cache
def _by_name() -> bool:
    # From 2.11 on field names can be chosen at run time; before, the aliases must do for both directions.
    version: str = sys.modules["pydantic"].VERSION
    return version.split(".")[:2] not in (["2", str(minor)] for minor in range(11))


def _first(error: ValueError) -> str:
    errors = getattr(error, "errors", None)
    if errors is None:
        return str(error)
    first = errors(include_url=False, include_input=False)[0]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
    return f"{first['msg']} - at `{place.lstrip('.')}`" if place else str(first["msg"])
