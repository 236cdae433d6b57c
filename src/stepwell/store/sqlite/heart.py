"""A worker's heartbeat over a connection of its own, from whatever thread it is beaten in."""

from collections.abc import Callable
from typing import TypeVar

from stepwell.model.run import WorkerRow
from stepwell.store.sqlite import leases
from stepwell.store.sqlite.connection import Db

T = TypeVar("T")
Transaction = Callable[[Callable[[Db], object]], object]


class SqliteHeart:
    """Implements `ports.store.Heart`. The connection is made at the first beat, in the thread that beats."""

    def __init__(self, connect: Callable[[], Db]) -> None:
        self._connect = connect
        self._db: Db | None = None

    def beat(self, worker: WorkerRow) -> frozenset[bytes] | None:
        return self._transaction(lambda db: leases.beat(db, worker))

    def stop(self, worker: str) -> None:
        self._transaction(lambda db: leases.stop(db, worker))

    def close(self) -> None:
        if self._db is not None:
            self._db.conn.close()
            self._db = None

    def _transaction(self, work: Callable[[Db], T]) -> T:
        if self._db is None:
            self._db = self._connect()
        return self._db.transaction(work)


class SharedHeart:
    """The same for a database that has one connection only: its writer's."""

    def __init__(self, call: Callable[[Callable[[Db], object]], object]) -> None:
        self._call = call

    def beat(self, worker: WorkerRow) -> frozenset[bytes] | None:
        held = self._call(lambda db: leases.beat(db, worker))
        assert held is None or isinstance(held, frozenset)
        return held

    def stop(self, worker: str) -> None:
        self._call(lambda db: leases.stop(db, worker))

    def close(self) -> None:
        """Nothing of its own to close."""
