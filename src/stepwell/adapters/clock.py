"""`SystemClock`: the machine's own clocks, which no other module reads."""

import time


class SystemClock:
    """Implements `ports.clock.Clock`."""

    __slots__ = ()

    # The functions themselves: a method around each would cost as much as the call.
    now = staticmethod(time.time)
    monotonic = staticmethod(time.monotonic)
