"""Which database is which, however it is called, and whose API keys open what has arrived."""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from stepwell.errors import IllegalState, InvalidOption
from tests.client.moving import (
    Killed,
    carry,
    keys,
    keys_of,
    little,
    make_app,
    make_key,
    schemas,
    take_back,
    usable,  # fmt: skip
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def pg() -> AsyncIterator[Callable[[], str]]:
    async with schemas() as url:
        yield url


def spelled(url: str, tmp_path: Path) -> list[str]:
    """The same database, said otherwise."""
    if url.startswith("postgresql"):
        address, _, schema = url.partition("?")
        more = f"{url}&application_name=other"
        return [more, f"{address.replace('127.0.0.1', 'localhost')}?deadline=20&{schema}&listen=off"]
    file = Path(url.removeprefix("sqlite:///"))
    (tmp_path / "here").mkdir(exist_ok=True)
    link = tmp_path / f"link-{file.name}"
    if not link.exists():
        link.symlink_to(file)
    return [f"sqlite:///{tmp_path}/here/../{file.name}", f"sqlite:///{os.path.relpath(file)}", f"sqlite:///{link}"]


async def test_a_database_is_the_same_however_it_is_called(pg: Any, tmp_path: Path) -> None:
    for source in (f"sqlite:///{tmp_path / 'one.db'}", pg()):
        await little(source, [])
        for again in spelled(source, tmp_path):
            with pytest.raises(InvalidOption, match="the same database"):
                await carry(source, again)
        assert await usable(source)


async def test_a_move_goes_on_under_other_names(pg: Any, tmp_path: Path) -> None:
    for source, target in ((f"sqlite:///{tmp_path / 'one.db'}", pg()), (pg(), f"sqlite:///{tmp_path / 'two.db'}")):
        await little(source, [])
        froms, intos = spelled(source, tmp_path), spelled(target, tmp_path)

        def stop(_: str, what: str, done: int, _total: int) -> None:
            if (what, done) == ("checking runs", 1):
                raise Killed

        for at in range(2):
            with pytest.raises(Killed):
                await carry(froms[at], intos[at], tell=stop)
        await carry(source, intos[0])
        assert [m.before for m in await carry(froms[0], intos[1])] == [True]
        assert await usable(target)


async def test_the_keys_of_both_sides_open_what_has_arrived(pg: Any, tmp_path: Path) -> None:
    for source, target in ((f"sqlite:///{tmp_path / 'one.db'}", pg()), (pg(), f"sqlite:///{tmp_path / 'two.db'}")):
        await little(source, [])
        await make_key(source, "of the source")
        await make_key(target, "of the target")

        def stop(_: str, what: str, done: int, _total: int) -> None:
            if (what, done) == ("checking runs", 1):
                raise Killed

        for _ in range(2):
            with pytest.raises(Killed):
                await carry(source, target, tell=stop)
        assert await take_back(source) == await take_back(target) == ["default"]
        assert await keys_of(target) == ["of the target"]
        (moved,) = await carry(source, target)
        assert moved.rows["records"] >= 2
        assert await keys_of(target) == ["of the source", "of the target"]


async def test_a_revoked_key_is_not_made_valid_by_a_move(tmp_path: Path) -> None:
    file, copy = tmp_path / "one.db", tmp_path / "two.db"
    source, target = f"sqlite:///{file}", f"sqlite:///{copy}"
    shared = await make_key(source, "shared")
    apsw.Connection(str(file)).execute("PRAGMA wal_checkpoint(TRUNCATE)")
    copy.write_bytes(file.read_bytes())
    apsw.Connection(str(copy)).execute("DELETE FROM stepwell_meta WHERE name = 'identity'")
    async with make_app(target, [], mode="client") as app:
        await keys(app).revoke(shared)
    with pytest.raises(IllegalState, match=f"{shared} is revoked in"):
        await carry(source, target)
    assert await keys_of(source) == ["shared"]
    async with make_app(source, [], mode="client") as app:
        await keys(app).revoke(shared)
    await carry(source, target)
    assert await keys_of(target) == []
