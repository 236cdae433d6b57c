"""The threads that own the connections: whatever is queued for one meanwhile becomes one transaction.

Invariants. (1) A connection is used by its own thread alone. (2) Writes are executed in the order in which they came;
none is answered before the transaction that holds it is committed. (3) A job that fails for what it wants to
write fails alone: the transaction is rolled back and the others are executed again. (4) All answers of a batch reach an
event loop by one call.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

import apsw

from stepwell.errors import StoreUnavailable
from stepwell.store.sqlite.connection import DATA_ERRORS, Db, translated

T = TypeVar("T")
PATIENCE: Final = 0.02
"""Seconds after which an event loop with unanswered jobs begins to give way."""
BETWEEN_NAPS: Final = 0.002
NAP: Final = 0.0002


class Again(Exception):
    """A job has learnt something by which the transaction, once more from its beginning, will succeed."""


class Job:
    """Work for a connection's thread. `writes`: inside the common transaction; else before it, by itself."""

    __slots__ = ("error", "future", "loop", "ready", "result", "work", "writes")

    def __init__(self, work: Callable[[Db], Any], writes: bool) -> None:
        self.work = work
        self.writes = writes
        self.loop: asyncio.AbstractEventLoop | None = None
        self.future: asyncio.Future[Any] | None = None
        self.ready: threading.Event | None = None
        self.result: Any = None
        self.error: Exception | None = None


class ConnectionThread:
    """A thread with a connection, and the queue of what is to be done with it."""

    def __init__(self, name: str, path: str, connect: Callable[[], Db]) -> None:
        self._path = path
        self._connect = connect
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._latest: asyncio.Future[Any] | None = None
        self._giving_way = False
        self._never = threading.Lock()
        self._never.acquire()
        self.groups = 0

    def start(self) -> None:
        """Begin; the first job finds the connection made, or fails as it did."""
        self._thread.start()

    def submit(self, work: Callable[[Db], T], *, writes: bool) -> "asyncio.Future[T]":
        """Have work done; from an event loop's thread."""
        job = Job(work, writes)
        job.loop = asyncio.get_running_loop()
        job.future = job.loop.create_future()
        self._put(job)
        self._latest = job.future
        if not self._giving_way:
            self._giving_way = True
            job.loop.call_later(PATIENCE, self._give_way, job.loop, job.future)
        return job.future

    def _give_way(self, loop: asyncio.AbstractEventLoop, asked: "asyncio.Future[Any]") -> None:
        """Let the thread have the interpreter while an answer is overdue.

        An event loop that is never idle lets go of the interpreter's lock for moments only, and takes it back before a
        thread that waits for it has woken up: that can go on for seconds. A nap is long enough.
        """
        if not asked.done():
            self._never.acquire(timeout=NAP)
            loop.call_later(BETWEEN_NAPS, self._give_way, loop, asked)
        elif self._latest is not None and not self._latest.done():
            loop.call_later(PATIENCE, self._give_way, loop, self._latest)
        else:
            self._giving_way = False

    def call(self, work: Callable[[Db], T], *, writes: bool) -> T:
        """Have work done and wait for it; from any thread."""
        job = Job(work, writes)
        job.ready = threading.Event()
        self._put(job)
        job.ready.wait()
        if job.error is not None:
            raise job.error
        result: T = job.result
        return result

    def close(self) -> None:
        """Finish what is queued, close the connection, end the thread; blocks. What comes later is refused."""
        if not self._closing:
            self._closing = True
            self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def _put(self, job: Job) -> None:
        if self._closing:
            raise closed(self._path)
        self._queue.put(job)

    # -- the thread's side ---------------------------------------------------------------------

    def _run(self) -> None:
        db: Db | None = None
        going = True
        while going:
            jobs, going = self._take()
            if db is None and jobs:
                try:
                    db = self._connect()
                except Exception as error:  # noqa: BLE001 - it is the answer
                    _deliver(_failed(jobs, translated(error, self._path)))
                    continue
            if db is not None:
                _deliver(self._execute(db, jobs))
        if db is not None:
            db.conn.close()
        left, _ = self._take(block=False)
        _deliver(_failed(left, closed(self._path)))

    def _take(self, block: bool = True) -> tuple[list[Job], bool]:
        """Everything that is queued, and whether there can be more."""
        jobs: list[Job] = []
        try:
            job = self._queue.get(block)
            while job is not None:
                jobs.append(job)
                job = self._queue.get_nowait()
        except Empty:
            return jobs, True
        return jobs, False

    def _execute(self, db: Db, jobs: list[Job]) -> list[Job]:
        done = [_alone(db, job) for job in jobs if not job.writes]
        left = [job for job in jobs if job.writes]
        while left:
            answered = _together(db, left)
            self.groups += 1
            done += answered
            left = [job for job in left if job not in answered]
        return done


def _alone(db: Db, job: Job) -> Job:
    try:
        job.result = job.work(db)
    except Exception as error:  # noqa: BLE001 - it is the answer
        job.error = _ours(error, db.path)
        _rollback(db)
    return job


def _together(db: Db, jobs: list[Job]) -> list[Job]:
    """Execute jobs in one transaction; those that are answered by it: all, or the one whose own fault it was."""
    job: Job | None = None
    try:
        db.conn.execute("BEGIN IMMEDIATE")
        for job in jobs:
            job.result = job.work(db)
        job = None
        db.conn.execute("COMMIT")
    except Again:
        _rollback(db)
        return []
    except Exception as error:  # noqa: BLE001 - it is the answer
        _rollback(db)
        guilty = job is not None and (isinstance(error, DATA_ERRORS) or not isinstance(error, apsw.Error))
        answered = [job] if job is not None and guilty else jobs
        return _failed(answered, _ours(error, db.path))
    return jobs


def _failed(jobs: list[Job], error: Exception) -> list[Job]:
    for job in jobs:
        job.error = error
    return jobs


def _ours(error: Exception, path: str) -> Exception:
    if not isinstance(error, (apsw.Error, *DATA_ERRORS)):
        return error  # an error of ours already, or a defect: to be seen as it is
    ours = translated(error, path)
    ours.__cause__ = error
    return ours


def _rollback(db: Db) -> None:
    try:
        db.rollback()
    except apsw.Error:
        return  # a disk that failed the transaction may fail its end, too; SQLite undoes it at the next use


def _deliver(jobs: Iterable[Job]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in jobs:
        if job.loop is not None:
            by_loop.setdefault(job.loop, []).append(job)
        elif job.ready is not None:
            job.ready.set()
    for loop, theirs in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, theirs)
        except RuntimeError:
            continue  # the loop was closed: nobody waits


def _resolve(jobs: list[Job]) -> None:
    for job in jobs:
        future = job.future
        if future is None or future.done():
            continue
        if job.error is None:
            future.set_result(job.result)
        else:
            future.set_exception(job.error)


def closed(path: str) -> StoreUnavailable:
    """The error of a store that was closed, or never opened."""
    error = StoreUnavailable(f"the store of {path} is not open")
    error.retryable = False
    return error
