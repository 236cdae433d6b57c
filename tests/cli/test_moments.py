import asyncio

import pytest

from stepwell import App
from stepwell.cli.moments import ago, iso, local, now_by, span
from stepwell.testing.environment import Environment


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (-1.0, "0 ms"),
        (0.0004, "0 ms"),
        (0.0123, "12 ms"),
        (0.9996, "1.0 s"),
        (3.44, "3.4 s"),
        (59.96, "1 min"),
        (200.0, "3 min 20 s"),
        (3599.8, "1 h"),
        (3_660.0, "1 h 1 min"),
        (86_399.0, "1 d"),
        (190_000.0, "2 d 5 h"),
        (1e9, "11574 d 2 h"),
    ],
)
def test_span(seconds: float, written: str) -> None:
    assert span(seconds) == written


def test_ago() -> None:
    assert ago(None, 100.0) == ""
    assert ago(99.5, 100.0) == "now"
    assert ago(90.0, 100.0) == "10 s ago"
    assert ago(400.0, 100.0) == "in 5 min"
    assert ago(0.0, 7_199.0) == "2 h ago"
    assert ago(0.0, 200_000.0) == "2 d ago"
    assert ago(699.0, 100.0) == "in 10 min"
    assert ago(0.0, 59.6) == "1 min ago"
    assert ago(0.0, 86_000.0) == "1 d ago"
    assert ago(0.0, 1e9) == "11574 d ago"


def test_what_was_just_now_is_as_old_as_it_took() -> None:
    assert (ago(100.0, 101.96), span(1.96)) == ("2 s ago", "2.0 s")


def test_moments() -> None:
    assert iso(None) is None
    assert iso(1_700_000_000.1234) == "2023-11-14T22:13:20.123Z"
    assert local(None) == ""
    assert len(local(1_700_000_000.0)) == len("2023-11-14 22:13:20")


def test_the_present_is_that_of_the_database() -> None:
    async def main() -> None:
        async with Environment(App("memory://")) as env:
            assert now_by(env.app) == env.clock.now()

    asyncio.run(main())
    assert now_by(object()) > 1.7e9
