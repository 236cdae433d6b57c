"""Workflows, queues and workers, dead letters, schedules, unknown addresses; and the frame around all pages."""

import re

import pytest
from playwright.sync_api import expect

from tests.dashboard.browsing import Site, copied, shoot

PLACES = ["/", "/runs", "/workflows", "/workflows/place_order", "/queues", "/failures", "/schedules", "/settings"]
"""What they look like at every width: test_widths.py."""
WIDTHS = [(1440, False), (1100, True), (800, False), (390, True), (320, False)]


@pytest.mark.parametrize(("width", "dark"), WIDTHS)
def test_workflows(desk: Site, width: int, dark: bool) -> None:
    with desk.page("/workflows", width=width, dark=dark) as page:
        row = page.locator(".flows-table tr", has_text="place_order")
        expect(row.locator(".tally").first).to_be_visible()
        page.get_by_role("searchbox").fill("import")
        expect(page.locator(".flows-table tbody tr:visible")).to_have_count(1)
        page.get_by_role("searchbox").fill("nothing like it")
        expect(page.get_by_text("No workflow has")).to_be_visible()
        page.get_by_role("searchbox").fill("")
        expect(row).to_be_visible()
        shoot(page, f"workflows-{width}-{'dark' if dark else 'light'}")


@pytest.mark.parametrize(("width", "dark"), WIDTHS)
def test_one_workflow(desk: Site, width: int, dark: bool) -> None:
    with desk.page("/workflows/place_order", width=width, dark=dark) as page:
        expect(page.get_by_text("Charges the card and says how it went.")).to_be_visible()
        expect(page.locator(".flow-side")).to_contain_text("amount")
        expect(page.locator(".flow-side")).to_contain_text("integer")
        expect(page.locator(".flow-runs tbody tr")).to_have_count(12)
        expect(page.locator(".page-end .button.primary")).to_have_attribute("href", "/start/place_order")
        shoot(page, f"workflow-{width}-{'dark' if dark else 'light'}")


def test_an_unknown_workflow(desk: Site) -> None:
    with desk.page("/workflows/lost", allow="404") as page:
        expect(page.get_by_role("alert")).to_contain_text("There is no workflow lost")


@pytest.mark.parametrize(("width", "dark"), WIDTHS)
def test_queues_and_workers(desk: Site, width: int, dark: bool) -> None:
    with desk.page("/queues", width=width, dark=dark) as page:
        expect(page.locator(".queue-table tbody tr")).to_have_count(1)
        expect(page.locator(".worker-table tbody tr")).to_have_count(1)
        expect(page.locator(".slots i").first).to_be_attached()
        page.get_by_role("searchbox", name="Id of a run").fill("later-1")
        page.get_by_role("button", name="Look").click()
        expect(page.locator(".why-text")).to_contain_text("payment.settled")
        expect(page.locator(".why-list li").first).to_be_visible()
        expect(page).to_have_url(re.compile("run=later-1"))
        shoot(page, f"queues-{width}-{'dark' if dark else 'light'}")


def test_why_does_not_know_a_run(desk: Site) -> None:
    with desk.page("/queues?run=lost", allow="404") as page:
        expect(page.locator(".why-answer")).to_contain_text("No run lost.")


@pytest.mark.parametrize(("width", "dark"), WIDTHS)
def test_dead_letters(desk: Site, width: int, dark: bool) -> None:
    with desk.page("/failures", width=width, dark=dark) as page:
        first = page.locator(".causes-table tbody tr").first
        expect(first).to_contain_text("TimeoutError")
        expect(first.locator(".cause-count")).to_have_text("3")
        expect(page.locator(".asks-line")).to_contain_text("kpi-2026-11")
        shoot(page, f"failures-{width}-{'dark' if dark else 'light'}")


def test_schedules_say_what_there_is(desk: Site) -> None:
    with desk.page("/schedules") as page:
        expect(page.locator("h1")).to_have_text("Schedules")
        expect(page.locator(".paste")).to_have_count(2)
        page.get_by_role("button", name="Copy").first.click()
        copied(page, "delay")


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("width", [1440, 390])
def test_each_page_has_its_landmarks_and_names(desk: Site, path: str, width: int) -> None:
    with desk.page(path, width=width) as page:
        expect(page.locator("main h1")).to_have_count(1)
        expect(page.locator("main .sk:visible")).to_have_count(0)
        nav = "Sections" if width < 768 else "Main"
        expect(page.get_by_role("navigation", name=nav)).to_be_visible()
        assert page.get_by_role("main").count() == 1
        assert page.get_by_role("banner").count() == 1
        unnamed = page.evaluate(
            """() => {
                const named = (e) => e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length;
                const all = [...document.querySelectorAll("button, a[href], input, select, textarea")];
                return all.filter((e) => e.checkVisibility() && !named(e)).map((e) => e.outerHTML);
            }"""
        )
        assert unnamed == []
        assert "stepwell" in page.title()
