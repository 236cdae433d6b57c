"""How the columns of the list give way to what is said now."""

from collections.abc import Generator
from itertools import pairwise
from typing import Any

import pytest

from tests.dashboard.browsing import browsing
from tests.dashboard.modules import Modules
from tests.dashboard.shopfront import shopfront
from tests.server.live import live

NOW = 272
OTHERS = 46 + 112 + 92 + 44


@pytest.fixture(scope="module")
def modules() -> Generator[Modules]:
    with live(shopfront) as server, browsing(server.url) as site, site.page("/start") as page:
        yield Modules(page)


def fit(modules: Modules, room: int, **wanted: int) -> dict[str, Any]:
    given = {"id": 100, "flow": 120, "tags": 200, "more": 0, **wanted}
    found: dict[str, Any] = modules.run(
        "runs/columns", "return m.fit(a.room, a.wanted)", {"room": room, "wanted": given}
    )
    now = room - OTHERS - given["more"] - found["id"] - found["flow"] - found["tags"] - found["took"]
    return {**found, "now": now}


def test_where_there_is_room_all_is_whole(modules: Modules) -> None:
    assert fit(modules, 1300) == {"id": 100, "flow": 120, "tags": 200, "took": 184, "drawn": True, "now": 402}


def test_first_the_picture_goes_then_the_tags_then_names_are_cut(modules: Modules) -> None:
    rooms = [fit(modules, room) for room in range(1200, 700, -4)]
    assert all(each["drawn"] >= after["drawn"] for each, after in pairwise(rooms))
    assert all(each["tags"] == 200 for each in rooms if each["drawn"])
    assert all((each["id"], each["flow"]) == (100, 120) for each in rooms if each["tags"])
    assert {each["tags"] > 0 for each in rooms} == {True, False}
    assert all(each["tags"] == 0 or each["tags"] >= 112 for each in rooms), "a few letters of a tag say nothing"


def test_what_is_said_now_keeps_its_width_while_anything_can_give_way(modules: Modules) -> None:
    for room in range(1600, 880, -20):
        assert fit(modules, room, id=240, flow=190)["now"] >= NOW - 1


def test_columns_that_were_switched_on_take_their_width(modules: Modules) -> None:
    found = fit(modules, 1300, more=240)
    assert found["now"] >= NOW
    assert not found["drawn"]


def test_without_tags_there_is_no_column(modules: Modules) -> None:
    assert fit(modules, 1300, tags=0)["tags"] == 0
