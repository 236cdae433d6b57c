"""The overview, in real Chromium on a real server."""

import re

import pytest
from playwright.sync_api import Route, expect

from tests.dashboard.browsing import DRAWN, Site, box_of, expect_no_sideways, shoot
from tests.dashboard.modules import Modules

WIDTHS = [(1440, False), (1440, True), (1100, False), (800, True), (390, False), (390, True)]


@pytest.mark.parametrize(("width", "dark"), WIDTHS)
def test_what_it_shows(desk: Site, width: int, dark: bool) -> None:
    with desk.page("/", width=width, dark=dark) as page:
        cells = page.locator(".states-cell")
        expect(cells).to_have_count(9)
        expect(page.locator(".states-parked .states-count")).to_have_text("1")
        expect(page.locator(".states-failed .states-count")).to_have_text("4")
        expect(page.locator(".states-running .states-fact")).to_contain_text("slots")
        expect(page.locator(".causes-table tbody tr").first).to_contain_text("TimeoutError")
        expect(page.locator(".causes-table .hole").first).to_have_text("‹n›")
        expect(page.locator(".causes-table .class-name").first).to_have_text("TimeoutError")
        expect(page.locator(".asks-line")).to_have_count(1)
        expect(page.locator(".asks-line")).to_contain_text("kpi-2026-11")
        expect(page.locator(".queues-table tbody")).to_contain_text("default")
        expect(page.locator(".workers-table tbody tr")).to_have_count(1)
        expect(page.locator(".workers-table .worker-name")).to_have_text(re.compile(r"^[\w.-]+:\d+$"))
        expect(page.locator(".workers-table .worker-name")).to_have_attribute("title", re.compile(r"^[0-9a-f]{32}$"))
        expect_no_sideways(page)
        assert page.locator(".button.primary:visible").count() == 1
        shoot(page, f"overview-{width}-{'dark' if dark else 'light'}")


def test_every_number_leads_to_its_runs(desk: Site) -> None:
    with desk.page("/") as page:
        page.locator(".states-waiting").click()
        expect(page).to_have_url(re.compile(r"/runs\?state=waiting$"))
        expect(page.locator("tr.run-row")).to_have_count(2)
        page.go_back()
        page.locator(".cause-link").first.click()
        expect(page).to_have_url(re.compile(r"error=TimeoutError"))
        expect(page.locator("tr.run-row")).to_have_count(3)


def test_the_window_is_kept_in_the_address(desk: Site) -> None:
    with desk.page("/?window=24h") as page:
        expect(page.get_by_role("button", name="24 h")).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".page-range")).to_contain_text("15-minute buckets")
        page.get_by_role("button", name="15 m").click()
        expect(page).to_have_url(re.compile(r"window=15m"))
        expect(page.locator(".states-succeeded .states-fact")).to_have_text("last 15 m")


def test_the_charts_share_the_moment_under_the_pointer(desk: Site) -> None:
    with desk.page("/") as page:
        hairs = page.locator(".chart-hair")
        drawing = page.locator(".chart-svg").first
        expect(drawing.locator(".chart-line").first).to_have_attribute("d", re.compile("M"))
        page.evaluate(DRAWN)
        box = box_of(drawing)
        assert box
        page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 60)
        expect(hairs.nth(0)).to_have_attribute("visibility", "visible")
        expect(hairs.nth(1)).to_have_attribute("visibility", "visible")
        expect(page.locator(".chart-read").first).to_contain_text("started")
        rows = page.locator(".chart table").first.locator("tbody tr")
        assert rows.count() >= 30, "the numbers are there for those who do not see the drawing"
        page.mouse.move(0, 0)
        expect(hairs.nth(0)).to_have_attribute("visibility", "hidden")


def test_latency_of_starts_or_of_whole_runs(desk: Site) -> None:
    with desk.page("/") as page:
        head = page.locator("section", has=page.get_by_role("heading", name="Latency"))
        expect(head).to_contain_text("from created to begun")
        head.get_by_role("button", name="Run").click()
        expect(head).to_contain_text("from created to ended")


@pytest.mark.parametrize("width", [1440, 1100, 800, 390])
def test_the_labels_of_the_charts_have_their_room(desk: Site, width: int) -> None:
    def slowly(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        for row in body["latency"]["start"]:
            row.update(p50=0.271, p95=0.888, p99=1.893)
        for row in body["throughput"]:
            row.update(created=1_250_000, finished=1_250_000)
        route.fulfill(response=answer, json=body)

    with desk.page("/queues", width=width) as page:
        page.route(re.compile(r"/api/v1/overview\b"), slowly)
        page.goto(f"{desk.url}/")
        expect(page.locator(".chart-ends text", has_text="p99")).to_have_text("p99 1.9s")
        page.evaluate(DRAWN)
        found = page.evaluate(
            """() => [...document.querySelectorAll(".chart-svg text")].filter((e) => e.textContent && e.checkVisibility({visibilityProperty: true})).map((e) => {
                const [own, panel] = [e.getBoundingClientRect(), e.closest(".panel").getBoundingClientRect()];
                return [e.textContent, Math.min(own.left - panel.left, panel.right - own.right)];
            })"""  # noqa: E501
        )
        assert len(found) > 12
        assert [each for each in found if each[1] < 8] == []


def test_who_needs_a_person_says_what_differs(desk: Site) -> None:
    with desk.page("/") as page:
        modules = Modules(page)
        misfit = {
            "now": "the code no longer fits this run's journal",
            "reason": "the code no longer fits this run's journal:\n  journal, entry 12: step 'send: mail'\n"
            "  code asks for:    timer 'sleep'\nDeploy code that fits and resume the run, or restart it.",
        }
        say = "return m.whyOf(a)"
        assert (
            modules.run("overview/parked", say, misfit) == "journal has step 'send: mail', code asks for timer 'sleep'"
        )
        plain = {"now": "two workers died with it", "reason": "two workers died with it: signal 9"}
        assert modules.run("overview/parked", say, plain) == "two workers died with it"
        assert modules.run("overview/parked", say, {"now": None, "reason": None}) == "parked"
