"""Policies: how a step is retried, bounded in time and repeated, and how long ended runs are kept.

All are frozen values that check themselves when they are made. Times are kept in seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from enum import Enum, StrEnum
from typing import Final, Literal, cast

from stepwell.errors import InvalidOption
from stepwell.model.duration import Duration, describe, seconds

Backoff = Literal["constant", "linear", "exponential"]
RetryTest = tuple[type[BaseException], ...] | Callable[[BaseException], bool]
RetryOn = type[BaseException] | RetryTest

BACKOFFS: Final[tuple[Backoff, ...]] = ("constant", "linear", "exponential")
MAX_RETRIES: Final = 1_000_000


class Effect(StrEnum):
    """How often a step's body may have taken effect when its outcome is recorded.

    `AT_LEAST_ONCE` (the default): after a crash the body runs again; `step_info().idempotency_key` is the
    same over all attempts. "idempotent" is another word for it, by which an author says that it is harmless.
    `AT_MOST_ONCE`: an intent is committed before the body starts, and after a crash in between the call
    raises `OutcomeUnknown` instead of running the body again.
    `TRANSACTIONAL`: the result commits in the user's own database transaction, together with what the body wrote.
    """

    AT_LEAST_ONCE = "at_least_once"
    AT_MOST_ONCE = "at_most_once"
    TRANSACTIONAL = "transactional"
    IDEMPOTENT = AT_LEAST_ONCE


EffectName = Literal["at_least_once", "idempotent", "at_most_once", "transactional"]


class NotDone(Enum):
    """The type of `NOT_DONE`, which is what a probe answers when the effect did not take place."""

    NOT_DONE = "not done"


NOT_DONE: Final = NotDone.NOT_DONE


@dataclass(frozen=True, slots=True)
class Check:
    """An effect that can be asked for. After an unknown outcome `probe` is called with the step's arguments.

    It returns the step's result, or `NOT_DONE`, upon which the body runs again. It may be async.
    """

    probe: Callable[..., object]


def check(probe: Callable[..., object]) -> Check:
    """Let `probe` decide after an unknown outcome: `effect=check(find_charge)`.

    Raises: InvalidOption if `probe` cannot be called.
    """
    if not callable(probe):
        raise InvalidOption(f"probe {probe!r} cannot be called", expected="a function of the step's arguments")
    return Check(probe)


def effect_of(value: Effect | EffectName | Check) -> Effect | Check:
    """Return the effect that is meant by its name.

    Raises: InvalidOption for another name.
    """
    if isinstance(value, Check):
        return value
    if value == "idempotent":
        return Effect.AT_LEAST_ONCE
    try:
        return Effect(value)
    except ValueError:
        raise InvalidOption(
            f"effect {value!r} is unknown",
            expected="at_least_once, idempotent, at_most_once, transactional or check(probe)",
        ) from None


def _count(value: object, what: str, most: int | None = None) -> None:
    if type(value) is not int or value < 0 or (most is not None and value > most):
        bound = "or more" if most is None else f"to {most}"
        raise InvalidOption(f"{what} {value!r} is not a count", expected=f"a whole number, 0 {bound}")


def _bound(value: Duration | None, what: str) -> float | None:
    if value is None:
        return None
    result = seconds(value, what)
    if not result:
        raise InvalidOption(f"{what} is zero", expected="a positive duration", hint="Leave it out for no bound.")
    return result


def _name(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise InvalidOption(f"name {value!r} cannot be used", expected="printable text")
    return value


def _retry_on(value: RetryOn | None) -> RetryTest | None:
    if value is None or isinstance(value, (type, tuple, list)):
        return None if value is None else _classes(value, "retry_on")
    if not callable(value):
        raise InvalidOption(
            f"retry_on {value!r} cannot be used", expected="exception classes or a function of the exception"
        )
    return value


def _classes(value: type[BaseException] | Iterable[type[BaseException]], what: str) -> tuple[type[BaseException], ...]:
    classes: tuple[object, ...] = tuple(value) if isinstance(value, Iterable) else (value,)
    for cls in classes:
        if not (isinstance(cls, type) and issubclass(cls, BaseException)):
            raise InvalidOption(f"{what} has {cls!r}, which is no exception class", expected="exception classes")
    return cast("tuple[type[BaseException], ...]", classes)


@dataclass(frozen=True, slots=True, init=False)
class Retry:
    """How often and when a failed attempt is followed by another.

    `retries` counts *further* attempts. `delay` and `max_delay` are in seconds once made. With delay d the
    n-th retry waits d (constant), d·n (linear) or d·2^(n-1) (exponential), at most `max_delay`, give or take
    the fraction `jitter`. `retry_on` restricts retries to exception classes, or to those for which it returns
    True.

    `stepwell.core.retry.next_delay` computes it.

    Raises: InvalidOption, InvalidDuration.
    """

    retries: int
    delay: float
    backoff: Backoff
    max_delay: float
    jitter: float
    retry_on: RetryTest | None

    def __init__(
        self,
        retries: int = 3,
        delay: Duration = "1s",
        backoff: Backoff = "exponential",
        max_delay: Duration = "24h",
        jitter: float = 0.1,
        retry_on: RetryOn | None = None,
    ) -> None:
        first, cap = seconds(delay, "delay"), seconds(max_delay, "max_delay")
        self._fill(retries, first, backoff, cap, jitter, _retry_on(retry_on))

    def _fill(
        self,
        retries: int,
        delay: float,
        backoff: Backoff,
        max_delay: float,
        jitter: float,
        retry_on: RetryTest | None,
    ) -> None:
        _count(retries, "retries", MAX_RETRIES)
        if backoff not in BACKOFFS:
            raise InvalidOption(f"backoff {backoff!r} is unknown", expected=f"one of {', '.join(BACKOFFS)}")
        if type(jitter) not in (int, float) or not 0 <= jitter <= 1:
            raise InvalidOption(f"jitter {jitter!r} is out of range", expected="a fraction from 0 to 1")
        if delay > max_delay:
            raise InvalidOption(
                f"delay {describe(delay)} is longer than max_delay {describe(max_delay)}",
                hint="Shorten the delay or raise max_delay.",
            )
        values = (retries, delay, backoff, max_delay, float(jitter), retry_on)
        for name, value in zip(_RETRY_FIELDS, values, strict=True):
            object.__setattr__(self, name, value)

    def covers(self, error: BaseException) -> bool:
        """Whether `retry_on` lets this exception be retried; a predicate that raises lets it."""
        if self.retry_on is None:
            return True
        if isinstance(self.retry_on, tuple):
            return isinstance(error, self.retry_on)
        try:
            return bool(self.retry_on(error))
        except Exception:  # noqa: BLE001 - the user's predicate may raise anything
            return True


@dataclass(frozen=True, slots=True, init=False)
class Policy:
    """A bundle of step options that can be shared: `charge.options(Policy(retries=5, timeout="30s"))`.

    None means "not said here"; `merge` lets another policy fill or override. Times are in seconds once made:
    `timeout` bounds one attempt, `queue_timeout` the wait for a worker. `raises` are the exception classes
    that are rebuilt as such when a recorded failure is raised again. The other options are those of `Retry`.

    Raises: InvalidOption, InvalidDuration.
    """

    name: str | None
    retries: int | None
    delay: float | None
    backoff: Backoff | None
    max_delay: float | None
    jitter: float | None
    retry_on: RetryTest | None
    timeout: float | None
    queue_timeout: float | None
    effect: Effect | Check | None
    raises: tuple[type[BaseException], ...] | None

    def __init__(
        self,
        *,
        name: str | None = None,
        retries: int | None = None,
        delay: Duration | None = None,
        backoff: Backoff | None = None,
        max_delay: Duration | None = None,
        jitter: float | None = None,
        retry_on: RetryOn | None = None,
        timeout: Duration | None = None,
        queue_timeout: Duration | None = None,
        effect: Effect | EffectName | Check | None = None,
        raises: type[BaseException] | Iterable[type[BaseException]] | None = None,
    ) -> None:
        put = object.__setattr__
        put(self, "name", None if name is None else _name(name))
        put(self, "retries", retries)
        put(self, "delay", None if delay is None else seconds(delay, "delay"))
        put(self, "backoff", backoff)
        put(self, "max_delay", None if max_delay is None else seconds(max_delay, "max_delay"))
        put(self, "jitter", jitter)
        put(self, "retry_on", _retry_on(retry_on))
        put(self, "timeout", _bound(timeout, "timeout"))
        put(self, "queue_timeout", _bound(queue_timeout, "queue_timeout"))
        put(self, "effect", None if effect is None else effect_of(effect))
        put(self, "raises", None if raises is None else _classes(raises, "raises"))
        # Delay and cap are compared when both are known, which may be after a merge.
        self._retry(together=delay is not None and max_delay is not None)

    @classmethod
    def of(cls, value: Policy | Retry | None) -> Policy:
        """Return what `value` says about a step, as a policy."""
        if value is None:
            return NO_POLICY
        if isinstance(value, Policy):
            return value
        if isinstance(value, Retry):
            return NO_POLICY._with({name: getattr(value, name) for name in _RETRY_FIELDS})
        raise InvalidOption(f"{value!r} is not a policy", expected="Policy(...) or Retry(...)")

    def merge(self, other: Policy | Retry | None) -> Policy:
        """Return this policy with everything that `other` says in place of what this one says."""
        over = Policy.of(other)
        if self is NO_POLICY or over is NO_POLICY:
            return over if self is NO_POLICY else self
        said = {name: value for name in _POLICY_FIELDS if (value := getattr(over, name)) is not None}
        return self._with(said)

    def _with(self, values: dict[str, object]) -> Policy:
        changed: Policy = object.__new__(Policy)
        for name in _POLICY_FIELDS:
            object.__setattr__(changed, name, values[name] if name in values else getattr(self, name))
        return changed

    def retry(self) -> Retry:
        """Return the retry part. What is not said is as in `Retry`, except for `retries`, which is then 0.

        Raises: InvalidOption if `delay` and `max_delay`, each said elsewhere, do not go together.
        """
        return self._retry(together=True)

    def _retry(self, *, together: bool) -> Retry:
        cap = self.max_delay if together and self.max_delay is not None else 86_400.0
        delay = self.delay if together and self.delay is not None else min(1.0, cap)
        retry: Retry = object.__new__(Retry)
        retry._fill(
            0 if self.retries is None else self.retries,
            delay,
            "exponential" if self.backoff is None else self.backoff,
            cap,
            0.1 if self.jitter is None else self.jitter,
            self.retry_on,
        )
        return retry


_RETRY_FIELDS: Final = tuple(field.name for field in fields(Retry))
_POLICY_FIELDS: Final = tuple(field.name for field in fields(Policy))
NO_POLICY: Final = Policy()
"""The policy that says nothing."""


@dataclass(frozen=True, slots=True, init=False)
class Retention:
    """How long ended runs are kept, in seconds; None is not said here. `failed` covers every other end too.

    Raises: InvalidDuration.
    """

    succeeded: float | None
    failed: float | None

    def __init__(self, succeeded: Duration | None = None, failed: Duration | None = None) -> None:
        for name, value in (("succeeded", succeeded), ("failed", failed)):
            object.__setattr__(self, name, None if value is None else seconds(value, f"retention {name}"))


@dataclass(frozen=True, slots=True)
class Keep:
    """How many ended runs of a workflow are kept; None is not said here. `failed` covers every other end too.

    Raises: InvalidOption.
    """

    succeeded: int | None = None
    failed: int | None = None

    def __post_init__(self) -> None:
        for name in ("succeeded", "failed"):
            value = getattr(self, name)
            if value is not None:
                _count(value, f"keep {name}")
