"""Ages are counted by the server's time: what the pages say when the browser's clock is wrong, in real Chromium."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.sync_api import Request, expect

from tests.dashboard.browsing import Site
from tests.dashboard.modules import Modules

skewed = pytest.mark.parametrize("ahead", [-7200, -180, 0, 180, 7200])
MINUTES_13 = re.compile(r"^13m( 0\d)?")
SECONDS_40 = r"(3[89]|4\d)s"
"""And what it takes a busy machine to tell it."""


def moment(seconds: float) -> str:
    """A moment so many seconds from now, as the API writes it."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def told(site: Site, change: Callable[[Any], object]) -> Callable[[Request], Any]:
    """The server's own answer, with what `change` makes of it."""

    def answer(request: Request) -> Any:
        with urlopen(site.url + request.url.removeprefix(site.url)) as response:
            found = json.load(response)
        change(found)
        return found

    return answer


@skewed
def test_how_long_runs_take(desk: Site, ahead: int) -> None:
    begun, due = moment(-782), moment(60)

    def older(page: Any) -> None:
        for run in page["runs"]:
            if run["id"] == "import-1":
                run["created_at"] = run["started_at"] = begun
            if run["id"] == "queued-1":
                run["due_at"] = due

    with desk.page("/runs?state=running,queued", stub={"/runs": told(desk, older)}, ahead=ahead) as page:
        going = page.locator("tr.run-row", has_text="import-1")
        expect(going.locator(".took-text")).to_have_text(MINUTES_13)
        expect(going.locator("time.ago")).to_have_text("13 m ago")
        later = page.locator("tr.run-row", has_text="queued-1")
        expect(later.locator(".took-text")).to_have_text("–")


@skewed
def test_how_old_the_queues_are_and_when_workers_were_seen(desk: Site, ahead: int) -> None:
    def older(page: Any) -> None:
        page["queues"][0] |= {"oldest_at": moment(-782), "ready": 3}

    def silent(page: Any) -> None:
        page["workers"][0]["beat_at"] = moment(-40)

    stub = {"/queues": told(desk, older), "/workers": told(desk, silent)}
    with desk.page("/queues", stub=stub, ahead=ahead) as page:
        expect(page.locator(".page-range")).to_contain_text("3 ready, oldest 13m")
        expect(page.locator(".queue-table [data-part=oldest]").first).to_have_text(MINUTES_13)
        expect(page.locator(".worker-table [data-part=seen]")).to_have_text(re.compile(f"^{SECONDS_40}$"))
    with desk.page("/", stub=stub, ahead=ahead) as page:
        expect(page.locator(".queues-table [data-part=oldest]").first).to_have_text("13m")
        expect(page.locator(".workers-table tbody")).to_contain_text(re.compile(SECONDS_40))


@skewed
def test_what_is_due(desk: Site, ahead: int) -> None:
    def soon(page: Any) -> None:
        page["now"]["next_due_at"] = moment(90)

    with desk.page("/", stub={"/overview": told(desk, soon)}, ahead=ahead) as page:
        expect(page.locator(".states-waiting .states-fact")).to_have_text("due in 1m")


@skewed
def test_a_run_of_its_own_page(desk: Site, ahead: int) -> None:
    with desk.page("/runs/import-1", ahead=ahead) as page:
        expect(page.locator(".fact", has_text="Worked")).to_have_text(
            re.compile(r"^Worked(?!.*\b0 ms)[\d.ms ]+ in [\d.ms ]+$")
        )


def test_what_is_believed_moves_only_when_it_is_ruled_out(desk: Site) -> None:
    with desk.page("/") as page:
        said = Modules(page).run(
            "lib/servertime",
            """
            let at = 1_000_000;
            Date.now = () => at;
            const told = [];
            for (const [asked, got, said, rough] of a) {
              at = got;
              m.heard(said ?? NaN, asked, rough);
              told.push(m.serverNow() - at);
            }
            return told;
            """,
            [
                # Answers to a browser whose clock is right: whole seconds, up to two of them late, change nothing.
                [1_000_000, 1_000_200, 999_000, 2000],
                [1_000_900, 1_000_950, 1_000_000, 2000],
                # Its clock is set back by an hour: by as little as the answers ask for.
                [1_000_000, 1_000_200, 4_600_000, 2000],
                [1_001_000, 1_001_010, 4_601_000, 2000],
                # An exact answer is believed; a rough one that agrees with it changes nothing.
                [1_002_000, 1_002_010, 4_602_505, 0],
                [1_003_000, 1_003_010, 4_603_000, 2000],
                # What is no time, or was measured while the clock was set, says nothing.
                [1_004_000, 1_004_010, None, 2000],
                [1_009_000, 1_004_010, 1_004_000, 2000],
            ],
        )
    assert said == [0, 0, 3_599_800, 3_599_990, 3_600_495, 3_600_495, 3_600_495, 3_600_495]
