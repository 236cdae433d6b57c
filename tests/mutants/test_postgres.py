"""Builds of the PostgreSQL store that are known to be wrong, each caught by a pair played in every order.

Each is a fault that looks right in a review: a guard on a row that is not locked, a look before a lock.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import asyncpg
import pytest

from stepwell.errors import StepwellError
from stepwell.model.change import ClaimRequest
from stepwell.model.run import Claimed
from stepwell.store.postgres import PostgresStore, bulk, loading
from stepwell.store.postgres.connection import Db
from tests.interleaving import pairs
from tests.interleaving.checking import check
from tests.interleaving.pairs import Pair

Patch = Callable[[pytest.MonkeyPatch], None]
MUTANTS: dict[str, tuple[Patch, Pair]] = {}
MOST = 100


def mutant(pair: Pair) -> Callable[[Patch], Patch]:
    """Register a wrong build, and the pair that has to catch it."""

    def register(patch: Patch) -> Patch:
        MUTANTS[patch.__name__] = patch, pair
        return patch

    return register


def without(text: str, what: str) -> str:
    """A statement that has lost something."""
    assert what in text
    return text.replace(what, "")


@mutant(pairs.a_termination_and_an_end)
def fence_without_a_lock(m: pytest.MonkeyPatch) -> None:
    """As `INSERT … WHERE EXISTS (…epoch…)`: the guard is read from the statement's snapshot."""
    bulk._text.cache_clear()
    m.setattr(bulk, "_HELD", without(bulk._HELD, " FOR NO KEY UPDATE SKIP LOCKED"))


@mutant(pairs.a_childs_end_and_its_parents_suspension)
def guard_of_a_wake_up_without_a_lock(m: pytest.MonkeyPatch) -> None:
    """As `UPDATE … WHERE status = 'waiting'`: what the status was is not what it is."""
    m.setattr(loading, "_LOCK_RUNS", without(loading._LOCK_RUNS, " FOR NO KEY UPDATE SKIP LOCKED"))


@mutant(pairs.a_keyed_message_and_a_wait)
def look_and_arm_without_the_mailbox_lock(m: pytest.MonkeyPatch) -> None:
    """Sender and waiter both look, and both find nothing."""
    m.setattr(loading, "_LOCK_BOXES", without(loading._LOCK_BOXES, " FOR UPDATE SKIP LOCKED"))


@mutant(pairs.a_claim_and_a_late_commit)
def journal_read_before_the_claim(m: pytest.MonkeyPatch) -> None:
    """As in one statement with the claim: the snapshot is older than the lock."""
    real = PostgresStore.claim

    async def claim(self: PostgresStore, request: ClaimRequest, cached: Mapping[bytes, int]) -> list[Claimed]:
        async with self._opened().read() as db:
            rows = await db.all("SELECT key, seq, data FROM {journal} WHERE ns = $1 ORDER BY key, seq", db.ns)
        claimed = await real(self, request, cached)
        old = {one.row.key: [(seq, data.encode()) for key, seq, data in rows if key == one.row.key] for one in claimed}
        return [Claimed(one.row, old[one.row.key], one.inbox, one.blobs) for one in claimed]

    m.setattr(PostgresStore, "claim", claim)


@mutant(pairs.two_starts_with_one_id)
def check_then_insert(m: pytest.MonkeyPatch) -> None:
    """An id that nobody has yet is inserted without the unique key that decides."""
    real = Db.one

    async def one(self: Db, sql: str, *params: Any) -> Any:
        if "INSERT INTO {runs}" in sql:
            await self.conn.execute(self.sql("DROP INDEX IF EXISTS {schema}.runs_id"))
            taken = await self.all("SELECT id FROM {runs} WHERE ns = $1 AND id = ANY($2::text[])", self.ns, params[2])
            if taken:
                raise asyncpg.UniqueViolationError("taken")
        return await real(self, sql, *params)

    m.setattr(Db, "one", one)


@pytest.mark.parametrize("name", MUTANTS)
@pytest.mark.filterwarnings("ignore")  # a wrong build may leave anything behind
def test_the_mutant_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    patch, pair = MUTANTS[name]
    patch(monkeypatch)
    try:
        with pytest.raises((AssertionError, StepwellError, asyncpg.PostgresError)):
            asyncio.run(check(pair, MOST))
    finally:
        bulk._text.cache_clear()
