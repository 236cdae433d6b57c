"""The page of one run, in real Chromium on a real server: what it shows, what it does, and that it stays still."""

import asyncio
import re
from collections.abc import Generator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from stepwell import App
from tests.dashboard.browsing import Site, browsing, shoot
from tests.dashboard.shopfront import XSS, call, failure, long_history, moment, order, shopfront, sleepy_history, text_of
from tests.server.live import Live, live


@pytest.fixture(scope="module")
def server() -> Generator[Live]:
    with live(shopfront) as server:
        yield server


@pytest.fixture(scope="module")
def site(server: Live) -> Generator[Site]:
    with browsing(server.url) as site:
        yield site


async def _start(app: App, workflow: str, id: str, input: Any, until: str | None, options: dict[str, Any]) -> None:
    await app.runs.start(workflow, input, id=id, **options)
    while until and (await app.runs.row(id)).status != until:
        await asyncio.sleep(0.01)


def start(server: Live, workflow: str, id: str, input: Any = None, until: str | None = None, **options: Any) -> None:
    """Start a run, and wait until it has a status."""
    server.run(_start(server.app, workflow, id, input, until, options))


def waiting(server: Live, id: str) -> None:
    """An order that waits for its review."""
    start(server, "place_order", id, order(id), until="waiting", tags={"region": "eu"})


def row(page: Page, name: str) -> Any:
    return page.locator(".tl-row", has=page.get_by_text(name, exact=True)).first


# -- what it shows ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width, dark", [(1440, False), (1440, True), (1100, False), (800, True), (390, False), (390, True)])
def test_a_waiting_run(site: Site, server: Live, width: int, dark: bool) -> None:
    id = f"shown-{width}-{dark}"
    waiting(server, id)
    with site.page(f"/runs/{id}", width=width, dark=dark) as page:
        expect(page.locator(".run-head h1")).to_have_text("place_order")
        expect(page.locator(".run-badge")).to_have_text("Waiting")
        expect(page.locator(".now-text")).to_contain_text("review.submitted")
        expect(row(page, "charge").locator(".tl-meta")).to_have_text("2 attempts")
        expect(row(page, "print_label").locator(".tl-meta")).to_have_text(f"label-{id}")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        shoot(page, f"run-waiting-{width}-{'dark' if dark else 'light'}")


def test_a_failed_run_says_where_and_why(site: Site, server: Live) -> None:
    start(server, "fails", "failed-1", {"text": "no tea"}, until="failed")
    with site.page("/runs/failed-1") as page:
        expect(page.locator(".run-badge")).to_have_text("Failed")
        expect(page.locator(".failure .err-head")).to_have_text("ValueError no tea")
        expect(page.locator(".failure .src-hit")).to_contain_text("raise ValueError(text)")
        expect(page.locator(".insp-title")).to_contain_text("refuse")
        expect(page.locator(".insp-attempt")).to_have_count(2)
        expect(page.get_by_role("button", name="Retry from refuse")).to_be_visible()
        expect(page.locator(".insp-sections")).to_contain_text("Undone")
        page.get_by_role("button", name="Copy traceback").click()
        assert "ValueError: no tea" in page.evaluate("navigator.clipboard.readText()")
        shoot(page, "run-failed")


def test_another_attempt_shows_its_own_error(site: Site, server: Live) -> None:
    waiting(server, "attempts-1")
    with site.page("/runs/attempts-1") as page:
        row(page, "charge").click()
        expect(page.locator(".insp-attempt")).to_have_text([re.compile("Attempt 2"), re.compile("Attempt 1")])
        expect(page.locator(".insp-section", has_text="Error in attempt 1")).to_contain_text("the gateway gave up")
        expect(page.locator(".insp-section", has_text="Output")).to_contain_text("ch_attempts-1")


def stubbed(id: str, calls: list[dict[str, Any]], now: Any, **more: Any) -> dict[str, Any]:
    """Answers of the API for a made-up run."""
    first = calls[0]["opened_at"]
    run = {"id": id, "key": "01", "workflow": "invoices", "status": "running", "queue": "default", "priority": 100, "generation": 1, "epoch": 1, "deaths": 0, "worker": "w1", "parent": None, "parent_call": None, "progress": 0.72, "note": "step 6 of 8", "reason": None, "cancelling": False, "pin": None, "tags": {}, "due_at": None, "created_at": first, "started_at": first, "finished_at": None, "expires_at": None, "now": None}  # fmt: skip
    run.update({name: value for name, value in more.items() if name in run})
    detail = {"input": {"n": 1}, "attempt": 1, "current": [], "generations": 1, "code": "7f3c2e1", "python": "3.12", "counts": {"entries": 3, "children": 0, "logs": 0, "calls": len(calls)}, "actions": ["pause", "cancel", "terminate"], "summary": {"text": "Sends.", "parts": [{"text": "Sends.", "strong": True}]}}  # fmt: skip
    detail.update({name: value for name, value in more.items() if name in (*detail, "error", "result")})
    path = f"/runs/{id}"
    lines = {"lines": more.get("lines", []), "after": None}
    return {path: {**run, **detail}, f"{path}/timeline": {"run": run, "now": text_of(now), "calls": calls, "generation": 1, "generations": 1}, f"{path}/stream": "retry: 100000\n\n: nothing\n\n", f"{path}/logs": lines,
            f"{path}/events": more.get("events", {"waiting": [], "received": []}), f"{path}/journal": {"entries": [], "after": None, "generations": 1}}  # fmt: skip


def made_up(id: str) -> dict[str, Any]:
    now = moment()
    return stubbed(id, sleepy_history(now), now)


def test_idle_time_is_folded_and_unfolds(site: Site) -> None:
    with site.page("/runs/sleepy", stub=made_up("sleepy"), allow="404.*workflows/invoices|Failed to load resource") as page:
        fold = page.get_by_role("button", name=re.compile("Unfold 12h"))
        expect(fold).to_be_visible()
        wide = row(page, "send_invoice").locator("rect.b-attempt").last
        before = wide.bounding_box()
        fold.click()
        expect(fold).to_have_count(0)
        after = wide.bounding_box()
        assert before and after and after["width"] < before["width"] / 2
        page.get_by_label("Fold idle time").uncheck()
        page.get_by_label("Fold idle time").check()
        expect(fold).to_be_visible()
        shoot(page, "run-folded")


def test_all_forms_are_drawn(site: Site) -> None:
    with site.page("/runs/forms", stub=made_up("forms"), allow="404.*workflows/invoices|Failed to load resource") as page:
        expect(row(page, "send_invoice").locator("rect.b-attempt.s-failed").first).to_be_attached()
        assert row(page, "send_invoice").locator("line.b-post").count() == 1
        assert row(page, "send_invoice").locator("line.b-backoff").count() == 1
        assert row(page, "send_invoice").locator("rect.b-attempt.s-running").count() == 1
        assert row(page, "sleep").locator("line.b-sleep").count() == 1
        assert row(page, "guess").locator("path.b-unknown").count() == 1
        assert row(page, "review").locator("circle.b-ring").count() == 1
        assert row(page, "invoices").locator("line.b-away").count() == 1
        expect(page.locator(".tl-legend li:visible")).to_have_text(["in queue", "attempt", "failed", "?outcome unknown", "backoff", "wait for event", "sleep", "not in memory"])
        expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuetext", "72 percent, step 6 of 8")


def test_the_live_edge_moves_and_nothing_else(site: Site) -> None:
    with site.page("/runs/edge", stub=made_up("edge"), allow="404.*workflows/invoices|Failed to load resource") as page:
        bar = row(page, "send_invoice").locator("rect.s-running")
        expect(bar).to_be_attached()
        first = float(bar.get_attribute("width") or 0)
        kept = page.evaluate_handle("document.querySelectorAll('.tl-row')[1]")
        page.wait_for_function("(width) => Number(document.querySelector('rect.s-running').getAttribute('width')) !== width", arg=first)
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
        box = bar.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 1, box["y"] + 4)
        page.keyboard.down("Control")
        page.mouse.wheel(0, -400)
        page.keyboard.up("Control")
        page.wait_for_function("(width) => Number(document.querySelectorAll('.tl-row')[2].querySelector('rect.b-attempt').getAttribute('width')) > width * 1.5", arg=width)
        expect(page.get_by_role("button", name="Follow")).to_have_attribute("aria-pressed", "false")
        page.keyboard.press("f")
        expect(page.get_by_role("button", name="Follow")).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".tl-tick-now")).to_be_visible()


def test_the_strip_zooms_by_its_handles(site: Site) -> None:
    with site.page("/runs/strip", stub=made_up("strip"), allow="404.*workflows/invoices|Failed to load resource") as page:
        box = page.locator(".tl-mini").bounding_box()
        assert box is not None
        expect(page.locator(".mm path").first).to_be_attached()
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
        expect(page.locator(".insp").get_by_role("link", name="label-parent-1")).to_have_attribute("href", re.compile("/runs/label-parent-1$"))


def test_many_items_are_one_row_with_a_grid(site: Site, server: Live) -> None:
    start(server, "many", "many-1", {"count": 120}, until="succeeded")
    with site.page("/runs/many-1") as page:
        item = page.locator(".tl-row", has_text="page × 120")
        expect(item.locator(".tl-meta")).to_have_text("120 of 120")
        item.click()
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
            page.wait_for_function("(top) => [...document.querySelectorAll('.tl-row')].some((row) => Math.abs(Number(/translateY\\((\\d+)px/.exec(row.style.transform)[1]) - top) < 300)", arg=top)
            assert page.locator(".tl-row").count() < 60
            assert page.evaluate("document.querySelectorAll('*').length") < 3000
        moved = page.evaluate("""async () => {
            let changes = 0;
            new MutationObserver((records) => { changes += records.length; }).observe(document.querySelector('.run'), {subtree: true, childList: true, attributes: true, characterData: true});
            for (let frame = 0; frame < 30; frame++) await new Promise(requestAnimationFrame);
            return changes / 30;
        }""")
        assert moved < 60  # an idle frame moves the edge, and perhaps some running bars


# -- tabs ---------------------------------------------------------------------------------------------------------------


def test_tabs_show_journal_values_logs_children_and_code(site: Site, server: Live) -> None:
    waiting(server, "tabs-1")
    with site.page("/runs/tabs-1") as page:
        page.get_by_role("tab", name=re.compile("Journal")).click()
        expect(page.locator(".journal-row").first).to_contain_text("started")
        page.locator(".journal-row").first.click()
        expect(page.locator(".journal-detail").first).to_contain_text("order")
        page.get_by_role("tab", name="Input and result").click()
        page.locator(".io").get_by_role("button", name="Find in input").click()
        page.get_by_role("searchbox", name="Find in input").first.fill("price")
        expect(page.locator(".io").get_by_role("treeitem").first).to_contain_text("Decimal")
        expect(page.locator(".io")).to_contain_text("None yet. Recorded when the run succeeds.")
        page.get_by_role("tab", name=re.compile("Children")).click()
        expect(page.get_by_role("link", name="label-tabs-1")).to_be_visible()
        page.get_by_role("tab", name="Code").click()
        expect(page.locator(".code-tab")).to_contain_text("place_order")
        assert "tab=code" in page.url
        page.reload()
        expect(page.get_by_role("tab", name="Code")).to_have_attribute("aria-selected", "true")


def test_json_is_searched_copied_and_paged(site: Site) -> None:
    now = moment()
    value = {"order": {"id": "o-1", "lines": list(range(250)), "card": "•••• 4242", "text": "long " * 100}}
    stub = stubbed("json", [call("a", now - timedelta(seconds=5), 1)], now, input=value)
    with site.page("/runs/json?tab=io", stub=stub, allow="404.*workflows/invoices|Failed to load resource") as page:
        tree = page.get_by_role("tree", name="Input").first
        expect(tree).to_contain_text("[250]")
        expect(tree).to_contain_text("redacted")
        expect(tree.get_by_role("button", name=re.compile("show all"))).to_be_visible()
        tree.locator(".jt-line", has_text="lines").locator(".jt-twist").click()
        expect(tree.get_by_role("button", name="show 100 more of 250")).to_be_visible()
        tree.get_by_role("button", name="show 100 more of 250").click()
        expect(tree.get_by_text("199", exact=True).first).to_be_visible()
        tree.locator(".jt-key", has_text="id").first.click()
        page.wait_for_function("async () => (await navigator.clipboard.readText()) === 'order.id'")
        page.locator(".io-side").first.get_by_role("button", name="Find in input").click()
        page.get_by_placeholder("Find a key or value").first.fill("4242")
        expect(tree.locator(".jt-line")).to_have_count(1)
        expect(tree).to_contain_text("order.card")


# -- what it does -------------------------------------------------------------------------------------------------------


def test_pause_and_resume_by_key(site: Site, server: Live) -> None:
    waiting(server, "steer-1")
    with site.page("/runs/steer-1") as page:
        expect(page.locator(".run-badge")).to_have_text("Waiting")
        page.keyboard.press("p")
        expect(page.locator(".run-badge")).to_have_text("Paused")
        expect(page.get_by_text("Paused steer-1")).to_be_visible()
        page.get_by_role("button", name="Resume").first.click()
        expect(page.locator(".run-badge")).to_have_text(re.compile("Waiting|Queued|Running"))


def test_cancel_asks_first(site: Site, server: Live) -> None:
    waiting(server, "cancel-1")
    with site.page("/runs/cancel-1") as page:
        expect(page.locator(".run-badge")).to_have_text("Waiting")
        page.keyboard.press("c")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Cancel cancel-1?")
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        expect(page.locator(".run-badge")).to_have_text("Waiting")
        page.keyboard.press("c")
        page.get_by_role("dialog").get_by_role("button", name="Cancel the run").click()
        expect(page.locator(".run-badge")).to_have_text("Cancelled")
        expect(page.get_by_role("treegrid")).to_contain_text("refund")


def test_terminate_stands_in_the_menu(site: Site, server: Live) -> None:
    waiting(server, "end-1")
    with site.page("/runs/end-1") as page:
        page.locator(".run-actions").get_by_role("button", name="More").click()
        page.get_by_role("menuitem", name=re.compile("Terminate…")).click()
        page.get_by_role("dialog").get_by_role("button", name="Terminate the run").click()
        expect(page.locator(".run-badge")).to_have_text("Terminated")


def test_retry_and_restart(site: Site, server: Live) -> None:
    start(server, "fails", "again-1", {"text": "no"}, until="failed")
    with site.page("/runs/again-1") as page:
        journal = page.get_by_role("tab", name=re.compile("Journal")).locator(".tab-count")
        before = int(journal.inner_text())
        page.keyboard.press("r")
        page.wait_for_function("(before) => Number(document.querySelector('#tab-journal .tab-count').textContent) > before", arg=before)
        expect(page.locator(".run-badge")).to_have_text("Failed")
        page.get_by_role("button", name="Restart…").click()
        page.get_by_role("dialog").get_by_role("button", name="Restart the run").click()
        expect(page.locator(".fact", has_text="Generation")).to_contain_text("2")
        expect(page.get_by_label("Generation")).to_be_visible()


def test_an_event_is_sent_from_its_form_and_the_run_ends_live(site: Site, server: Live) -> None:
    waiting(server, "event-1")
    with site.page("/runs/event-1") as page:
        page.keyboard.press("e")
        send = page.locator(".ev-form")
        send.get_by_role("button", name="Send").click()
        expect(send.locator(".form-wrong")).to_have_text("1 field to fix: stars")
        expect(send.locator(".form-error", has_text="Is required.")).to_be_visible()
        send.get_by_role("radio", name="4").click()
        send.get_by_label(re.compile("^comment")).fill("fine")
        send.get_by_role("button", name="JSON").click()
        expect(send.get_by_role("textbox")).to_have_value(re.compile(r'"stars": 4'))
        send.get_by_role("button", name="Send").click()
        expect(page.locator(".run-badge")).to_have_text("Succeeded")
        expect(page.locator(".now-text")).to_contain_text("Succeeded")
        expect(page.locator(".ev-form")).to_have_count(0)
        expect(page.locator(".tl-follow")).to_be_hidden()
        page.get_by_role("tab", name="Input and result").click()
        expect(page.locator(".io-side").last).to_contain_text('"ch_event-1"')
        shoot(page, "run-succeeded")


def test_a_mistake_in_json_is_told_with_its_place(site: Site, server: Live) -> None:
    waiting(server, "json-1")
    with site.page("/runs/json-1") as page:
        send = page.locator(".ev-form")
        send.get_by_role("button", name="JSON").click()
        send.get_by_role("textbox").fill('{"stars": 4,}')
        expect(send.locator(".je-status")).to_have_text("Line 1, column 12: No comma before }.")
        send.get_by_role("button", name="Form").click()
        expect(send.get_by_role("textbox")).to_have_value('{"stars": 4,}')
        send.get_by_role("textbox").fill('{"stars": 9}')
        send.get_by_role("button", name="Send").click()
        expect(send.locator(".entry-problems, .form-wrong").first).to_contain_text("stars")


# -- phone --------------------------------------------------------------------------------------------------------------


def test_a_step_has_a_page_of_its_own_on_a_phone(site: Site, server: Live) -> None:
    waiting(server, "phone-1")
    with site.page("/runs/phone-1", width=390, height=844) as page:
        row(page, "charge").tap()
        expect(page.locator(".step-name")).to_have_text("charge")
        expect(page.locator(".insp-attempt")).to_have_count(2)
        shoot(page, "run-phone-step")
        page.get_by_role("button", name="Next step").tap()
        expect(page.locator(".step-name")).not_to_have_text("charge")
        page.get_by_role("button", name="Previous step").tap()
        expect(page.locator(".step-name")).to_have_text("charge")
        page.get_by_role("button", name="Back to the timeline").tap()
        expect(page.locator(".insp")).to_be_hidden()
        small = page.evaluate("[...document.querySelectorAll('.run-foot button')].filter((each) => each.getBoundingClientRect().height < 44).length")
        assert small == 0
        page.get_by_role("tab", name=re.compile("Events")).tap()
        expect(page.locator(".ev-form")).to_be_visible()


# -- what cannot be shown -----------------------------------------------------------------------------------------------


def test_a_run_that_is_not_there(site: Site) -> None:
    with site.page("/runs/order-9", allow="404|Failed to load resource") as page:
        expect(page.get_by_role("alert")).to_contain_text("No run order-9 in default.")
        expect(page.get_by_role("link", name="All runs")).to_be_visible()
        shoot(page, "run-missing")


def test_text_of_users_is_text(site: Site) -> None:
    now = moment()
    start = now - timedelta(seconds=60)
    calls = [call(text, start + timedelta(seconds=n), 1, status="failed", policy=text, source={"file": text, "line": 1}, child={"id": text, "workflow": text, "status": "failed"} if n % 2 else None, kind="child" if n % 2 else "step", error=failure(text, text), value={text: list(XSS)}) for n, text in enumerate(XSS)]  # fmt: skip
    for each in calls:
        each["attempts"] = [{**each["attempts"][0], "status": "failed", "error": {**failure(each["name"], each["name"]), "traceback": each["name"], "details": {each["name"]: 1}, "notes": list(XSS), "group": [failure(text, text) for text in XSS]}}]
    received = [{"call": text, "event": text, "key": text, "at": text_of(start), "id": text, "value": list(XSS)} for text in XSS]
    lines = [{"id": n, "at": text_of(start), "level": "error", "call": text, "attempt": 1, "text": text} for n, text in enumerate(XSS)]
    many = "".join(XSS)
    stub = stubbed("xss", calls, now, status="failed", workflow=many, queue=many, worker=many, note=many, reason=many, tags={text: text for text in XSS}, code=many, finished_at=text_of(now), error=failure(many, many), input={text: list(XSS) for text in XSS},
                   summary={"text": many, "parts": [{"text": text, "strong": True} for text in XSS]}, events={"waiting": [], "received": received}, lines=lines, actions=["retry", "restart"])  # fmt: skip
    with site.page("/runs/xss", stub=stub, allow="404.*workflows|Failed to load resource") as page:
        expect(page.locator(".run-head h1")).to_have_text(many)
        for index in range(len(XSS) + 1):
            page.locator(".tl-row").nth(index).click()
            expect(page.locator(".insp-title")).to_be_visible()
        for name in ("Journal", "Input and result", "Logs", "Code"):
            page.get_by_role("tab", name=re.compile(name)).click()
        assert page.evaluate("document.querySelectorAll('main img, main script, main iframe, [onerror], [onload], a[href^=javascript]').length") == 0
        shoot(page, "run-hostile-text")
