"""A worker's heartbeat, from its own thread, and only while the rest of the worker makes progress."""

import logging
import threading
from collections.abc import Callable

from stepwell.errors import WorldError
from stepwell.model.run import WorkerRow
from stepwell.ports.clock import Clock
from stepwell.ports.store import Heart
from stepwell.runtime.loudness import level_of

log = logging.getLogger("stepwell.worker")
Held = Callable[[frozenset[bytes]], None]
AGAIN = 0.5
"""Seconds after which a worker without progress is asked again: one that stood still as a whole goes on as a whole."""


class Heartbeat:
    """Beats every third of a lease; the last beat is good until `holds_until` (monotonic seconds).

    Callbacks are called from the heartbeat's thread, or from that of `renew`.

    `alive` answers whether loop and journal writer have made progress within a lease: a worker that is stuck
    must lose its runs to one that is not. `held` gets what the store says this worker holds; `lost` is
    called once when the store has declared it dead.
    """

    def __init__(self, heart: Heart, row: Callable[[], WorkerRow], lease_s: float, clock: Clock,
                 alive: Callable[[], bool], held: Held, lost: Callable[[], None]) -> None:  # fmt: skip
        self._heart = heart
        self._row = row
        self._lease_s = lease_s
        self._clock = clock
        self._alive = alive
        self._held = held
        self._lost = lost
        self.holds_until = 0.0
        self._expires_at = 0.0
        self._beating = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Beat from a thread until stopped."""
        self._thread = threading.Thread(target=self._run, name="stepwell-heart", daemon=True)
        self._thread.start()

    def beat(self) -> bool:
        """Beat once. False: the worker was declared dead."""
        with self._beating:
            return self._beat()

    def _beat(self) -> bool:
        began, row = self._clock.monotonic(), self._row()
        held = self._heart.beat(row)
        if held is None:
            return False
        self.holds_until, self._expires_at = began + self._lease_s, row.expires_at
        self._held(held)
        return True

    @property
    def over(self) -> bool:
        """Whether the lease is over, by either clock: that of a computer which sleeps may stand still meanwhile."""
        return self._clock.monotonic() >= self.holds_until or self._clock.now() >= self._expires_at

    def renew(self) -> bool:
        """Beat if the lease is over, before anybody has noticed. False: somebody has."""
        with self._beating:
            return not self.over or self._beat()

    def stop(self, worker: str) -> None:
        """Stop beating and sign off: runs still held are queued at once."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=self._lease_s)
        try:
            self._heart.stop(worker)
        except WorldError as error:
            log.warning("signing off failed; the lease will run out by itself: %s", error)
        self._heart.close()

    def abandon(self) -> None:
        """Stop beating without a word, as a killed process does (tests)."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=self._lease_s)
        self._heart.close()

    def _alive_after_all(self) -> bool:
        return self._stop.wait(min(AGAIN, self._lease_s / 3)) or self._alive()

    def _run(self) -> None:
        failures = 0
        while not self._stop.wait(self._lease_s / 3):
            try:
                if not self._alive() and not self._alive_after_all():
                    log.error("no progress within a lease: the heartbeat pauses, and the runs go to other workers")
                elif not self.beat():
                    self._lost()
                    return
                else:
                    failures = 0
            except WorldError as error:
                failures += 1
                log.log(level_of(failures), "heartbeat failed: %s", error)
            except Exception:
                log.exception("heartbeat failed")
