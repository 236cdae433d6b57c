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


class Heartbeat:
    """Beats every third of a lease; the last beat is good until `holds_until` (monotonic seconds).

    Callbacks are called from the heartbeat's thread.

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
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Beat from a thread until stopped."""
        self._thread = threading.Thread(target=self._run, name="stepwell-heart", daemon=True)
        self._thread.start()

    def beat(self) -> bool:
        """Beat once. False: the worker was declared dead."""
        began = self._clock.monotonic()
        held = self._heart.beat(self._row())
        if held is None:
            return False
        self.holds_until = began + self._lease_s
        self._held(held)
        return True

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

    def _run(self) -> None:
        failures = 0
        while not self._stop.wait(self._lease_s / 3):
            try:
                if not self._alive():
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
