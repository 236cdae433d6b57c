"""Counts tries per address and overall within a sliding time, so that keys cannot be guessed by the hour."""

from collections import OrderedDict, deque
from typing import Final

from stepwell.errors import TooManyRequests
from stepwell.ports.clock import Clock

MOST_ADDRESSES: Final = 10_000


class Throttle:
    """At most `each` failed tries per address and `overall` of all within `within` seconds."""

    def __init__(self, clock: Clock, each: int, overall: int, within: float) -> None:
        self._clock = clock
        self._each = each
        self._within = within
        self._overall = overall
        self._all: deque[float] = deque()
        self._by: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, address: str) -> None:
        """Raises TooManyRequests while there have been too many failures."""
        now = self._clock.monotonic()
        for tries, most in ((self._by.get(address), self._each), (self._all, self._overall)):
            if tries is None:
                continue
            while tries and now - tries[0] >= self._within:
                tries.popleft()
            if len(tries) >= most:
                wait = self._within - (now - tries[0])
                raise TooManyRequests("too many wrong keys", hint="Wait, then try again.", retry_after=wait)

    def failed(self, address: str) -> None:
        """Note a wrong try."""
        now = self._clock.monotonic()
        self._all.append(now)
        mine = self._by.setdefault(address, deque(maxlen=self._each))
        self._by.move_to_end(address)
        mine.append(now)
        if len(self._by) > MOST_ADDRESSES:
            self._by.popitem(last=False)
        while len(self._all) > self._overall:
            self._all.popleft()

    def succeeded(self, address: str) -> None:
        """A right key forgives the address its failures."""
        self._by.pop(address, None)
