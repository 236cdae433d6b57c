from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from stepwell.core.timetable import Cron
from stepwell.errors import InvalidCron


def at(text: str, zone: str = "UTC") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def series(cron: Cron, start: str, count: int) -> list[str]:
    zone, moment, found = ZoneInfo(cron.zone), at(start, cron.zone), []
    for _ in range(count):
        moment = cron.next(moment)
        found.append(datetime.fromtimestamp(moment, zone).strftime("%m-%d %H:%M %Z"))
    return found


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("* * * * *", "2026-01-01T00:00:00", "2026-01-01T00:01:00"),
        ("*/15 9-17 * * mon-fri", "2026-01-02T17:45:00", "2026-01-05T09:00:00"),
        ("0 0 29 2 *", "2026-01-01T00:00:00", "2028-02-29T00:00:00"),
        ("30 6 L * *", "2026-02-01T00:00:00", "2026-02-28T06:30:00"),
        ("0 0 * * FRI#1", "2026-01-01T00:00:00", "2026-01-02T00:00:00"),
        ("*/10 * * * * *", "2026-01-01T00:00:00", "2026-01-01T00:00:10"),
        (" @Daily ", "2026-01-01T00:00:00", "2026-01-02T00:00:00"),
        ("0 12 * * 7", "2026-01-01T00:00:00", "2026-01-04T12:00:00"),
    ],
)
def test_next(expression: str, after: str, expected: str) -> None:
    assert Cron(expression).next(at(after)) == at(expected)


def test_the_moment_itself_is_not_later() -> None:
    noon = at("2026-01-01T12:00:00")
    cron = Cron("0 12 * * *")
    assert cron.next(noon - 0.001) == noon
    assert cron.next(noon) == noon + 86_400
    assert cron.next(noon + 0.5) == noon + 86_400


def test_a_gap_is_made_good_once() -> None:
    # In Berlin, on 29 March 2026, 02:00 is 03:00.
    assert series(Cron("30 2 * * *", "Europe/Berlin"), "2026-03-28T00:00", 3) == [
        "03-28 02:30 CET", "03-29 03:00 CEST", "03-30 02:30 CEST"]  # fmt: skip
    assert series(Cron("*/20 2,3 * * *", "Europe/Berlin"), "2026-03-29T00:00", 4) == [
        "03-29 03:00 CEST", "03-29 03:20 CEST", "03-29 03:40 CEST", "03-30 02:00 CEST"]  # fmt: skip


def test_an_overlap_counts_once() -> None:
    # In Berlin, on 25 October 2026, 03:00 is 02:00 again.
    cron = Cron("0,30 2 * * *", "Europe/Berlin")
    assert series(cron, "2026-10-25T00:00", 3) == ["10-25 02:00 CEST", "10-25 02:30 CEST", "10-26 02:00 CET"]
    second_pass = at("2026-10-25T02:10", "Europe/Berlin") + 3600
    assert cron.next(second_pass) == at("2026-10-26T02:00", "Europe/Berlin")


def test_every_hour_keeps_its_rhythm() -> None:
    for start in ("2026-03-29T00:00", "2026-10-25T00:00"):
        cron = Cron("*/30 * * * *", "Europe/Berlin")
        moments = [at(start, "Europe/Berlin")]
        for _ in range(12):
            moments.append(cron.next(moments[-1]))
        assert {after - before for before, after in pairwise(moments)} == {1_800.0}


def test_the_day_may_begin_in_a_gap() -> None:
    # In Cairo, on 24 April 2026, there is no midnight.
    assert series(Cron("@daily", "Africa/Cairo"), "2026-04-23T12:00", 2) == [
        "04-24 01:00 EEST",
        "04-25 00:00 EEST",
    ]


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("", "has 0 fields"),
        ("* * * *", "has 4 fields"),
        ("60 * * * *", "wrong minute '60' at character 1"),
        ("0  25 * * *", "wrong hour '25' at character 4"),
        ("5 5 5 * 1,2,8", "wrong day-of-week '8' at character 13"),
        ("0 0 1,32 * *", "wrong day-of-month '32' at character 7"),
        ("0 0 * foo *", "wrong month 'foo' at character 7"),
        ("x * * * * *", "wrong second 'x' at character 1"),
        ("*/0 * * * *", r"wrong minute '\*/0' at character 1"),
        ("1,,2 * * * *", "wrong minute '1,,2' at character 1"),
        ("0 0 31 2 *", "wrong day-of-month '31'"),
        ("0 0 30 2 1,", "wrong day-of-week '1,' at character 10"),
        ("@often", "has 1 fields"),
    ],
)
def test_wrong_expressions(expression: str, complaint: str) -> None:
    with pytest.raises(InvalidCron, match=complaint):
        Cron(expression)


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "America", "CET5"])
def test_wrong_zones(zone: str) -> None:
    with pytest.raises(InvalidCron, match="time zone"):
        Cron("* * * * *", zone)


def test_what_never_comes() -> None:
    with pytest.raises(InvalidCron, match="never comes due"):
        Cron("0 0 */32,31 2,4 SUN#5")


def test_it_is_a_value() -> None:
    assert Cron("0 0 * * *", "Asia/Tokyo") == Cron("0 0 * * *", "Asia/Tokyo")
    assert len({Cron("0 0 * * *"), Cron("0 0 * * *", "UTC")}) == 1
    assert repr(Cron("0 0 * * *")) == "Cron(expression='0 0 * * *', zone='UTC')"


@given(st.text(alphabet="0123456789*/,-#LWMONJAN? @", max_size=25))
def test_any_text_is_read_or_refused(expression: str) -> None:
    try:
        cron = Cron(expression)
    except InvalidCron:
        return
    assert cron.next(0.0) > 0


# --- against a walker that looks at every minute -----------------------------------------------------------

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Asia/Kathmandu")
CHANGES = ("2026-03-08", "2026-03-29", "2026-04-05", "2026-04-24", "2026-10-04", "2026-10-25", "2026-11-01")
MINUTE = timedelta(minutes=1)


def walk(minutes: set[int], hours: set[int], zone: str, start: datetime, days: int) -> list[float]:
    """The due moments by definition, from the list of all minutes and their local times."""
    info = ZoneInfo(zone)
    moments = [start + MINUTE * number for number in range(days * 1_440)]
    local = [moment.astimezone(info).replace(tzinfo=None, fold=0) for moment in moments]
    due = {
        moment.timestamp()
        for moment, time in zip(moments, local, strict=True)
        if time.minute in minutes and time.hour in hours
    }
    if len(hours) == 24:
        return sorted(due)
    seen = set(local)
    first = {time: moment for moment, time in reversed(list(zip(moments, local, strict=True)))}
    due = {first[time].timestamp() for time in seen if time.minute in minutes and time.hour in hours}
    for (_, before), (moment, after) in pairwise(zip(moments, local, strict=True)):
        missing = before + MINUTE
        while missing < after:
            if missing.minute in minutes and missing.hour in hours:
                due.add(moment.timestamp())
            missing += MINUTE
    return sorted(due)


@settings(deadline=None)
@given(
    st.sets(st.integers(0, 59), min_size=1, max_size=4),
    st.sets(st.integers(0, 23), min_size=1, max_size=4) | st.just(set(range(24))),
    st.sampled_from(ZONES),
    st.sampled_from(CHANGES),
    st.integers(0, 1_439),
)
def test_as_a_slow_walker(minutes: set[int], hours: set[int], zone: str, day: str, skip: int) -> None:
    start = datetime.fromisoformat(day).replace(tzinfo=UTC) - timedelta(days=1)
    listed = ",".join(map(str, sorted(hours))) if len(hours) < 24 else "*"
    cron = Cron(f"{','.join(map(str, sorted(minutes)))} {listed} * * *", zone)
    expected = walk(minutes, hours, zone, start, 4)
    after = (start + MINUTE * skip).timestamp()
    # A window cannot know what its first minutes repeat: begin an hour and more inside.
    after += 4 * 3_600
    expected = [moment for moment in expected if moment > after]
    assume(expected)
    found = [cron.next(after)]
    while len(found) < len(expected):
        found.append(cron.next(found[-1]))
    assert found == expected
