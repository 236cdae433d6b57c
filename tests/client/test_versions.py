"""The history of code: written by workers, once for each change; read, compared, and matched with who has it."""

import asyncio
import logging
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from stepwell import App, NotFound
from stepwell.client import versions as versions_module
from stepwell.client.versions import (
    CodeVersion,
    Pinned,
    Stranded,
    diff,
    offering,
    pick,
    pinned,
    remember,
    said,
    stranded,
    versions,
)
from stepwell.errors import StoreUnavailable
from stepwell.model.record import Record
from stepwell.model.run import WorkerRow
from stepwell.store.memory import MemoryStore
from stepwell.testing.clock import VirtualClock
from stepwell.testing.environment import Environment
from tests.client.deploys import FITS, OLD, code, deploy

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Scene:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.store = MemoryStore("test", self.clock)

    async def bring(self, *apps: App) -> None:
        for app in apps:
            await remember(self.store, app.registry, self.clock)

    async def numbers(self, name: str = "flow") -> list[tuple[int, str]]:
        return [(version.number, version.code) for version in await versions(self.store, name)]


async def test_each_change_is_a_version(tmp_path: Path) -> None:
    scene, old, new = Scene(), deploy(tmp_path, OLD), deploy(tmp_path, FITS)
    await scene.bring(old, deploy(tmp_path, OLD), new, new, old)  # the last is a roll-back
    assert await scene.numbers() == [(1, code(old)), (2, code(new)), (3, code(old))]
    assert await scene.numbers("one") == [(1, code(old, "one"))]
    first = (await versions(scene.store, "flow"))[0]
    assert (first.kind, first.at) == ("workflow", scene.clock.now())
    assert first.source is not None
    assert "async def flow" in first.source
    assert {(v.kind, v.name) for v in await versions(scene.store)} == {
        ("workflow", "flow"),
        ("step", "one"),
        ("step", "two"),
        ("step", "hang"),
    }


async def test_workers_that_start_at_once_write_one(tmp_path: Path) -> None:
    scene, old, new = Scene(), deploy(tmp_path, OLD), deploy(tmp_path, FITS)
    turn = MemoryStore.records

    async def slow(self: Any, *args: Any, **which: Any) -> list[Record]:
        found = await turn(self, *args, **which)
        await asyncio.sleep(0)  # so that all have looked before one writes
        return found

    scene.store.records = slow.__get__(scene.store)  # type: ignore[method-assign]
    await asyncio.gather(*(scene.bring(app) for app in (old, old, new, old)))
    numbers = await scene.numbers()
    assert [number for number, _ in numbers] == list(range(1, len(numbers) + 1))
    assert all(a[1] != b[1] for a, b in pairwise(numbers))
    assert {found for _, found in numbers} == {code(old), code(new)}


async def test_names_with_slashes_and_digits_are_kept_apart() -> None:
    scene = Scene()
    app = App("memory://")
    for name in ("a", "a/000001", "a/b", "a%2Fb", "a:"):

        async def flow() -> None: ...

        app.workflow(name=name)(flow)
    await scene.bring(app, app)
    assert [(v.name, v.number) for v in await versions(scene.store)] == [
        (name, 1) for name in ("a", "a%2Fb", "a/000001", "a/b", "a:")
    ]


async def test_a_worker_records_when_it_starts(tmp_path: Path) -> None:
    app = deploy(tmp_path, OLD)
    async with Environment(app) as env:
        assert await versions(env.store, "flow") != []


async def test_a_client_records_nothing(tmp_path: Path) -> None:
    app = deploy(tmp_path, OLD)
    async with App(f"sqlite:///{tmp_path / 'runs.db'}", mode="client", like=app) as client:
        assert await versions(client._engine().store) == []


async def test_a_database_that_is_away_keeps_no_worker_from_starting(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    scene = Scene()

    async def away(*args: Any, **which: Any) -> list[Record]:
        raise StoreUnavailable("away")

    scene.store.records = away  # type: ignore[method-assign]
    with caplog.at_level(logging.WARNING):
        await scene.bring(deploy(tmp_path, OLD))
    assert "could not be recorded: away" in caplog.text


async def test_what_a_later_form_wrote_is_passed_over() -> None:
    scene = Scene()
    await scene.store.put([Record(kind="version", id="workflow/flow/000001", at=1.0, data=b'{"form": 2}')])
    assert await versions(scene.store) == []


# -- comparing -------------------------------------------------------------------------------------


def version(number: int, source: str | None = "x = 1\n", code: str = "0a1b2c3d4e5f") -> CodeVersion:
    return CodeVersion(kind="workflow", name="w", number=number, code=code, at=1.0, source=source)


def test_a_version_is_named_by_number_or_fingerprint() -> None:
    found = [version(1), version(2, code="ffffffffffff"), version(3)]
    assert pick(found, "w", "2").number == 2
    assert pick(found, "w", "ffff").number == 2
    assert pick(found, "w", "0a1b2c").number == 3  # the newest with that code
    for unknown in ("4", "fff", "eeee"):
        with pytest.raises(NotFound, match=f"no version '{unknown}'"):
            pick(found, "w", unknown)


def test_what_changed() -> None:
    assert diff(version(1, "a\nb\n"), version(2, "a\nc\n", "ffffffffffff")) == [
        "--- w 1 (0a1b2c3d4e5f)", "+++ w 2 (ffffffffffff)", "@@ -1,2 +1,2 @@", " a", "-b", "+c",
    ]  # fmt: skip
    assert diff(version(1), version(2)) == []
    with pytest.raises(NotFound, match="version 1, could not be read"):
        diff(version(1, None), version(2))


# -- who has it ------------------------------------------------------------------------------------


def test_who_offers_a_version() -> None:
    workers = [
        WorkerRow(id="a", expires_at=10.0, offers={"w": "x"}),
        WorkerRow(id="lost", expires_at=1.0, offers={"w": "x"}),
        WorkerRow(id="other", expires_at=10.0, offers={"w": "y", "v": "x"}),
    ]
    assert offering(workers, "w", "x", 5.0) == 1
    assert offering(workers, "v", "y", 5.0) == 0


async def test_stranded_runs_are_counted_by_workflow_and_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = deploy(tmp_path, OLD, 'versioning="pin"')
    async with Environment(old) as env:
        first = await old.start("flow", 1)
        await env.advance(5)
        for n in range(2):
            await old.start("flow", n)
        await env.settle()
        done = await old.start("flow", 9)
        await done.terminate()
        since = (await old.runs.row(first.id)).created_at
        held = Pinned(workflow="flow", code=code(old), count=3, since=since, workers=1)
        assert await pinned(env.store, env.now()) == [held]
        assert stranded([held]) == []
        monkeypatch.setattr(versions_module, "RUNS", 2)  # in pages
        later = await pinned(env.store, env.now() + 3600)
        assert stranded(later) == [Stranded("flow", code(old), 3, env.now() - 5)]


def test_a_warning_in_one_line() -> None:
    assert said(Stranded("w", "abc", 1, 0.0)) == "1 run of 'w' pinned to code abc, which no live worker has"
    assert said(Stranded("w", "abc", 1200, 0.0)).startswith("1,200 runs of 'w'")
