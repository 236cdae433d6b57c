"""What is peculiar to this store in applying changes; the contract itself is the conformance suite's."""

import pytest
from msgspec.structs import replace

from stepwell.errors import NotSerializable
from stepwell.model.change import Change, Send
from stepwell.model.status import RunStatus
from stepwell.store.sqlite import SqliteStore
from stepwell.testing.conformance.scene import Scene

pytestmark = pytest.mark.anyio


@pytest.fixture
async def scene(store: SqliteStore) -> Scene:
    scene = Scene(lambda namespace, clock: store)
    await scene.beat("w1")
    return scene


async def test_a_repeat_in_a_big_group_is_found_and_the_rest_goes_on(scene: Scene) -> None:
    rows = [await scene.running() for _ in range(30)]
    await scene.done(scene.entries(rows[7]))
    replies = await scene.store.commit(
        [scene.entries(row) if n == 7 else scene.finish(row) for n, row in enumerate(rows)]
    )
    assert all(reply.ok for reply in replies)
    assert [(await scene.row(row)).status is RunStatus.SUCCEEDED for row in rows].count(False) == 1
    assert len(await scene.store.journal(rows[7].key)) == 2


@pytest.mark.parametrize(
    "broken",
    [
        {"data": b'[{"k":"\xff"}]'},
        {"seq": 2**70},
        {"generation": "one"},
    ],
)
async def test_data_that_cannot_be_stored(scene: Scene, broken: dict[str, object]) -> None:
    row, other = await scene.running(), await scene.running()
    with pytest.raises(NotSerializable):
        await scene.store.commit([scene.finish(other), replace(scene.finish(row), **broken)])
    assert (await scene.row(other)).status is RunStatus.RUNNING
    await scene.done(scene.finish(other))
    await scene.done(scene.finish(row))


@pytest.mark.parametrize(
    "fields",
    [
        {"run_id": "\ud800"},
        {"tags": {"n": 2**70}},
        {"priority": 2**70},
        {"workflow": "\udfff"},
        {"rank": float("inf")},
        {"rank": float("nan")},
        {"due": float("-inf")},
    ],
)
async def test_starts_that_cannot_be_stored(scene: Scene, fields: dict[str, object]) -> None:
    new = scene.new(**fields)  # type: ignore[arg-type]
    with pytest.raises(NotSerializable):
        await scene.create(new)
    assert await scene.store.row(new.row.key) is None


async def test_a_message_that_cannot_be_stored(scene: Scene) -> None:
    with pytest.raises(NotSerializable):
        await scene.store.commit([Change(send=Send(event="e", key="k", data=b"\xff"))])
    assert (await scene.store.dump())["messages"] == []


async def test_the_largest_numbers(scene: Scene) -> None:
    row = await scene.queued(tags={"n": 2**63 - 1, "m": -(2**63), "x": 1.7976931348623157e308, "y": 5e-324}, rank=1e18)
    assert await scene.row(row) == row


async def test_times_come_back_to_the_last_bit(scene: Scene) -> None:
    moment = 1_700_000_000.0
    for n in range(50):
        exact = moment + n / 7 + n * 1e-7
        row = await scene.queued(created_at=exact, due=exact + 1e9, rank=exact * 3)
        assert await scene.row(row) == row


async def test_nul_characters(scene: Scene) -> None:
    row = await scene.queued(run_id="a\0b", note="x\0y", tags={"t\0": "\0"})
    assert await scene.row(row) == row
    assert await scene.store.row_by_id("a\0b") == row
    assert await scene.store.row_by_id("a") is None
