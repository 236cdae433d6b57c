"""Keeps what is secret out of views: values under telling names, and under names that a type marks."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from msgspec import Meta

HIDDEN: Final = "••••"
NAMES: Final = ("password", "passwd", "passphrase", "secret", "token", "authorization", "api_key", "apikey",
                "credential", "private_key", "cookie", "card_number", "cardnumber", "card_no", "cvc", "cvv", "iban",
                "ssn")  # fmt: skip
"""A field is hidden whose name, in lower case and with "_" for "-", contains one of these."""

MARK: Final = "x-stepwell-secret"
Secret: Final = Meta(extra_json_schema={MARK: True, "format": "password"})
"""Marks a field whose values no view shows: `key: Annotated[str, stepwell.Secret]`."""

_NAMED: Final = frozenset({"properties", "$defs", "default", "examples", "enum", "const"})
"""What of a schema says nothing of a value as a whole: its fields, which have names, and values."""

_CREDENTIALS: Final = re.compile(
    r"(?i)(\b(?:authorization|cookie|set-cookie|x-csrf-token)\b\s*[:=]\s*).+|swk_[\w-]{8,}"
)
DEEPEST: Final = 200


class Redactor:
    """Hides values by the name of their field; `marked` are names beside the usual ones, taken as they are."""

    def __init__(self, names: Iterable[str] = NAMES, marked: Iterable[str] = ()) -> None:
        wanted = [re.escape(name.lower().replace("-", "_")) for name in names]
        self._telling = re.compile("|".join(wanted)) if wanted else None
        self._marked = frozenset(marked)
        self._known: dict[str, bool] = {}

    def hides(self, name: str) -> bool:
        """Whether values under this name are hidden."""
        known = self._known.get(name)
        if known is None:
            telling = self._telling is not None and self._telling.search(name.lower().replace("-", "_")) is not None
            known = telling or name in self._marked
            if len(self._known) < 10_000:  # names may be data
                self._known[name] = known
        return known

    def value(self, value: Any, *, whole: bool = False) -> Any:
        """The value with what is secret in it replaced by `HIDDEN`, or all of it; nothing is changed in place."""
        return HIDDEN if whole and value is not None else self._part(value, 0)

    def arguments(self, args: list[Any] | None, message: str) -> list[Any] | None:
        """An exception's arguments as far as its message says them, too: they have no names to go by."""
        return None if args is None else [arg if _is_said(arg, message) else HIDDEN for arg in args]

    def _part(self, value: Any, depth: int) -> Any:
        if isinstance(value, Mapping):
            if depth > DEEPEST:
                return HIDDEN
            return {k: HIDDEN if v is not None and self.hides(str(k)) else self._part(v, depth + 1)
                    for k, v in value.items()}  # fmt: skip
        if isinstance(value, list | tuple):
            return HIDDEN if depth > DEEPEST else [self._part(part, depth + 1) for part in value]
        return value


def _is_said(value: Any, message: str) -> bool:
    return value is None or (not isinstance(value, Mapping | list | tuple) and str(value) in message)


class Open(Redactor):
    """Shows everything: for those who may see it."""

    def __init__(self) -> None:
        super().__init__(())

    def value(self, value: Any, *, whole: bool = False) -> Any:
        return value

    def arguments(self, args: list[Any] | None, message: str) -> list[Any] | None:
        return args


OPEN: Final = Open()


def marked_in(schema: Any) -> set[str]:
    """The names of the fields that a JSON Schema marks as secret, or that hold what it marks in lists or mappings."""
    found: set[str] = set()
    stack = [(schema, schema)]
    while stack:
        node, root = stack.pop()
        if isinstance(node, dict):
            root = node if "$defs" in node else root
            found.update(n for n, inner in (node.get("properties") or {}).items() if is_marked(inner, root))
            stack.extend((inner, root) for inner in node.values())
        elif isinstance(node, list):
            stack.extend((inner, root) for inner in node)
    return found


def is_marked(schema: Any, root: Any = None) -> bool:
    """Whether a JSON Schema marks its values as secret, or a part of them that no name of a field stands for.

    `root`: the schema that has the definitions, if it is another one.
    """
    root = schema if root is None else root
    definitions = root.get("$defs") if isinstance(root, dict) else None
    seen: set[str] = set()
    stack = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            if node.get(MARK):
                return True
            stack.extend(inner for name, inner in node.items() if name not in _NAMED)
            name = str(node.get("$ref", "")).removeprefix("#/$defs/")
            if name not in seen and definitions and name in definitions:
                seen.add(name)
                stack.append(definitions[name])
        elif isinstance(node, list):
            stack.extend(node)
    return False


def without_values(schema: Any, redactor: Redactor, name: str = "") -> Any:
    """A JSON Schema without the defaults and examples in which there is something to hide; `name`: of the field."""
    if isinstance(schema, list):
        return [without_values(part, redactor) for part in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for key, value in schema.items():
        if key == "properties" and isinstance(value, dict):
            kept[key] = {field: without_values(inner, redactor, field) for field, inner in value.items()}
        elif key in ("default", "examples"):
            whole = bool(schema.get(MARK)) or redactor.hides(name)
            if redactor.value(value, whole=whole) == value:
                kept[key] = value
        else:
            kept[key] = value if key in _NAMED - {"$defs"} else without_values(value, redactor)
    return kept


def without_credentials(text: str) -> str:
    """A line of a log without what follows the names of credentials, and without API keys."""
    return _CREDENTIALS.sub(lambda match: (match[1] or "") + HIDDEN, text)
