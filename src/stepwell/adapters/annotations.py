"""What an annotation says: resolved, in a form that msgspec can decode, with the facts a type plan needs."""

import functools
import inspect
import operator
import re
import types
import typing
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from typing import Annotated, Any, Final, Never, NoReturn, Union, get_args, get_origin

import msgspec
from msgspec import inspect as shapes

from stepwell.adapters.defaults import plain_defaults
from stepwell.adapters.models import is_model_class
from stepwell.errors import NotSerializable, TypeMismatch

_SCALARS: Final[dict[type[shapes.Type], frozenset[type]]] = {
    shapes.NoneType: frozenset({type(None)}),
    shapes.BoolType: frozenset({bool}),
    shapes.IntType: frozenset({int}),
    shapes.FloatType: frozenset({float}),
    shapes.StrType: frozenset({str}),
    shapes.AnyType: frozenset({type(None), bool, int, float, str}),
}


_MODULES: Final = re.compile(r"(?:\w+\.|<locals>\.)+(?=\w)")


class _AnyInstance(type):
    # msgspec asks whether what its hook decoded is an instance of the stand-in.
    def __instancecheck__(cls, instance: object) -> bool:
        return True


class Choice(metaclass=_AnyInstance):
    """Base of the stand-ins for unions that msgspec cannot decode: one of `members` is chosen by its JSON."""

    members: tuple[Any, ...] = ()


class Facts(msgspec.Struct, frozen=True):
    """What is known of an annotation before any value is seen.

    `form`: what msgspec is given. `name`: how its author wrote it. `exact`: scalar types whose values come
    back as they are. `open`: somewhere any JSON is allowed. `dates`: a datetime may occur. `unordered`: sets
    or mappings may occur. `deep`: there is no bound to the nesting. `lacking`: an instance may lack a default.
    `numbers`: an int may be given for what is decoded to a float or Decimal.
    """

    form: Any
    name: str
    exact: frozenset[type]
    open: bool
    dates: bool
    unordered: bool
    deep: bool
    lacking: bool
    numbers: bool


def facts_of(annotation: Any, what: str) -> Facts:
    """Return the facts of a resolved annotation; `what` names it in errors.

    Raises: NotSerializable if no value of it could be stored.
    """
    plain = _decodable(annotation)
    try:
        shape = shapes.type_info(plain)
    except (TypeError, RuntimeError) as error:
        raise NotSerializable(
            f"the annotation {show(annotation)} of {what} has no stored form: {error}",
            hint="Use dataclasses, msgspec Structs (tagged in a union), pydantic models or JSON's types.",
        ) from None
    seen: dict[int, shapes.Type] = {}
    loops = _walk(shape, seen, set())
    kinds = list(seen.values())
    for kind in kinds:
        if isinstance(kind, shapes.CustomType) and not _is_known(kind.cls):
            raise NotSerializable(
                f"the annotation {show(annotation)} of {what} has {show(kind.cls)}, which has no stored form",
                expected="dataclasses, msgspec Structs, pydantic models, JSON's types, "
                "datetime, UUID, Decimal, bytes, enums of text or of whole numbers, sets or tuples",
                hint="Let a resource provide what cannot be stored, or annotate it as what it is in JSON.",
            )
    custom = any(isinstance(kind, shapes.CustomType) for kind in kinds)
    anything = any(isinstance(kind, shapes.AnyType) for kind in kinds)
    holders = (shapes.SetType, shapes.FrozenSetType, shapes.DictType)
    return Facts(
        form=plain,
        name=show(annotation),
        exact=_exact(shape),
        open=anything or any(isinstance(kind, shapes.CustomType) and kind.cls is object for kind in kinds),
        dates=custom or any(isinstance(kind, shapes.DateTimeType) for kind in kinds),
        unordered=custom or anything or any(isinstance(kind, holders) for kind in kinds),
        deep=custom or anything or loops,
        lacking=any(isinstance(kind, shapes.DataclassType) and plain_defaults(kind.cls) for kind in kinds),
        numbers=any(isinstance(kind, shapes.FloatType | shapes.DecimalType) for kind in kinds),
    )


def _is_known(cls: Any) -> bool:
    return cls is object or is_model_class(cls) or (isinstance(cls, type) and issubclass(cls, Choice))


def _exact(shape: shapes.Type) -> frozenset[type]:
    if isinstance(shape, shapes.UnionType):
        return frozenset[type]().union(*map(_exact, shape.types)) if all(map(_exact, shape.types)) else frozenset()
    if type(shape) not in _SCALARS or any(getattr(shape, name) is not None for name in shape.__struct_fields__):
        return frozenset()
    return _SCALARS[type(shape)]


def _walk(shape: Any, seen: dict[int, shapes.Type], above: set[int]) -> bool:
    """Collect all shapes below `shape` in `seen`; True if one contains itself."""
    if id(shape) in above:
        return True
    if id(shape) in seen:
        return False
    seen[id(shape)] = shape
    above.add(id(shape))
    loops = False
    for name in shape.__struct_fields__:
        value = getattr(shape, name)
        for part in value if isinstance(value, tuple) else (value,):
            inner = part.type if isinstance(part, shapes.Field) else part
            if isinstance(inner, shapes.Type):
                loops = _walk(inner, seen, above) or loops
    above.discard(id(shape))
    return loops


def _plain(annotation: Any) -> Any:
    if annotation is inspect.Parameter.empty or annotation is object:
        return Any
    if annotation in (Never, NoReturn):
        return None
    return annotation


def _decodable(annotation: Any) -> Any:
    """Rewrite what msgspec refuses, from the outside in, as far as it is made of typing's own parts."""
    annotation = _plain(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        members = tuple(_decodable(member) for member in arguments)
        union = functools.reduce(operator.or_, members)
        return union if _fits(union) else _choice(members)
    if origin is Annotated:
        return Annotated[(_decodable(arguments[0]), *arguments[1:])]
    if origin in (Iterable, Collection):
        return list[_decodable(arguments[0])]  # type: ignore[misc]
    if isinstance(origin, type) and origin.__module__ in ("builtins", "collections.abc", "collections"):
        return origin[tuple(part if part is ... else _decodable(part) for part in arguments)]  # type: ignore[index]
    return annotation


def _choice(members: tuple[Any, ...]) -> Any:
    nothing = type(None) in members
    some = tuple(member for member in members if member is not type(None))
    stand_in = type("Choice", (Choice,), {"members": some})
    return Union[stand_in, None] if nothing else stand_in  # noqa: UP007


def _fits(annotation: Any) -> bool:
    try:
        shapes.type_info(annotation)
    except (TypeError, RuntimeError):
        return False
    return True


def show(annotation: Any) -> str:
    """Return an annotation as its author wrote it, without modules."""
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation.__name__
    return _MODULES.sub("", str(annotation))


def name_of(fn: Callable[..., Any]) -> str:
    """Return a function's name for messages; of a callable object, its class's."""
    return getattr(fn, "__name__", None) or type(fn).__name__


def signature_of(fn: Callable[..., Any]) -> inspect.Signature:
    """Return the signature; of built-in functions without one, `(*args, **kwargs)`."""
    try:
        return inspect.signature(fn)
    except ValueError:
        kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        return inspect.Signature(
            [inspect.Parameter(name, kind) for name, kind in zip(("args", "kwargs"), kinds, strict=True)]
        )


def resolve(annotation: Any, fn: Callable[..., Any], what: str) -> Any:
    """Return an annotation of `fn` with its text parts evaluated where `fn` was defined.

    Raises: TypeMismatch if a name in it is not defined there.
    """
    if annotation is inspect.Parameter.empty:
        return Any
    names = _names_around(fn)
    holder = type("Holder", (), {"__annotations__": {"it": annotation}})
    try:
        return typing.get_type_hints(holder, names, names, include_extras=True)["it"]
    except (NameError, TypeError, SyntaxError, AttributeError) as error:
        raise TypeMismatch(
            f"the annotation {annotation!r} of {what} of {name_of(fn)}() cannot be resolved: {error}",
            hint="Import the name outside `if TYPE_CHECKING`, and define the class in a module.",
        ) from None


def _names_around(fn: Any) -> dict[str, Any]:
    """The names that an annotation of `fn` may use: its module's, and what its body closes over."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    fn = inspect.unwrap(fn)
    if not hasattr(fn, "__code__"):
        fn = getattr(fn, "__func__", None) or getattr(type(fn), "__call__", fn)  # noqa: B004 - a callable object
    names: dict[str, Any] = dict(getattr(fn, "__globals__", {}))
    code, cells = getattr(fn, "__code__", None), getattr(fn, "__closure__", None)
    for name, cell in zip(code.co_freevars if code else (), cells or (), strict=False):
        try:
            names[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            continue
    return names


def awaited(annotation: Any) -> Any:
    """Return what a value is awaited to: X of `Awaitable[X]` and of `Coroutine[Any, Any, X]`."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Awaitable, Coroutine) and arguments:
        return arguments[-1]
    return annotation
