"""`JsonTypePlan`: how values of one annotation become JSON and come back as they were."""

import re
from collections.abc import Callable
from math import isfinite
from typing import Any, Final

import msgspec
from msgspec import inspect as shapes

from stepwell.adapters import models
from stepwell.adapters.allowed import allowed_at
from stepwell.adapters.annotations import Choice, Facts, facts_of, show
from stepwell.adapters.dateformats import mark_dates
from stepwell.adapters.lossless import Place, changed, too_deep, unstorable
from stepwell.adapters.metadata import keep_metadata
from stepwell.errors import NaiveDatetime, NotSerializable, StepwellError, TypeMismatch

_PATH: Final = 120
"""How much of a path a message shows."""
_NAIVE: Final = re.compile(rb'T\d\d:\d\d:\d\d(?:\.\d+)?"')
_REFUSAL: Final = re.compile(r"(?P<reason>.*?)(?: - at (?P<key>`key` in )?`(?P<path>\$.*?)`)?", re.DOTALL)
_NOT_AMONG: Final = "Invalid enum value"  # of a `Literal` as well, and without a word on what it may be


def _encode_foreign(value: Any) -> Any:
    if models.is_model(value):
        return models.dump(value)
    raise TypeError(f"{type(value).__qualname__} has no stored form")


def _decode_foreign(cls: Any, value: Any) -> Any:
    if cls is object:
        return value
    if models.is_model_class(cls):
        return models.load(cls, encode_json(value))
    return _choose(cls, value)


def _choose(cls: type[Choice], value: Any) -> Any:
    """The member that writes just this JSON, or else the first that reads it."""
    data, readable = encode_json(value), []
    for member in cls.members:
        try:
            candidate = msgspec.json.decode(data, type=member, dec_hook=_decode_foreign)
        except (msgspec.ValidationError, ValueError):
            continue
        if msgspec.json.decode(encode_json(candidate)) == value:
            return candidate
        readable.append(candidate)
    if readable:
        return readable[0]
    raise ValueError(f"Expected one of {', '.join(map(show, cls.members))}")


encode_json: Final[Callable[[Any], bytes]] = msgspec.json.Encoder(enc_hook=_encode_foreign).encode


class JsonTypePlan:
    """Implements `ports.codec.TypePlan`.

    `what` is the root of paths in errors (`result.items[3]`), `owner` the function whose value it is.
    """

    __slots__ = ("_decode", "_exact", "_owner", "facts", "what")

    def __init__(self, annotation: Any, what: str = "value", owner: str = "") -> None:
        self.what = what
        self._owner = f" of {owner}()" if owner else ""
        self.facts: Facts = facts_of(annotation, f"{what}{self._owner}")
        self._exact = self.facts.exact
        self._decode = msgspec.json.Decoder(self.facts.form, dec_hook=_decode_foreign).decode

    def __repr__(self) -> str:
        return f"<JsonTypePlan {self.what}: {self.facts.name}>"

    def encode(self, value: object) -> bytes:
        return self.deliver(value)[0]

    def deliver(self, value: object) -> tuple[bytes, Any]:
        if type(value) in self._exact:
            data = encode_scalar(value)
            if data is not None:
                return data, value
        return self.round_trip(value)

    def round_trip(self, value: object) -> tuple[bytes, Any]:
        """Encode, decode and compare: the way of every value that is not an exact scalar."""
        facts = self.facts
        try:
            data = encode_json(value)
            if (
                b"\\u0000" in data
                or (facts.deep and too_deep(data))
                or (facts.dates and _NAIVE.search(data) is not None)
            ):
                self._search(value)
            decoded = self._decode(data)
            same = decoded == value
        except Exception as error:
            self._search(value)
            raise self._refusal(error) from error
        if same is not True:
            self._search(value)
            self._compare(value, decoded)
        if facts.numbers:  # 1 given for a float is stored as it comes back: equal values have one stored form
            data = encode_json(decoded)
        return data, decoded

    def decode(self, data: bytes | msgspec.Raw) -> Any:
        try:
            value = self._decode(data)
        except Exception as error:
            raise self._refusal(error) from error
        if self.facts.dates and _NAIVE.search(bytes(data)) is not None:
            self._search(value)
        return value

    def schema(self) -> dict[str, Any]:
        return schema_of(self.facts.form)

    def _search(self, value: object) -> None:
        place = unstorable(value, self.what)
        if place is not None:
            raise self._error_at(place, NotSerializable) from None

    def _compare(self, value: object, decoded: object) -> None:
        place = changed(value, decoded, self.what, open=self.facts.open)
        if place is not None:
            raise self._error_at(place, NotSerializable if self.facts.open else TypeMismatch)

    def _error_at(self, place: Place, kind: type[NotSerializable] | type[TypeMismatch]) -> StepwellError:
        path = _short(place.path.lstrip("."))
        message = f"{path}{self._owner} {place.reason}"
        if place.naive:
            return NaiveDatetime(message, hint=place.hint)
        return kind(message, path=path, hint=place.hint)

    def _refusal(self, error: Exception) -> StepwellError:
        if isinstance(error, StepwellError):
            return error
        if isinstance(error, RecursionError):
            return NotSerializable(f"{self.what}{self._owner} is nested too deep", path=self.what)
        if not isinstance(error, msgspec.DecodeError):
            return NotSerializable(f"{self.what}{self._owner} cannot be stored: {error}", path=self.what)
        parts = _REFUSAL.fullmatch(str(error))
        reason, inner = (parts["reason"], parts["path"] or "$") if parts else (str(error), "$")
        among = None
        if parts is not None and reason.startswith(_NOT_AMONG):
            among = allowed_at(self.facts.form, inner, key=parts["key"] is not None)
            reason = f"invalid value{reason.removeprefix(_NOT_AMONG)}"
        if parts is not None and parts["key"] is not None:
            reason = f"{reason}, as a key"
        path = (self.what + inner.removeprefix("$")).lstrip(".")
        shown = f" ({self.facts.name})" if self.what else ""
        return TypeMismatch(
            f"{path or 'the arguments'}{self._owner} does not fit its annotation{shown}: "
            f"{reason[:1].lower()}{reason[1:]}",
            expected=among,
            path=path,
        )


def _short(path: str) -> str:
    return path if len(path) <= _PATH else f"{path[: _PATH - 30]}…{path[-29:]}"


def encode_scalar(value: Any) -> bytes | None:
    """Return the JSON of None, a bool, int, float or str; None if JSON cannot hold it as it is."""
    if value is None:
        return b"null"
    if type(value) is float:
        return encode_json(value) if isfinite(value) else None
    try:
        data = encode_json(value)
    except ValueError:  # a lone surrogate, thousands of digits
        return None
    return None if b"\\u0000" in data and type(value) is str and "\0" in value else data


def schema_of(annotation: Any) -> dict[str, Any]:
    """Return the JSON Schema of a decodable annotation, all definitions at its root."""
    schema = msgspec.json.schema(annotation, schema_hook=_schema_of_foreign)
    definitions: dict[str, Any] = schema.pop("$defs", {})
    shape = shapes.type_info(annotation)
    keep_metadata(shape, schema, definitions)
    mark_dates(shape, schema, definitions)
    for node in [schema, *definitions.values()]:
        _hoist(node, definitions)
    return {**schema, "$defs": definitions} if definitions else schema


def _schema_of_foreign(cls: Any) -> dict[str, Any]:
    if models.is_model_class(cls):
        return models.schema_of(cls)
    if issubclass(cls, Choice):
        return {"anyOf": [schema_of(member) for member in cls.members]}
    return {}


def _hoist(node: Any, definitions: dict[str, Any]) -> None:
    if isinstance(node, dict):
        for name, definition in _apart(node, definitions).items():
            definitions[name] = definition
            _hoist(definition, definitions)
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _hoist(child, definitions)


def _apart(node: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    """Take the definitions out of a schema, under names that mean nothing else among those that are known."""
    own: dict[str, Any] = node.pop("$defs", {})
    taken = {name for name, definition in own.items() if known.get(name, definition) != definition}
    if not taken:
        return own
    renamed = {}
    for name in taken:
        number = 2
        while f"{name}_{number}" in known or f"{name}_{number}" in own:
            number += 1
        renamed[name] = f"{name}_{number}"
    _rename([node, own], renamed)
    return {renamed.get(name, name): definition for name, definition in own.items()}


def _rename(node: Any, renamed: dict[str, str]) -> None:
    if isinstance(node, dict):
        name = str(node.get("$ref", "")).removeprefix("#/$defs/")
        if name in renamed:
            node["$ref"] = f"#/$defs/{renamed[name]}"
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _rename(child, renamed)
