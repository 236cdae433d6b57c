"""Resources: things steps need and callers must not see, made once per worker."""

from collections.abc import Callable
from inspect import Parameter, signature
from typing import Any, Generic, Self, TypeVar

from stepwell.errors import InvalidOption

T = TypeVar("T")


class Injected:
    """The default value of an injected parameter; says which resource belongs there.

    `transaction`: not the resource itself, but a connection from it, in the step's own transaction.
    """

    def __init__(self, name: str, *, transaction: bool = False) -> None:
        self.name = name
        self.transaction = transaction

    def __repr__(self) -> str:
        return f"<{self.name}: injected by the worker>"


class Resource(Generic[T]):
    """A resource: `db = app.resource(factory)`; a step takes it as `*, db: Pool = db.inject()`."""

    def __init__(self, name: str, factory: Callable[..., Any], override: Callable[[Any], Any]) -> None:
        self.name = name
        self.factory = factory
        self._override = override

    def inject(self) -> Any:
        """The default for a keyword parameter: the worker fills it, callers and type checkers skip it."""
        return Injected(self.name)

    def transaction(self) -> Any:
        """The default for a keyword parameter: a connection from this resource, in a transaction of the step's own.

        The resource is a pool (asyncpg, psycopg), a SQLAlchemy engine or session maker, or a function that makes a
        connection. What the body writes by it commits with the step's result, exactly once.
        """
        return Injected(self.name, transaction=True)

    def override(self, value: Any) -> "Override":
        """Use `value` (or what this callable makes) instead, as a context manager or for good: one line in a test."""
        factory = value if callable(value) else lambda: value
        return Override(self._override, factory)


class Override:
    """A replaced resource; leaving the `with` block puts the old one back."""

    def __init__(self, override: Callable[[Any], Any], factory: Callable[..., Any]) -> None:
        self._put = override
        self._before = override(factory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._put(self._before)


def injected_parameters(fn: Callable[..., Any]) -> dict[str, str]:
    """Parameter → resource, for the parameters of `fn` that the worker fills.

    Raises:
        InvalidOption: an injected parameter is not keyword-only.
    """
    found: dict[str, str] = {}
    for name, parameter in signature(fn).parameters.items():
        if isinstance(parameter.default, Injected):
            if parameter.kind is not Parameter.KEYWORD_ONLY:
                raise InvalidOption(
                    f"injected parameter {name!r} of {fn.__qualname__} is positional",
                    hint="Put `*,` before it, so that no caller can fill it by accident.",
                )
            found[name] = parameter.default.name
    return found


def transaction_parameter(fn: Callable[..., Any]) -> str | None:
    """The parameter of `fn` that gets a connection in the step's own transaction.

    Raises:
        InvalidOption: there are several.
    """
    defaults = {name: parameter.default for name, parameter in signature(fn).parameters.items()}
    found = [name for name, value in defaults.items() if isinstance(value, Injected) and value.transaction]
    if len(found) > 1:
        raise InvalidOption(
            f"step {fn.__qualname__} takes several transactions: {', '.join(found)}",
            expected="one: what is in one database can be committed together",
        )
    return found[0] if found else None


def refuse_method(fn: Any, what: str) -> None:
    """Refuse `self` and `cls`: an object is neither stored nor the same on another machine."""
    parameters = list(signature(fn).parameters)
    if parameters[:1] in (["self"], ["cls"]) or hasattr(fn, "__self__"):
        raise InvalidOption(
            f"{what} {fn.__qualname__} is a method",
            expected="a plain function",
            hint="Take what `self` holds as an injected resource: `*, db: Pool = db.inject()`.",
        )
