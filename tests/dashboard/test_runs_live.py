"""The list while it changes: rows change in place, new runs wait until they are asked in, nothing moves by itself."""

import re

from playwright.sync_api import expect

from tests.dashboard.browsing import SEVERABLE, UNHURRIED, Site, held, shoot
from tests.dashboard.busy import until
from tests.server.live import Live

STREAM = re.compile(r"/api/v1/stream\b")


def test_new_runs_wait_while_the_pointer_is_on_the_list(desk: Site, crowd: Live) -> None:
    with desk.page("/runs?workflow=place_order") as page:
        first = page.locator("tr.run-row").first
        expect(first).to_be_visible()
        expect(page.locator(".hist")).to_be_visible()  # nothing above the list comes later and moves it
        first.hover()
        before = page.locator("tr.run-row .run-link").first.inner_text()
        for number in range(3):
            crowd.run(crowd.app.runs.start("place_order", {"amount": 3}, id=f"fresh-{number}"))
        fresh = page.locator(".fresh")
        expect(fresh).to_have_text("3 new runs")
        assert page.locator("tr.run-row .run-link").first.inner_text() == before
        shoot(page, "runs-pending")
        page.keyboard.press(".")
        expect(page.locator("tr.run-row .run-link").first).to_have_text("fresh-2")
        expect(fresh).to_be_hidden()


def test_the_views_count_new_runs_as_the_list_does(desk: Site, crowd: Live) -> None:
    with desk.page("/start", script=UNHURRIED) as page:
        expect(page.locator(".start-list").first).to_be_visible()
        page.evaluate("() => { window.setInterval = () => 0; }")  # nothing is read again merely by and by
        with page.expect_response(STREAM):
            page.keyboard.press("g")
            page.keyboard.press("r")
        total, day = page.locator(".token-total"), page.locator("[data-view='Last 24 h'] .view-count")
        expect(total).to_have_text(re.compile(r"^\d+ runs$"))
        expect(day).to_have_text(re.compile(r"^\d+$"))
        page.locator("tr.run-row").first.hover()
        before = int(total.inner_text().split()[0])
        crowd.run(crowd.app.runs.start("place_order", {"amount": 3}, id="counted-1"))
        expect(total).to_have_text(f"{before + 1} runs")
        expect(page.locator("[data-view=All] .view-count")).to_have_text(str(before + 1))
        expect(day).to_have_text(str(before + 1))
        page.locator("[data-view=Failed]").click()
        expect(total).to_have_text("4 runs")
        expect(page.locator("[data-view=Failed] .view-count")).to_have_text("4")
        expect(page.locator("[data-view=All] .view-count")).to_have_text(str(before + 1))


def test_new_runs_enter_by_themselves_when_nobody_is_there(desk: Site, crowd: Live) -> None:
    with desk.page("/runs?id=entering") as page:
        expect(page.get_by_text("No runs match.")).to_be_visible()
        crowd.run(crowd.app.runs.start("place_order", {"amount": 3}, id="entering-1"))
        expect(page.locator("tr.run-row .run-link")).to_have_text(["entering-1"])


def test_what_happens_before_the_stream_begins_is_not_missed(desk: Site, crowd: Live) -> None:
    crowd.run(crowd.app.runs.start("pay_later", {"key": "between"}, id="between-1"))
    crowd.run(until(crowd.app, "between-1", "waiting"))
    with desk.page("/runs?id=between", script=held("/api/v1/stream")) as page:
        expect(page.locator(".state-word")).to_have_text(["Waiting"])
        crowd.run(crowd.app.events.send("payment.settled", key="between", data={"n": 1, "token": "t"}))
        crowd.run(crowd.app.runs.start("place_order", {"amount": 3}, id="between-2"))
        for name in ("between-1", "between-2"):
            crowd.run(until(crowd.app, name, "succeeded"))
        page.evaluate("free()")
        expect(page.locator("tr.run-row .run-link")).to_have_text(["between-2", "between-1"])
        expect(page.locator(".state-word")).to_have_text(["Succeeded", "Succeeded"])


def test_a_row_changes_in_place_and_stays_when_it_no_longer_fits(desk: Site, crowd: Live) -> None:
    crowd.run(crowd.app.runs.start("pay_later", {"key": "leaving"}, id="leaving-1"))
    crowd.run(until(crowd.app, "leaving-1", "waiting"))
    with desk.page("/runs?state=waiting&id=leaving") as page:
        row = page.locator("tr.run-row", has_text="leaving-1")
        expect(row.locator(".state-word")).to_have_text("Waiting")
        crowd.run(crowd.app.events.send("payment.settled", key="leaving", data={"n": 1, "token": "t"}))
        expect(row.locator(".state-word")).to_have_text("Succeeded")
        expect(row.locator(".c-now")).to_have_text('{"n":1,"token":"••••"}')
        expect(row).to_have_class(re.compile("is-stray"))


def test_a_lost_connection_says_so_and_catches_up(desk: Site, crowd: Live) -> None:
    with desk.page("/runs?id=gap", script=SEVERABLE) as page:
        expect(page.get_by_text("No runs match.")).to_be_visible()
        page.evaluate("sever()")
        bar = page.locator(".lost")
        expect(bar).to_be_visible()
        expect(bar).to_contain_text("Connection lost")
        shoot(page, "runs-lost")
        page.get_by_role("button", name="Now").click()
        expect(bar).to_be_hidden()
        crowd.run(crowd.app.runs.start("place_order", {"amount": 3}, id="gap-1"))
        expect(page.locator("tr.run-row .run-link")).to_have_text(["gap-1"])
