"""The page of one run, in real Chromium on a real server: what it shows, on every width and in both themes."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.dashboard.browsing import Site, copied, expect_no_sideways, shoot
from tests.dashboard.histories import call, failure, moment, stubbed, text_of
from tests.dashboard.running import choose, row, start, waiting
from tests.dashboard.shopfront import XSS, written_out
from tests.server.live import Live


@pytest.mark.parametrize(
    ("width", "dark"), [(1440, False), (1440, True), (1100, False), (800, True), (390, False), (390, True)]
)
def test_a_waiting_run(site: Site, server: Live, width: int, dark: bool) -> None:
    id = f"shown-{width}-{dark}"
    waiting(server, id)
    with site.page(f"/runs/{id}", width=width, dark=dark) as page:
        expect(page.locator(".run-head h1")).to_have_text("place_order")
        expect(page.locator(".run-badge")).to_have_text("Waiting")
        expect(page.locator(".now-text")).to_contain_text("review.submitted")
        expect(row(page, "charge").locator(".tl-meta")).to_have_text("2 attempts")
        expect(row(page, "print_label").locator(".tl-meta")).to_have_text(f"label-{id}")
        if width > 767:
            expect(page.locator(".ev-form")).to_be_visible()
        expect_no_sideways(page)
        shoot(page, f"run-waiting-{width}-{'dark' if dark else 'light'}")


def test_a_failed_run_says_where_and_why(site: Site, server: Live) -> None:
    start(server, "fails", "failed-1", {"text": "no tea"}, until="failed")
    with site.page("/runs/failed-1") as page:
        expect(page.locator(".run-badge")).to_have_text("Failed")
        expect(page.locator(".failure .err-head")).to_have_text("ValueError no tea")
        expect(page.locator(".failure .src-hit").first).to_contain_text("raise ValueError(text)")
        awaited = page.locator(".failure .err-fold summary").last
        expect(awaited).to_have_text(re.compile(r"awaited in fails, .*\.py:\d+"))
        expect(page.locator(".insp-title")).to_contain_text("refuse")
        expect(page.locator(".insp-attempt")).to_have_count(2)
        expect(page.get_by_role("button", name="Retry from refuse")).to_be_visible()
        expect(page.locator(".insp-sections")).to_contain_text("Undone")
        page.get_by_role("button", name="Copy traceback").click()
        copied(page, "ValueError: no tea")
        shoot(page, "run-failed")


def test_another_attempt_shows_its_own_error(site: Site, server: Live) -> None:
    waiting(server, "attempts-1")
    with site.page("/runs/attempts-1") as page:
        choose(page, "charge")
        expect(page.locator(".insp-attempt")).to_have_text([re.compile("Attempt 2"), re.compile("Attempt 1")])
        expect(page.locator(".insp-section", has_text="Error in attempt 1")).to_contain_text("the gateway gave up")
        expect(page.locator(".insp-section", has_text="Output")).to_contain_text("ch_attempts-1")


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
        child = page.get_by_role("row").filter(has=page.get_by_role("link", name="label-tabs-1"))
        expect(child.locator("td.cut")).to_have_text('"label 6"')
        expect(child.locator("td.cut")).to_have_attribute("title", '"label 6"')
        page.get_by_role("tab", name="Code").click()
        expect(page.locator(".code-tab")).to_contain_text("place_order")
        assert "tab=code" in page.url
        page.reload()
        expect(page.get_by_role("tab", name="Code")).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize(("begun", "words"), [(True, "not known"), (False, "not started yet")])
def test_the_code_of_a_run_that_has_started_may_be_unknown(site: Site, begun: bool, words: str) -> None:
    now = moment()
    more = {"status": "succeeded", "finished_at": text_of(now)} if begun else {"status": "queued", "started_at": None}
    stub = stubbed("code-1", [call("charge", now - timedelta(seconds=9), 2)], now, code=None, python=None, **more)
    with site.page("/runs/code-1?tab=code", stub=stub, allow="404.*workflows/invoices|Failed to load resource") as page:
        facts = page.locator(".code-tab .insp-facts")
        expect(facts.locator("dt")).to_have_text(["Workflow", "Last ran under", "Python", "Pinned to"])
        expect(facts.locator("dd")).to_have_text(["invoices", words, words, "no version"])
        shoot(page, f"run-code-{'begun' if begun else 'queued'}")


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
        small = page.evaluate(
            "[...document.querySelectorAll('.run-foot button')].filter((each) => each.getBoundingClientRect().height < 44).length"  # noqa: E501
        )
        assert small == 0
        page.get_by_role("tab", name=re.compile("Events")).tap()
        expect(page.locator(".ev-form")).to_be_visible()


def test_a_run_that_is_not_there(site: Site) -> None:
    with site.page("/runs/order-9", allow="404|Failed to load resource") as page:
        expect(page.get_by_role("alert")).to_contain_text("No run order-9 in default.")
        expect(page.get_by_role("link", name="All runs")).to_be_visible()
        shoot(page, "run-missing")


def test_text_of_users_is_text(site: Site) -> None:
    now = moment()
    start = now - timedelta(seconds=60)
    calls = [
        call(
            text,
            start + timedelta(seconds=n),
            1,
            status="failed",
            policy=text,
            source={"file": text, "line": 1},
            child={"id": text, "workflow": text, "status": "failed"} if n % 2 else None,
            kind="child" if n % 2 else "step",
            error=failure(text, text),
            value={text: list(XSS)},
        )
        for n, text in enumerate(XSS)
    ]
    for each in calls:
        each["attempts"] = [
            {
                **each["attempts"][0],
                "status": "failed",
                "error": {
                    **failure(each["name"], each["name"]),
                    "traceback": each["name"],
                    "details": {each["name"]: 1},
                    "notes": list(XSS),
                    "group": [failure(text, text) for text in XSS],
                },
            }
        ]
    received = [
        {"call": text, "event": text, "key": text, "at": text_of(start), "id": text, "value": list(XSS)} for text in XSS
    ]
    lines = [
        {"id": n, "at": text_of(start), "level": "error", "call": text, "attempt": 1, "text": text}
        for n, text in enumerate(XSS)
    ]
    many = "".join(XSS)
    stub = stubbed(
        "xss",
        calls,
        now,
        status="failed",
        workflow=many,
        queue=many,
        worker=many,
        note=many,
        reason=many,
        tags={text: text for text in XSS},
        code=many,
        finished_at=text_of(now),
        error=failure(many, many),
        input={text: list(XSS) for text in XSS},
        summary={"text": many, "parts": [{"text": text, "strong": True} for text in XSS]},
        events={"waiting": [], "received": received},
        lines=lines,
        actions=["retry", "restart"],
    )
    with site.page("/runs/xss", stub=stub, allow="404.*workflows|Failed to load resource") as page:
        expect(page.locator(".run-head h1")).to_have_text(written_out(many))
        for index in range(len(XSS) + 1):
            page.locator(".tl-row").nth(index).click()
            expect(page.locator(".insp-title")).to_be_visible()
        for name in ("Journal", "Input and result", "Logs", "Code"):
            page.get_by_role("tab", name=re.compile(name)).click()
        assert (
            page.evaluate(
                "document.querySelectorAll('main img, main script, main iframe, [onerror], [onload], a[href^=javascript]').length"  # noqa: E501
            )
            == 0
        )
        shoot(page, "run-hostile-text")
