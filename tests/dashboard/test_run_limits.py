"""The page of a run when something is in the way: no connection, no right, a big value, unwanted motion, no room."""

import asyncio
import re
from datetime import timedelta
from typing import Any

from playwright.sync_api import Page, expect

from tests.dashboard.browsing import SEVERABLE, Site, box_of, expect_no_sideways, shoot
from tests.dashboard.histories import call, made_up, moment, stubbed
from tests.dashboard.running import choose, row, waiting
from tests.dashboard.shopfront import shopfront
from tests.server.live import Live, live

NO_WORKFLOW = "404.*workflows/invoices|Failed to load resource"


def width_of(page: Page) -> float:
    return float(page.locator(".insp").evaluate("(e) => e.getBoundingClientRect().width"))


def drag(page: Page, by: int) -> None:
    box = box_of(page.get_by_role("separator", name="Width of the inspector"))
    x, y = box["x"] + box["width"] / 2, box["y"] + 200
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + by / 2, y)
    page.mouse.move(x + by, y)
    page.mouse.up()


def test_the_inspector_is_dragged_within_bounds_and_its_width_is_remembered(site: Site, server: Live) -> None:
    waiting(server, "wide-1")
    with site.page("/runs/wide-1") as page:
        expect(page.locator(".insp-title")).to_be_visible()
        assert width_of(page) == 400
        drag(page, -80)
        assert width_of(page) == 480
        drag(page, -900)
        assert width_of(page) == 640
        drag(page, 900)
        assert width_of(page) == 320
        edge = page.get_by_role("separator", name="Width of the inspector")
        edge.focus()
        page.keyboard.press("ArrowLeft")
        assert width_of(page) == 336
        expect(edge).to_have_attribute("aria-valuenow", "336")
        page.reload()
        expect(page.locator(".insp-title")).to_be_visible()
        assert width_of(page) == 336
        expect_no_sideways(page)


def test_a_lost_connection_stands_on_top_and_stops_what_moves(site: Site) -> None:
    with site.page("/runs/lost", stub=made_up("lost"), allow=NO_WORKFLOW, script=SEVERABLE) as page:
        bar = row(page, "send_invoice").locator("rect.s-running")
        expect(bar).to_be_attached()
        page.evaluate("sever()")
        lost = page.locator(".lost")
        expect(lost).to_be_visible()
        expect(lost).to_contain_text(
            re.compile(r"Connection lost \d+s ago\. Showing \d\d:\d\d:\d\d\. Trying again( in \d+s)?\.")
        )
        moved = page.evaluate(
            """async () => {
            const width = () => document.querySelector('rect.s-running').getAttribute('width');
            const first = width();
            for (let frame = 0; frame < 40; frame++) await new Promise(requestAnimationFrame);
            return width() !== first;
        }"""
        )
        assert not moved
        expect(page.locator(".run-actions").get_by_role("button", name="Pause")).to_be_enabled()
        shoot(page, "run-lost")
        lost.get_by_role("button", name="Now").click()
        expect(lost).to_be_hidden()


def test_a_key_that_may_not_read_is_told_which_scope_is_missing(site: Site) -> None:
    with live(shopfront) as server:
        waiting(server, "secret-1")
        other, login = Site(site.browser, server.url), "/login?next=/runs/secret-1"
        with other.page(login, allow="401|403|Failed to load resource") as page:
            page.get_by_label("API key").fill(server.run(_key(server, ["execute"])))
            page.keyboard.press("Enter")
            expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()
            expect(page.get_by_role("alert")).to_contain_text(re.compile("needs? .*read"))
            shoot(page, "run-forbidden")
        with other.page(login, allow="401|Failed to load resource") as page:
            page.get_by_label("API key").fill(server.run(_key(server, ["read"])))
            page.keyboard.press("Enter")
            expect(page.locator(".run-badge")).to_have_text("Waiting")
            expect(page.get_by_role("button", name=re.compile("Pause|Cancel|Send"))).to_have_count(0)
            page.keyboard.press("p")
            page.keyboard.press("c")
            expect(page.get_by_role("alert")).to_have_count(0)
            expect(page.get_by_role("dialog")).to_have_count(0)
            page.goto(f"{other.url}/start/naps")
            expect(page.locator(".start-foot")).to_contain_text("This key cannot start runs. It needs scope execute.")


async def _key(server: Live, scopes: list[str]) -> str:
    services: Any = await server.serving._front.backend.services()
    _, secret = await services.keys.create("-".join(scopes), scopes)
    await asyncio.sleep(0)
    return str(secret)


def test_an_action_that_is_refused_says_why(site: Site, server: Live) -> None:
    waiting(server, "refused-1")
    with site.page("/runs/refused-1", allow="403|Failed to load resource") as page:
        page.route(
            re.compile("/pause$"),
            lambda route: route.fulfill(
                status=403, json={"code": "FORBIDDEN", "detail": "This key cannot pause runs. It needs scope operate."}
            ),
        )
        expect(page.locator(".run-actions").get_by_role("button", name="Send event")).to_be_visible()  # so all are
        page.get_by_role("button", name="Pause").click()
        note = page.get_by_role("alert").filter(has_text="Not paused.")
        expect(note).to_contain_text("It needs scope operate.")
        expect(note.locator(".mono")).to_have_text("FORBIDDEN")
        note.get_by_role("button", name="Close").click()
        expect(note).to_have_count(0)
        expect(page.locator(".run-badge")).to_have_text("Waiting")


def test_a_value_that_is_too_big_is_offered_as_a_file(site: Site) -> None:
    now = moment()
    big = call("export", now - timedelta(seconds=5), 1, value_size=14_000_000, seq=3)
    small = call("count", now - timedelta(seconds=3), 1, value_size=5000, seq=4)
    stub = stubbed("big", [big, small], now) | {"/runs/big/calls/4/value": {"rows": 12}}
    with site.page("/runs/big", stub=stub, allow=NO_WORKFLOW) as page:
        choose(page, "export")
        output = page.locator(".insp-section", has_text="Output")
        expect(output).to_contain_text("Output is 14.0 MB.")
        file = output.get_by_role("link", name="Download")
        expect(file).to_have_attribute("href", re.compile("/api/v1/runs/big/calls/3/value$"))
        expect(file).to_have_attribute("download", "output-3.json")
        choose(page, "count")
        expect(output).to_contain_text("rows: 12")
        expect(output).to_contain_text("5.0 kB")


def test_the_edge_moves_once_a_second_where_motion_is_unwanted(site: Site) -> None:
    with site.page("/runs/calm", stub=made_up("calm"), allow=NO_WORKFLOW) as page:
        page.emulate_media(reduced_motion="reduce")
        bar = row(page, "send_invoice").locator("rect.s-running")
        expect(bar).to_be_attached()
        page.evaluate(
            """() => {
            const width = () => document.querySelector('rect.s-running').getAttribute('width');
            let last = width();
            window.moves = [];
            new MutationObserver(() => {
                if (width() === last) return;
                last = width();
                window.moves.push(Math.floor(Date.now() / 1000));
            }).observe(document.querySelector('.tl-list'),
              {subtree: true, childList: true, attributeFilter: ['width']});
        }"""
        )
        page.wait_for_function("() => window.moves.length >= 5")
        moves = page.evaluate("window.moves.slice(1)")
        assert len(set(moves)) == len(moves), moves
        assert page.locator(".turning").first.evaluate("(e) => getComputedStyle(e).animationName") == "none"
        flash = row(page, "send_invoice").locator(".tl-state")
        flash.evaluate("(e) => e.classList.add('flash')")
        assert flash.evaluate("(e) => getComputedStyle(e).animationName") == "none"
