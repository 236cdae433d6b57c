"""What the engine needs of a codec: typed values to stored bytes, without a silent change, and back."""

from collections.abc import Callable
from typing import Any, Protocol

import msgspec


class TypePlan(Protocol):
    """How values of one annotation are stored."""

    def encode(self, value: object) -> bytes:
        """Return the stored form of `value`, after making sure that it comes back as it is.

        Raises: NotSerializable, TypeMismatch, NaiveDatetime; each names the place inside the value.
        """
        ...

    def decode(self, data: bytes | msgspec.Raw) -> Any:
        """Return the value, of the annotated type, that `data` is the stored form of.

        Raises: TypeMismatch, NaiveDatetime.
        """
        ...

    def deliver(self, value: object) -> tuple[bytes, Any]:
        """Encode, and give back the decoded stored form: what a replay would see.

        Raises: as `encode`.
        """
        ...

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of the stored form."""
        ...


class SignaturePlan(Protocol):
    """How the arguments of one function are stored: one object by parameter name, however they were passed.

    Arguments that were not passed are left out, so that a parameter's default may be added later.
    """

    parameters: tuple[str, ...]

    def encode_args(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        """Return the canonical stored form of a call's arguments.

        Raises: TypeMismatch for arguments that do not fit the function; and as `TypePlan.encode`.
        """
        ...

    def decode_args(self, data: bytes | msgspec.Raw) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments to call the function with. A JSON array is read as positional arguments.

        Raises: TypeMismatch, NaiveDatetime.
        """
        ...

    def capture(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[bytes, tuple[Any, ...], dict[str, Any]]:
        """Return `encode_args(args, kwargs)`, and what `decode_args` makes of it: copies that nobody else can change.

        Immutable scalars are handed on as they are. Raises: as `encode_args`.
        """
        ...

    def digest(self, data: bytes | msgspec.Raw) -> str:
        """Return 16 hex digits, the same for equal arguments: the order of keys and of sets has no say."""
        ...

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the arguments' object."""
        ...


class Codec(Protocol):
    """Plans by annotation, made once."""

    def plan(self, annotation: Any, what: str = "value") -> TypePlan:
        """Return the plan of an annotation (a missing one is Any); `what` names the value in errors.

        Raises: NotSerializable if no value of the annotation could be stored.
        """
        ...

    def result(self, fn: Callable[..., Any]) -> TypePlan:
        """Return the plan of what `fn` returns; of what it is awaited to, when that is a coroutine.

        Raises: NotSerializable, TypeMismatch if an annotation cannot be resolved.
        """
        ...

    def signature(self, fn: Callable[..., Any], exclude: frozenset[str] = frozenset()) -> SignaturePlan:
        """Return the plan of `fn`'s parameters without those in `exclude`, which are injected.

        Raises: as `result`.
        """
        ...
