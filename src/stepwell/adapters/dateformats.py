"""Says in a JSON Schema which texts are moments: msgspec leaves that open where it would read naive ones, too."""

from typing import Any, Final

from msgspec import inspect as shapes

from stepwell.adapters.parts import parts_of

FORMAT: Final = "date-time"


def mark_dates(shape: Any, schema: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Add the format to the schemas of datetimes, in place. `definitions` are those that references name."""
    for part, node in parts_of(shape, schema, definitions):
        if isinstance(part, shapes.DateTimeType) and node.get("type") == "string":
            node["format"] = FORMAT
