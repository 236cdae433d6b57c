"""On real PostgreSQL, every order of the statements of two operations comes to what one after the other comes to."""

import asyncio
import os
from typing import Final

import asyncpg
import pytest

from stepwell.model.change import Change
from stepwell.testing.conformance.scene import Scene
from tests.interleaving.checking import check, stores_on_stage
from tests.interleaving.pairs import PAIRS, Pair
from tests.postgres import shared

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(600)]
MOST: Final = int(os.environ.get("STEPWELL_INTERLEAVINGS", "24"))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.__name__)
async def test_every_order_equals_a_serial_one(pair: Pair) -> None:
    await check(pair, MOST)


async def test_a_row_held_by_a_users_transaction_delays_nobody_else() -> None:
    """A start within a transaction that its owner does not end, and a run's row that somebody keeps locked."""
    async with stores_on_stage() as stores:
        scene, schema = Scene(stores), stores.schema
        held, free = await scene.running(), await scene.running()
        taken, other = scene.new("taken"), scene.new("other")
        user = await asyncpg.connect(shared().url)
        try:
            async with user.transaction():
                await user.execute(f"SELECT 1 FROM {schema}.runs WHERE key = $1 FOR UPDATE", held.key)
                columns = (
                    "ns, id, workflow, queue, status, priority, epoch, generation, inbox, claimed_seq, deaths, rank,"
                )
                columns += " created_at, digest, cancelling, tagged"
                await user.execute(
                    f"INSERT INTO {schema}.runs (key, {columns}) SELECT $1, {columns.replace(' id,', ' $3,')}"
                    f" FROM {schema}.runs WHERE key = $2",
                    b"u" * 16, free.key, "taken",
                )  # fmt: skip
                group = [
                    scene.entries(held), scene.entries(free), Change(run=taken.row.key, create=taken),
                    Change(run=other.row.key, create=other),
                ]  # fmt: skip
                replies = await asyncio.wait_for(scene.store.commit(group), 60)
                assert [reply.why for reply in replies] == ["busy", "", "busy", ""]
                assert [reply.ok for reply in replies] == [False, True, False, True]
            again = await scene.store.commit([group[0], group[2]])
            assert [(reply.ok, reply.why) for reply in again] == [(True, ""), (False, "exists")]
        finally:
            await user.close()
