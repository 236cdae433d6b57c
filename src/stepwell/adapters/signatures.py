"""`JsonSignaturePlan`: how the arguments of one function become one JSON object, and back."""

import hashlib
import inspect
from collections.abc import Callable
from contextlib import suppress
from inspect import Parameter
from math import isfinite
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from stepwell.adapters.annotations import facts_of, name_of, resolve, signature_of
from stepwell.adapters.defaults import complete
from stepwell.adapters.sorting import encode_sorted
from stepwell.adapters.typeplans import JsonTypePlan, encode_json, schema_of
from stepwell.errors import StepwellError, TypeMismatch

_POSITIONAL: Final = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
_STARS: Final[dict[Any, str]] = {Parameter.VAR_POSITIONAL: "*", Parameter.VAR_KEYWORD: "**"}


class _Slot(msgspec.Struct, frozen=True):
    """One parameter: its key in the object, its attribute of the bound struct, its kind."""

    key: str
    field: str
    kind: Any


class JsonSignaturePlan:
    """Implements `ports.codec.SignaturePlan`.

    A msgspec Struct made for the function binds, encodes and decodes all arguments in one go. Its keys are
    the parameters' names, `*args` and `**kwargs` with their stars.
    """

    def __init__(self, fn: Callable[..., Any], exclude: frozenset[str] = frozenset()) -> None:
        self.name = name_of(fn)
        self._signature, self._excluded = _without(signature_of(fn), exclude), exclude
        self._slots: list[_Slot] = []
        self._exact: dict[str, frozenset[type]] = {}
        fields: dict[bool, list[tuple[str, Any, Any]]] = {True: [], False: []}
        for number, parameter in enumerate(self._signature.parameters.values()):
            annotation = resolve(parameter.annotation, fn, f"parameter {parameter.name!r}")
            slot, kind = self._slot(number, parameter), parameter.kind
            facts = facts_of(annotation, f"{parameter.name!r} of {self.name}()")
            held: Any = facts.form
            if kind is Parameter.VAR_POSITIONAL:
                held = list[held]
            elif kind is Parameter.VAR_KEYWORD:
                held = dict[str, held]
            else:
                self._exact[parameter.name] = facts.exact
            optional = parameter.default is not Parameter.empty or slot.key != parameter.name
            default = msgspec.field(name=slot.key, default=UNSET) if optional else msgspec.field(name=slot.key)
            fields[kind in _POSITIONAL].append((slot.field, held | UnsetType if optional else held, default))
            self._slots.append(slot)
        base = msgspec.defstruct("Keywords", fields[False], kw_only=True, forbid_unknown_fields=True)
        self._struct = msgspec.defstruct(self.name, fields[True], bases=(base,), forbid_unknown_fields=True)
        self._plan = JsonTypePlan(self._struct, "", self.name)
        self.parameters = tuple(slot.key for slot in self._slots)
        self._exact_in_order = tuple(self._exact.values())
        # A struct's own constructor binds like a call, save for these.
        self._plain = all(slot.key == slot.field and slot.kind is not Parameter.POSITIONAL_ONLY for slot in self._slots)
        self._all_positional = not fields[False] and self._struct.__struct_defaults__ == ()

    @staticmethod
    def _slot(number: int, parameter: Parameter) -> _Slot:
        stars = _STARS.get(parameter.kind, "")
        private = parameter.name.startswith("__")  # which a Struct cannot have
        return _Slot(stars + parameter.name, f"p{number}_" if private else parameter.name, parameter.kind)

    def encode_args(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        return self._encoded(args, kwargs, self._are_exact(args, kwargs))

    def _encoded(self, args: tuple[Any, ...], kwargs: dict[str, Any], exact: bool) -> bytes:
        bound = self._bind(args, kwargs)
        if exact:
            try:
                data = encode_json(bound)
            except ValueError:  # a lone surrogate, thousands of digits: the long way says where
                data = b"\\u0000"
            if b"\\u0000" not in data:
                return data
        if self._plan.facts.lacking:  # equal arguments have one stored form, wherever they come from (P7)
            with suppress(RecursionError):  # it contains itself, which the next line says better
                complete(bound)
        return self._plan.round_trip(bound)[0]

    def decode_args(self, data: bytes | msgspec.Raw) -> tuple[tuple[Any, ...], dict[str, Any]]:
        raw = bytes(data)
        if raw.lstrip()[:1] == b"[":
            raw = self._named(raw)
        bound = self._plan.decode(raw)
        if self._all_positional:
            return msgspec.structs.astuple(bound), {}
        return self._arguments(bound)

    def capture(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[bytes, tuple[Any, ...], dict[str, Any]]:
        exact = self._are_exact(args, kwargs)
        data = self._encoded(args, kwargs, exact)
        return (data, args, kwargs) if exact else (data, *self.decode_args(data))

    def digest(self, data: bytes | msgspec.Raw) -> str:
        raw = bytes(data)
        # One object without another inside, and no array: nothing whose order could differ.
        if self._plan.facts.unordered and (b"[" in raw or raw.count(b"{") > 1):
            raw = encode_sorted(self._plan.decode(raw))
        return hashlib.blake2b(raw, digest_size=8).hexdigest()

    def schema(self) -> dict[str, Any]:
        schema = schema_of(self._struct)
        definitions = schema.pop("$defs")
        own = definitions.pop(schema.pop("$ref").rpartition("/")[2])
        return {**own, "title": self.name, **({"$defs": definitions} if definitions else {})}

    def _bind(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> msgspec.Struct:
        try:
            if self._plain:
                return self._struct(*args, **kwargs)
            return self._bind_slowly(args, kwargs)
        except TypeError as error:
            raise self._wrong_arguments(args, kwargs, str(error)) from None

    def _bind_slowly(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> msgspec.Struct:
        given: dict[str, Any] = {}
        arguments = self._signature.bind(*args, **kwargs).arguments
        for slot in self._slots:
            name = slot.key.lstrip("*")
            if name not in arguments:
                continue
            value = arguments[name]
            if slot.kind is Parameter.VAR_POSITIONAL:
                value = list(value)
            elif slot.kind is Parameter.VAR_KEYWORD:
                value = {key: value[key] for key in sorted(value)}
            given[slot.field] = value
        return self._struct(**given)

    def _wrong_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any], reason: str) -> StepwellError:
        injected = sorted(self._excluded & kwargs.keys())
        hint = f"{', '.join(injected)} is injected; leave it out." if injected else None
        try:
            self._signature.bind(*args, **kwargs)
        except TypeError as error:
            reason = str(error)  # in Python's own words
        return TypeMismatch(
            f"{self.name}() cannot be called with these arguments: {reason}",
            expected=f"{self.name}{self._signature}",
            hint=hint,
        )

    def _are_exact(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
        if len(args) > len(self._exact_in_order):
            return False
        for value, exact in zip(args, self._exact_in_order, strict=False):
            kind = type(value)
            if kind not in exact or (kind is float and not isfinite(value)):
                return False
        for name, value in kwargs.items():
            kind = type(value)
            if kind not in self._exact.get(name, ()) or (kind is float and not isfinite(value)):
                return False
        return True

    def _named(self, raw: bytes) -> bytes:
        """The object that an array of positional arguments stands for."""
        try:
            values = msgspec.json.decode(raw, type=list[msgspec.Raw])
        except msgspec.DecodeError as error:
            raise TypeMismatch(f"the arguments of {self.name}() cannot be read: {error}") from None
        keys = [slot.key for slot in self._slots if slot.kind in _POSITIONAL]
        named: dict[str, Any] = dict(zip(keys, values, strict=False))
        rest = values[len(keys) :]
        if rest:
            star = next((slot.key for slot in self._slots if slot.kind is Parameter.VAR_POSITIONAL), None)
            if star is None:
                raise TypeMismatch(
                    f"{self.name}() takes {len(keys)} positional arguments, not {len(values)}",
                    expected=f"{self.name}{self._signature}",
                )
            named[star] = rest
        return encode_json(named)

    def _arguments(self, bound: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        in_order = True
        for slot in self._slots:
            value = getattr(bound, slot.field)
            if slot.kind in _POSITIONAL:
                in_order = in_order and value is not UNSET
            if value is UNSET:
                continue
            if slot.kind is Parameter.VAR_KEYWORD:
                kwargs.update(value)
            elif slot.kind is Parameter.KEYWORD_ONLY or (not in_order and slot.kind is Parameter.POSITIONAL_OR_KEYWORD):
                kwargs[slot.key] = value
            elif not in_order:
                raise TypeMismatch(f"{slot.key} of {self.name}() needs the arguments before it")
            elif slot.kind is Parameter.VAR_POSITIONAL:
                args.extend(value)
            else:
                args.append(value)
        return tuple(args), kwargs


def _without(signature: inspect.Signature, exclude: frozenset[str]) -> inspect.Signature:
    kept: list[Parameter] = []
    cut = False
    for parameter in signature.parameters.values():
        if parameter.name in exclude:
            cut = True
        elif cut and parameter.kind is Parameter.POSITIONAL_OR_KEYWORD:
            # Behind an injected parameter a position would mean another one to the function.
            kept.append(parameter.replace(kind=Parameter.KEYWORD_ONLY))
        else:
            kept.append(parameter)
    return signature.replace(parameters=kept)
