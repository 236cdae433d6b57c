"""The decision when a failed attempt is followed by another."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from stepwell.errors import InvalidDuration
from stepwell.model.duration import LONGEST, seconds
from stepwell.model.policy import Retry

_MAX_EXPONENT: Final = 64
"""2^64 times any delay that counts exceeds every cap, and stays a float."""


def next_delay(
    retry: Retry, attempt: int, error_retryable: bool, retry_after: float | None, rand: float
) -> float | None:
    """Return how many seconds to wait after attempt number `attempt` (from 1) failed; None to give up.

    `rand` is a random number in [0, 1). With delay d after the n-th attempt: constant d, linear d·n,
    exponential d·2^(n-1), as in BullMQ and worchflow; then times 1 ± `jitter`, symmetric; then capped at
    `max_delay`. `retry_after`, in seconds, wins over the formula and gets no jitter, but is capped as well.
    Retry counts come from the journal, so they survive crashes (P11).
    """
    if not error_retryable or attempt > retry.retries:
        return None
    if retry_after is not None:
        return min(max(retry_after, 0.0), retry.max_delay)
    if retry.backoff == "constant":
        delay = retry.delay
    elif retry.backoff == "linear":
        delay = retry.delay * attempt
    else:
        delay = retry.delay * 2.0 ** min(attempt - 1, _MAX_EXPONENT)
    # Capped before the jitter too: many runs at the cap must still spread, downwards.
    delay = min(delay, retry.max_delay)
    return min(delay * (1.0 + retry.jitter * (2.0 * rand - 1.0)), retry.max_delay)


def retry_after_of(error: BaseException, now: float | None = None) -> float | None:
    """Return the seconds that an error's `retry_after` asks for, or None. Never raises.

    Understood are seconds, durations ("2m"), `timedelta`, aware datetimes, and what HTTP's Retry-After header
    holds (RFC 9110, section 10.2.3): a number of seconds or a date as text. Moments need `now` (seconds since
    the epoch) and are None without it. A moment that has passed is 0.
    """
    try:
        return _retry_after(getattr(error, "retry_after", None), now)
    except Exception:  # noqa: BLE001 - a user's attribute may do anything, and the retry must go on
        return None


def _retry_after(value: object, now: float | None) -> float | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, datetime):
        return None if now is None else _until(value, now)
    if isinstance(value, (bytes, bytearray)):
        value = value.decode("ascii")
    if isinstance(value, str):
        text = value.strip()
        if text.isdecimal():
            value = int(text)
        else:
            try:
                return seconds(text)
            except InvalidDuration:
                return None if now is None else _until(parsedate_to_datetime(text), now)
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if not isinstance(value, (int, float)) or math.isnan(value):
        return None
    return float(min(max(value, 0), LONGEST))


def _until(moment: datetime, now: float) -> float:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return max(aware.timestamp() - now, 0.0)
