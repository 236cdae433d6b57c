"""The page of a run that needs a person: why it is parked or failed, the others like it, and where it stands."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.dashboard.browsing import UNHURRIED, Site, expect_no_sideways, shoot
from tests.dashboard.histories import call, moment, stubbed


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (1440, True), (1100, False), (800, False), (390, True)])
def test_a_parked_run_says_why(desk: Site, width: int, dark: bool) -> None:
    now = moment()
    actions = ["resume", "restart", "terminate"]
    stub = stubbed("drifted", [call("calculate", now - timedelta(seconds=9), 1)], now, status="parked", actions=actions)
    stub["/runs/drifted"]["why"] = {
        "text": "The code no longer fits.",
        "diff": [
            {"label": "journal, entry 1", "text": "step 'calculate'"},
            {"label": "code asks for", "text": "timer 'sleep'"},
        ],
        "advice": "Deploy code that fits and resume the run, or restart it.",
    }
    allow = "404.*workflows/invoices|Failed to load resource"
    with desk.page("/runs/drifted", width=width, dark=dark, stub=stub, allow=allow) as page:
        why = page.get_by_role("region", name="Why it is parked")
        expect(why.locator(".parked-line")).to_have_text(
            ["journal, entry 1step 'calculate'", "code asks fortimer 'sleep'"]
        )
        expect(why.locator(".parked-differs")).to_contain_text("timer 'sleep'")
        expect(why).to_contain_text("Deploy code that fits and resume the run, or restart it.")
        room = why if width > 767 else page.locator(".run-foot")
        expect(room.get_by_role("button", name="Resume")).to_be_visible()
        expect(room.get_by_role("button", name="Restart…")).to_be_visible()
        for name in ("Resume", "Restart…"):
            expect(page.get_by_role("button", name=name)).to_have_count(1)
        page.get_by_role("button", name="More").click()
        expect(page.get_by_role("menuitem", name=re.compile("Terminate"))).to_be_visible()
        expect(page.get_by_role("menuitem", name=re.compile("Resume|Restart"))).to_have_count(0)
        page.keyboard.press("Escape")
        expect_no_sideways(page)
        shoot(page, f"run-parked-{width}-{'dark' if dark else 'light'}")


def test_a_parked_run_whose_sentence_says_it_all_has_no_block(desk: Site) -> None:
    with desk.page("/runs/kpi-2026-11") as page:
        expect(page.locator(".now-text")).to_contain_text(re.compile(r"Parked: .*undoing charge failed.*[^:]$"))
        expect(page.locator(".parked")).to_be_hidden()
        expect(page.locator(".run-actions").get_by_role("button", name="Resume")).to_be_visible()


def test_the_sign_of_parked_runs_keeps_its_colour_in_the_chosen_entry(desk: Site) -> None:
    with desk.page("/runs/kpi-2026-11") as page:
        sign = page.get_by_role("link", name=re.compile("^Runs")).first.locator(".nav-count .state-icon")
        expect(sign).to_be_visible()
        assert sign.evaluate(
            "(e) => { const probe = document.createElement('i'); probe.style.color = 'var(--parked)';"
            " document.body.append(probe); return getComputedStyle(e).color === getComputedStyle(probe).color; }"
        )


def test_a_run_stands_under_its_workflow(desk: Site) -> None:
    with desk.page("/runs/later-1") as page:
        crumbs = page.get_by_role("navigation", name="Where you are")
        expect(crumbs).to_have_text("Runs/pay_later/later-1")
        crumbs.get_by_role("link", name="pay_later").click()
        expect(page).to_have_url(re.compile(r"/runs\?workflow=pay_later$"))


def test_the_tab_is_marked_while_its_run_has_failed(desk: Site) -> None:
    with desk.page("/runs/slow-0") as page:
        icon = page.locator("link[rel=icon]")
        expect(icon).to_have_attribute("href", re.compile("favicon-failed.svg$"))
        assert page.request.get(desk.url + str(icon.get_attribute("href"))).headers["content-type"] == "image/svg+xml"
        page.get_by_role("link", name="Overview").first.click()
        expect(icon).to_have_attribute("href", re.compile("favicon.svg$"))


def test_all_runs_of_one_cause_are_retried_after_a_question(desk: Site) -> None:
    with desk.page("/runs/slow-0", script=UNHURRIED) as page:
        same = page.locator(".same")
        expect(same).to_contain_text("3 runs")
        same.get_by_role("button", name="Retry all 3…").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("heading")).to_have_text("Retry 3 failed runs?")
        expect(dialog).to_contain_text("Each goes on from its failed step.")
        expect(dialog.get_by_role("button", name="Keep as is")).to_be_focused()
        page.keyboard.press("Enter")
        expect(dialog).to_have_count(0)
        expect(page.locator(".toast")).to_have_count(0)
        same.get_by_role("button", name="Retry all 3…").click()
        with page.expect_response(re.compile("/bulk$")) as answer:
            page.get_by_role("dialog").get_by_role("button", name="Retry 3 runs").click()
        assert answer.value.ok
        expect(page.locator(".toast")).to_contain_text("Retrying 3 runs")
