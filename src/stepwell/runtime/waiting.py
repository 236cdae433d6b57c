"""What a run waits for, in words: kept as the reason of a waiting run, and read from there."""

from collections.abc import Mapping

from stepwell.core.opencalls import Kind, OpenCall

_WAITS = "waiting for "
_RETRY = "its next attempt"
_KINDS = tuple(f"{kind} " for kind in Kind)


def open_calls(calls: Mapping[str, OpenCall]) -> list[str]:
    """The calls that a body waits for, without the timers that belong to other calls."""
    return [name for name in calls if name.rpartition("/timeout")[0] not in calls]


def reason_of(calls: Mapping[str, OpenCall]) -> str:
    """Why a run waits, for its row."""
    return _WAITS + (", ".join(f"{calls[name].kind} {name}" for name in open_calls(calls)) or _RETRY)


def calls_in(reason: str | None) -> list[str]:
    """The calls that a waiting run's reason names."""
    if reason is None or not reason.startswith(_WAITS):
        return []
    named = reason.removeprefix(_WAITS).split(", ")
    return [part.removeprefix(kind) for part in named for kind in _KINDS if part.startswith(kind)]
