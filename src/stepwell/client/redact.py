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

    def value(self, value: Any, depth: int = 0) -> Any:
        """The value with what is secret in it replaced by `HIDDEN`; nothing is changed in place."""
        if isinstance(value, Mapping):
            if depth > DEEPEST:
                return HIDDEN
            return {k: HIDDEN if v is not None and self.hides(str(k)) else self.value(v, depth + 1)
                    for k, v in value.items()}  # fmt: skip
        if isinstance(value, list | tuple):
            return HIDDEN if depth > DEEPEST else [self.value(part, depth + 1) for part in value]
        return value


class Open(Redactor):
    """Shows everything: for those who may see it."""

    def __init__(self) -> None:
        super().__init__(())

    def value(self, value: Any, depth: int = 0) -> Any:
        return value


OPEN: Final = Open()


def marked_in(schema: Any) -> set[str]:
    """The names of the fields that a JSON Schema marks as secret."""
    found: set[str] = set()
    stack = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            for name, inner in (node.get("properties") or {}).items():
                if isinstance(inner, dict) and _is_marked(inner):
                    found.add(name)
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
    return found


def _is_marked(schema: dict[str, Any]) -> bool:
    inner = [schema, *(part for part in schema.get("anyOf") or () if isinstance(part, dict))]
    return any(part.get(MARK) for part in inner)


def without_credentials(text: str) -> str:
    """A line of a log without what follows the names of credentials, and without API keys."""
    return _CREDENTIALS.sub(lambda match: (match[1] or "") + HIDDEN, text)
