"""The timeline of a run in real Chromium: forms, folds, zoom, the live edge, keys, and many rows."""

import re
from datetime import timedelta

from playwright.sync_api import expect

from tests.dashboard.browsing import Site, box_of, shoot
from tests.dashboard.histories import long_history, made_up, moment, stubbed, text_of
from tests.dashboard.running import row, start, waiting
from tests.server.live import Live


def test_idle_time_is_folded_and_unfolds(site: Site) -> None:
    with site.page(
        "/runs/sleepy", stub=made_up("sleepy"), allow="404.*workflows/invoices|Failed to load resource"
    ) as page:
        fold = page.get_by_role("button", name=re.compile("Unfold 12h"))
        expect(fold).to_be_visible()
        wide = row(page, "send_invoice").locator("rect.b-attempt").last
        expect(wide).to_be_visible()
        before = box_of(wide)
        fold.click()
        expect(fold).to_have_count(0)
        expect(wide).to_be_visible()
        after = box_of(wide)
        assert after["width"] < before["width"] / 2
        page.get_by_label("Fold idle time").uncheck()
        page.get_by_label("Fold idle time").check()
        expect(fold).to_be_visible()
        shoot(page, "run-folded")


def test_all_forms_are_drawn(site: Site) -> None:
    with site.page(
        "/runs/forms", stub=made_up("forms"), allow="404.*workflows/invoices|Failed to load resource"
    ) as page:
        expect(row(page, "send_invoice").locator("rect.b-attempt.s-failed").first).to_be_attached()
        assert row(page, "send_invoice").locator("line.b-post").count() == 1
        assert row(page, "send_invoice").locator("line.b-backoff").count() == 1
        assert row(page, "send_invoice").locator("rect.b-attempt.s-running").count() == 1
        assert row(page, "sleep").locator("line.b-sleep").count() == 1
        assert row(page, "guess").locator("path.b-unknown").count() == 1
        assert row(page, "review").locator("circle.b-ring").count() == 1
        assert row(page, "invoices").locator("line.b-away").count() == 1
        expect(page.locator(".tl-legend li:visible")).to_have_text(
            ["in queue", "attempt", "failed", "?outcome unknown", "backoff", "wait for event", "sleep", "not in memory"]
        )
        expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuetext", "72 percent, step 6 of 8")


def test_the_live_edge_moves_and_nothing_else(site: Site) -> None:
    with site.page("/runs/edge", stub=made_up("edge"), allow="404.*workflows/invoices|Failed to load resource") as page:
        bar = row(page, "send_invoice").locator("rect.s-running")
        expect(bar).to_be_attached()
        first = float(bar.get_attribute("width") or 0)
        kept = page.evaluate_handle("document.querySelectorAll('.tl-row')[1]")
        page.wait_for_function(
            "(width) => Number(document.querySelector('rect.s-running').getAttribute('width')) !== width", arg=first
        )
        assert page.evaluate("(row) => row === document.querySelectorAll('.tl-row')[1]", kept)
        expect(page.locator(".tl-tick-now")).to_have_text("now")


def test_zoom_by_buttons_keys_and_wheel(site: Site) -> None:
    with site.page("/runs/zoom", stub=made_up("zoom"), allow="404.*workflows/invoices|Failed to load resource") as page:
        bar = row(page, "charge").locator("rect.b-attempt")
        expect(bar).to_be_attached()
        width = float(bar.get_attribute("width") or 0)
        page.get_by_role("button", name="Zoom in").click()
        assert page.get_by_role("button", name="Fit").get_attribute("aria-pressed") == "false"
        page.keyboard.press("0")
        expect(page.get_by_role("button", name="Fit")).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("+")
        expect(page.get_by_role("button", name="Fit")).to_have_attribute("aria-pressed", "false")
        page.keyboard.press("-")
        expect(page.get_by_role("button", name="Fit")).to_have_attribute("aria-pressed", "true")
        box = page.evaluate(
            "() => document.querySelectorAll('.tl-row')[2].querySelector('rect.b-attempt').getBoundingClientRect().toJSON()"  # noqa: E501
        )
        page.mouse.move(box["x"] + 1, box["y"] + 4)
        page.keyboard.down("Control")
        page.mouse.wheel(0, -400)
        page.keyboard.up("Control")
        page.wait_for_function(
            "(width) => Number(document.querySelectorAll('.tl-row')[2].querySelector('rect.b-attempt').getAttribute('width')) > width * 1.5",  # noqa: E501
            arg=width,
        )
        expect(page.get_by_role("button", name="Follow")).to_have_attribute("aria-pressed", "false")
        page.keyboard.press("f")
        expect(page.get_by_role("button", name="Follow")).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".tl-tick-now")).to_be_visible()


def test_the_strip_zooms_by_its_handles(site: Site) -> None:
    now = moment()
    calls = list(long_history(20, now - timedelta(seconds=20)))
    # A run that has ended: the axis of one that lives grows, perhaps under the hand.
    stub = stubbed("strip", calls, now, status="succeeded", finished_at=text_of(now))
    with site.page("/runs/strip", stub=stub, allow="404.*workflows/invoices|Failed to load resource") as page:
        expect(page.locator(".mm path").first).to_be_attached()
        box = box_of(page.locator(".tl-mini"))
        page.mouse.move(box["x"] + 2, box["y"] + 15)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 15, steps=3)
        page.mouse.up()
        expect(page.get_by_role("button", name="Fit")).to_have_attribute("aria-pressed", "false")
        left = float(page.locator(".mm-window").get_attribute("x") or 0)
        assert abs(left - box["width"] / 2) < 12


def test_steps_are_found_by_name_and_chosen_by_keys(site: Site, server: Live) -> None:
    waiting(server, "keys-1")
    with site.page("/runs/keys-1") as page:
        expect(page.locator(".insp-title")).to_contain_text("review.submitted")
        page.keyboard.press("k")
        expect(page.locator(".tl-row[aria-selected=true]")).not_to_contain_text("review.submitted")
        page.keyboard.press("j")
        expect(page.locator(".insp-title")).to_contain_text("review.submitted")
        page.keyboard.press("/")
        page.keyboard.type("charge")
        expect(page.locator(".tl-row")).to_have_count(2)
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        rows = page.locator(".tl-row")
        expect(rows.nth(3)).to_be_visible()
        page.keyboard.press("]")
        expect(page.locator(".insp")).to_be_hidden()
        page.keyboard.press("]")
        expect(page.locator(".insp")).to_be_visible()
        page.keyboard.press("2")
        expect(page.get_by_role("tab", name=re.compile("Journal"))).to_have_attribute("aria-selected", "true")
        page.keyboard.press("y")
        page.wait_for_function("async () => (await navigator.clipboard.readText()) === 'keys-1'")


def test_rows_are_read_aloud_as_sentences(site: Site, server: Live) -> None:
    waiting(server, "spoken-1")
    with site.page("/runs/spoken-1") as page:
        expect(page.get_by_role("treegrid")).to_be_visible()
        label = row(page, "charge").get_attribute("aria-label") or ""
        assert re.fullmatch(r"charge, succeeded, 2 attempts, [\d.]+ (milliseconds?|seconds?)", label), label
        assert row(page, "charge").get_attribute("aria-level") == "2"
        assert row(page, "charge").locator(".tl-gantt").get_attribute("aria-hidden") == "true"


def test_a_child_run_expands_in_place(site: Site, server: Live) -> None:
    waiting(server, "parent-1")
    with site.page("/runs/parent-1") as page:
        child = row(page, "print_label")
        expect(child).to_be_visible()
        before = page.locator(".tl-row").count()
        child.locator(".tl-twist").click()
        expect(child).to_have_attribute("aria-expanded", "true")
        expect(page.locator(".tl-row")).to_have_count(before + 1)
        child.locator(".tl-name").click()
        expect(page.locator(".insp").get_by_role("link", name="label-parent-1")).to_have_attribute(
            "href", re.compile("/runs/label-parent-1$")
        )


def test_many_items_are_one_row_with_a_grid(site: Site, server: Live) -> None:
    start(server, "many", "many-1", {"count": 120}, until="succeeded")
    with site.page("/runs/many-1") as page:
        item = page.locator(".tl-row", has_text="page × 120")
        expect(item.locator(".tl-meta")).to_have_text("120 of 120")
        item.locator(".tl-name").click()
        expect(page.locator(".item")).to_have_count(120)
        page.locator(".item").nth(7).click()
        expect(page.locator(".insp-title")).to_contain_text("page #8")
        shoot(page, "run-many")


def test_ten_thousand_calls_stay_a_screen_full_of_nodes(site: Site) -> None:
    now = moment()
    stub = stubbed("long", list(long_history(10_000, now - timedelta(seconds=10_000))), now)
    with site.page("/runs/long", stub=stub, allow="404.*workflows/invoices|Failed to load resource") as page:
        expect(page.locator(".tl-count")).to_have_text("10,000 calls")
        for top in (0, 90_000, 279_000):
            page.evaluate("(top) => { document.querySelector('.tl-body').scrollTop = top; }", top)
            page.wait_for_function(
                "(top) => [...document.querySelectorAll('.tl-row')].some((row) => Math.abs(Number(/translateY\\((\\d+)px/.exec(row.style.transform)[1]) - top) < 300)",  # noqa: E501
                arg=top,
            )
            assert page.locator(".tl-row").count() < 60
            assert page.evaluate("document.querySelectorAll('*').length") < 3000
        moved = page.evaluate("""async () => {
            let changes = 0;
            new MutationObserver((records) => { changes += records.length;
              }).observe(document.querySelector('.run'), {subtree: true, childList: true, attributes: true,
              characterData: true});
            for (let frame = 0; frame < 30; frame++) await new Promise(requestAnimationFrame);
            return changes / 30;
        }""")
        assert moved < 60  # an idle frame moves the edge, and perhaps some running bars
