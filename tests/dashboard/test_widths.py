"""Every page at every width, in both themes: nothing scrolls sideways, leaves its panel, or lies on something else."""

import re
from collections.abc import Generator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.browsing import DRAWN, Site, box_of
from tests.dashboard.wide import LONG, LONG_ID, fill, wide
from tests.server.live import Live, live

PAGES = {
    "/": ".workers-table tbody tr",
    "/runs": "tr.run-row",
    "/runs?state=failed": "tr.run-row",
    "/runs?id=none": ".none",
    "/runs/failed-1": ".tl-row",
    "/runs/later-1": ".now-text",
    f"/runs/{quote(LONG_ID, safe='')}": ".tl-row",
    "/runs/none": ".run-refusal",
    "/workflows": ".flows-table tbody tr",
    f"/workflows/{LONG}": ".flow-runs tbody tr",
    "/start": ".start-list li",
    f"/start/{LONG}": ".start-foot .button",
    "/queues": ".worker-table tbody tr",
    "/events": ".start-foot .button",
    "/failures": ".causes-table tbody tr",
    "/schedules": ".paste",
    "/nowhere": ".lead-do",
    "/login": ".login-box",
}
WIDTHS = {"wide": [1440, 1100, 1024, 800], "narrow": [390, 320]}
"""Loaded at the first, then made narrower."""
OUTSIDE = """() => {
    const rooms = ".panel, .states, .start-list, .topbar, .run-head, .facts, .now, .login-box, .start-right, .insp-head";
    const hides = (e) => getComputedStyle(e).overflowX !== "visible";
    const found = [];
    for (const room of document.querySelectorAll(rooms)) {
        const {left, right} = room.getBoundingClientRect();
        if (right - left < 2 || !room.checkVisibility()) continue;
        for (const e of room.querySelectorAll("*")) {
            const box = e.getBoundingClientRect();
            if (box.width < 2 || !e.checkVisibility() || (box.right <= right + 0.5 && box.left >= left - 0.5)) continue;
            let above = e.parentElement;
            while (above !== room && !hides(above)) above = above.parentElement;
            if (above === room && !hides(room)) found.push(`${e.tagName}.${e.className.baseVal ?? e.className}: ${e.textContent.slice(0, 40)}`);
        }
    }
    return found;
}"""  # noqa: E501
BESIDE = """() => {
    const found = [];
    for (const row of document.querySelectorAll("tr.run-row, .flow-runs tr, .queue-table tr, .worker-table tr")) {
        // On a phone the word of a state is for those who hear it.
        const cells = [...row.children].filter((e) => e.checkVisibility() && !(innerWidth < 768 && e.matches(".c-state")));
        const boxes = cells.map((e) => {
            const range = document.createRange();
            range.selectNodeContents(e);
            const [all, own] = [range.getBoundingClientRect(), e.getBoundingClientRect()];
            const hides = getComputedStyle(e).overflowX !== "visible" || e.querySelector(".cut-text, .row-tags");
            return {left: all.left, right: hides ? Math.min(all.right, own.right) : all.right, top: all.top, bottom: all.bottom, name: e.className};
        }).filter((box) => box.right - box.left > 1);
        boxes.forEach((a, n) => boxes.slice(n + 1).forEach((b) => {
            if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4)
                found.push(`${a.name} on ${b.name}: ${row.textContent.slice(0, 60)}`);
        }));
    }
    return found;
}"""  # noqa: E501


@pytest.fixture(scope="module")
def server() -> Generator[Live]:
    with live(wide) as found:
        found.run(fill(found.app))
        yield found


def fits(page: Page) -> None:
    """It does so once everything that measures itself has been laid out."""
    found = misfits(page)
    for _ in range(100):
        if not found:
            return
        page.evaluate(DRAWN)
        page.wait_for_timeout(50)
        found = misfits(page)
    assert found == []


def misfits(page: Page) -> list[str]:
    wide, room = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    sideways = [f"the page is {wide} px wide in {room}"] if wide > room else []
    return sideways + page.evaluate(OUTSIDE) + page.evaluate(BESIDE)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("widths", WIDTHS.values(), ids=WIDTHS)
def test_everything_has_its_room(site: Site, path: str, widths: list[int]) -> None:
    with site.page(path, width=widths[0], allow="404") as page:
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme="light")
            expect(page.locator(PAGES[path]).first).to_be_visible()
            expect(page.locator("main .sk:visible")).to_have_count(0)
            page.evaluate(DRAWN)
            fits(page)
            page.emulate_media(color_scheme="dark")
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(19, 18, 16)"
            fits(page)


def test_a_missing_run_is_asked_for_once(site: Site) -> None:
    asked: list[str] = []
    with site.page("/login", allow="404") as page:
        page.on("response", lambda answer: asked.append(answer.url) if answer.status == 404 else None)
        page.goto(f"{site.url}/runs/none")
        expect(page.get_by_role("alert")).to_contain_text("No run none in default.")
        page.wait_for_load_state("networkidle")
    assert [url.removeprefix(site.url) for url in asked] == ["/api/v1/runs/none"]


def test_an_address_of_no_page_says_so(site: Site) -> None:
    with site.page("/login", allow="404") as page:
        answer = page.goto(f"{site.url}/nowhere/at/all")
        assert answer is not None
        assert answer.status == 404
        expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
        expect(page.locator(".lead")).to_contain_text("/nowhere/at/all")
        page.get_by_role("link", name="All runs").click()
        expect(page.locator("tr.run-row").first).to_be_visible()


@pytest.mark.parametrize(("width", "least"), [(1440, 260), (1100, 250), (1024, 190), (800, 180), (390, 200)])
def test_what_is_said_now_can_be_read(site: Site, width: int, least: int) -> None:
    with site.page("/runs", width=width) as page:
        row = page.locator("tr.run-row", has=page.locator("a[href='/runs/failed-1']"))
        now = row.locator(".c-now")
        expect(now).to_contain_text("LookupError")
        box = box_of(now)
        assert box
        assert box["width"] >= least


@pytest.mark.parametrize("width", [1440, 1100, 800, 390])
def test_the_end_of_an_id_is_never_cut(site: Site, width: int) -> None:
    with site.page("/runs", width=width) as page:
        link = page.locator("tr.run-row .run-link[title^='tenant/eu']")
        end = link.locator("span").last
        expect(end).to_have_text(LONG_ID[-9:])
        seen = end.evaluate(
            """(e) => {
                const [own, cell] = [e.getBoundingClientRect(), e.closest("td").getBoundingClientRect()];
                return own.right <= cell.right && own.width > 40;
            }"""
        )
        assert seen
        made = page.locator("tr.run-row .run-link[title]", has_text="…").first
        assert len(made.inner_text().replace("\n", "")) == 16


def test_the_value_of_a_tag_is_not_cut_before_its_name(site: Site) -> None:
    with site.page("/runs") as page:
        tags = page.locator("tr.run-row .row-tags")
        expect(tags.filter(has_text="gold").first).to_be_visible()
        cut = page.evaluate(
            """() => [...document.querySelectorAll(".row-tags .tag-value")].filter((e) => {
                const [own, cell] = [e.getBoundingClientRect(), e.closest("td").getBoundingClientRect()];
                const name = e.previousElementSibling;
                return own.right > cell.right || (e.scrollWidth > e.clientWidth && name.offsetWidth > 20);
            }).map((e) => e.textContent)"""
        )
        assert cut == []
        short = tags.filter(has_text="gold").first.locator(".tag")
        widths = short.evaluate_all("all => all.map((e) => [e.textContent, e.offsetWidth, e.scrollWidth])")
        assert [text for text, _, _ in widths] == ["region=eu", "tier=gold"]
        assert all(need <= own < 90 for _, own, need in widths), widths
        more = page.locator(".tag-more").first
        expect(more).to_have_text("+1")
        expect(more).to_have_attribute("title", "team=stock")


def duration_of(page: Page, id: str) -> Any:
    return page.locator("tr.run-row", has=page.locator(f"a[href='/runs/{id}']")).locator(".took-text")


def test_a_run_that_begins_later_has_no_duration(site: Site) -> None:
    with site.page("/runs") as page:
        expect(duration_of(page, "later-1")).to_have_text("–")
        expect(duration_of(page, "failed-1")).not_to_have_text("–")
        page.goto(f"{site.url}/runs/later-1")
        expect(page.locator(".facts .fact dt")).to_have_text(["Created", "Starts", "Queue"])
        expect(page.locator(".tl-row .tl-meta")).to_have_text(re.compile(r"^in 1h \d\dm$"))
        expect(page.locator(".tl-row .b-sleep")).to_be_attached()
        expect(page.locator(".now-text")).to_have_text(re.compile(r"^Delayed, starts in 1h \d\dm\.$"))
        page.goto(f"{site.url}/workflows/{LONG}")
        expect(page.locator(".flow-runs tr", has_text="later-1").locator("td").last).to_have_text("–")


def test_names_break_between_their_words(site: Site) -> None:
    with site.page(f"/workflows/{LONG}", width=390) as page:
        title = page.locator("main h1")
        expect(title).to_be_visible()
        expect(title).to_have_text(LONG)
        assert title.locator("wbr").count() == LONG.count("_")
