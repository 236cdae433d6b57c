"""What a guest does about ids that come and go while it is there."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest

from stepwell.adapters.connections import connection
from stepwell.core.starting import new_run
from stepwell.errors import InvalidOption, StoreMoved, StoreUnavailable
from stepwell.model.options import StartOptions
from stepwell.store.sqlite import SqliteStore
from stepwell.store.sqlite.guest import SqliteGuest

pytestmark = pytest.mark.anyio


def run(n: int, id_: str) -> Any:
    return new_run("flow", b"1", StartOptions(id=id_), None, key=bytes([n]) * 16, now=1.0)


class Restless:
    """A connection beside which others write: `lost` times the run that is in the way is gone when looked at."""

    database = "sqlite"

    def __init__(self, native: Any, lost: int) -> None:
        self.native = native
        self.lost = lost
        self._plain = connection(native)

    async def begun(self) -> bool:
        return True

    async def execute(self, sql: str, params: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        if "r.id = ?" in sql and self.lost:
            self.lost -= 1
            if self.lost == 0:
                self.native.execute("DELETE FROM stepwell_runs WHERE id = ?", (params[1],))
            return []
        return await self._plain.execute(sql, params)


@pytest.fixture
def native(store: SqliteStore, path: Path) -> Any:
    conn = apsw.Connection(str(path))
    conn.set_busy_timeout(60_000)
    return conn


async def test_a_run_that_goes_makes_room(native: Any, path: Path) -> None:
    guest = SqliteGuest(str(path), "default")
    with native:
        await guest.start(connection(native), [run(1, "x")])
        (reply,) = await guest.start(Restless(native, 1), [run(2, "x")])
        assert reply.ok
    assert [bytes(key)[0] for (key,) in native.execute("SELECT key FROM stepwell_runs")] == [2]
    assert native.execute("SELECT count(*) FROM stepwell_journal WHERE key = ?", (b"\2" * 16,)).fetchall() == [(1,)]


async def test_it_is_not_tried_for_ever(native: Any, path: Path) -> None:
    guest = SqliteGuest(str(path), "default")
    with native:
        await guest.start(connection(native), [run(1, "x")])
        with pytest.raises(StoreUnavailable, match="comes and goes"):
            await guest.start(Restless(native, 99), [run(2, "x")])


async def test_another_kind_of_database(native: Any, path: Path) -> None:
    class Other(Restless):
        database = "postgresql"

    with pytest.raises(InvalidOption, match="a connection to postgresql was given, and the app is on sqlite"):
        await SqliteGuest(str(path), "default").start(Other(native, 0), [run(1, "x")])


async def test_a_sealed_database_says_so(native: Any, path: Path) -> None:
    said = "stepwell: this namespace was moved to postgresql://there"
    native.execute(f"CREATE TRIGGER seal BEFORE INSERT ON stepwell_runs BEGIN SELECT RAISE(ABORT, '{said}'); END")
    with native, pytest.raises(StoreMoved, match="postgresql://there"):
        await SqliteGuest(str(path), "default").start(connection(native), [run(1, "x")])
