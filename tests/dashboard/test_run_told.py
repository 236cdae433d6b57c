"""What the page of a run tells beside its timeline: lengths, ids, whose code failed; and what a phone shows first."""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.dashboard.browsing import UNHURRIED, Site, box_of, shoot
from tests.dashboard.histories import call, failure, moment, stubbed, text_of
from tests.dashboard.running import row, start, waiting
from tests.dashboard.shopfront import order
from tests.server.live import Live

NO_WORKFLOW = "404.*workflows/invoices|Failed to load resource"


def test_nothing_counts_down_while_a_run_is_parked(site: Site) -> None:
    now = moment()
    nap = call("nap", now - timedelta(seconds=30), 0, kind="sleep", status="waiting", ended_at=None, attempts=[])
    calls = [call("first", now - timedelta(seconds=31), 1), {**nap, "due_at": text_of(now + timedelta(hours=1))}]
    with site.page("/runs/still", stub=stubbed("still", calls, now, status="parked"), allow=NO_WORKFLOW) as page:
        expect(row(page, "nap").locator(".tl-meta")).to_have_text("parked")
        expect(row(page, "nap")).to_have_attribute("aria-label", re.compile("the run is parked"))


def test_a_made_id_is_cut_in_its_middle(site: Site, server: Live) -> None:
    id = server.run(server.app.runs.start("naps", None)).id
    short = f"{id[:8]}…{id[-7:]}"
    with site.page(f"/runs/{id}", script=UNHURRIED) as page:
        for place in (page.locator(".run-id-text"), page.locator(".crumbs [aria-current] bdi")):
            expect(place).to_have_text(short)
            expect(place).to_have_attribute("title", id)
        page.keyboard.press("y")
        expect(page.locator(".toast")).to_contain_text(f"Copied {short}")
        assert page.evaluate("navigator.clipboard.readText()") == id


def test_the_facts_of_a_run_that_ends_while_one_looks(site: Site, server: Live) -> None:
    waiting(server, "ends-1")
    with site.page("/runs/ends-1") as page:
        names = page.locator(".fact dt")
        expect(names).to_contain_text(["Started", "Age", "Worked", "Queue"])
        page.wait_for_function(
            """() => {
            const facts = [...document.querySelectorAll('.fact dd')].map((each) => each.textContent);
            const [age, worked] = facts.slice(1, 3);
            if (!/^[1-9][\\dms. ]*s$/.test(age) || age.endsWith('ms')) return false;
            const [big, length] = [age.split(' ')[0], parseFloat(age)];
            const short = [age, big, `${Math.floor(length)}s`, `${Math.ceil(length)}s`];
            return short.some((each) => worked.endsWith(` in ${each}`));
        }"""
        )
        server.run(server.app.events.send("review.submitted", run="ends-1", data={"stars": 4}))
        expect(page.locator(".run-badge")).to_have_text("Succeeded")
        expect(names).to_contain_text(["Started", "Ended", "Took", "Queue"])
        expect(names.filter(has_text=re.compile("Age|Worked"))).to_have_count(0)
        took = page.locator(".fact", has_text="Took").locator("dd").inner_text().split(" ")[0]
        expect(page.locator(".now-text")).to_contain_text(took)


def test_whose_code_failed_is_named_by_module_and_package(site: Site) -> None:
    now = moment()
    frame = failure("x", "y")["frames"][0]
    told = {
        **failure("CardGatewayTimeout", "no answer within 5s"),
        "module": "payments.errors",
        "code": "GATEWAY_TIMEOUT",
        "awaited": {**frame, "file": "shop/flows.py", "line": 12, "function": "place_order"},
    }
    told["frames"][1].update(file="smtplib.py", package="smtplib")
    began = now - timedelta(seconds=9)
    tries = [{"n": 1, "began_at": text_of(began), "ended_at": text_of(now), "status": "failed", "error": told}]
    calls = [call("charge", began, 9, status="failed", attempts=tries, error=told)]
    stub = stubbed("blamed", calls, now, status="failed", finished_at=text_of(now), error=told, actions=["retry"])
    with site.page("/runs/blamed", stub=stub, allow=NO_WORKFLOW) as page:
        panel = page.locator(".failure")
        expect(panel.locator(".err-class")).to_have_text("CardGatewayTimeout")
        expect(panel.locator(".err-facts")).to_have_text("payments.errors, code GATEWAY_TIMEOUT, retryable")
        expect(panel.locator(".err-fold summary")).to_have_text(
            ["1 frame in smtplib", "awaited in place_order, shop/flows.py:12"]
        )


def test_levels_of_logs_are_small_words(site: Site) -> None:
    now = moment()
    lines = [
        {"id": n, "at": text_of(now), "level": level, "call": None, "attempt": None, "text": level}
        for n, level in enumerate(("INFO", "WARNING", "error"))
    ]
    stub = stubbed("levels", [call("a", now - timedelta(seconds=2), 1)], now, lines=lines)
    with site.page("/runs/levels", stub=stub, allow=NO_WORKFLOW) as page:
        expect(page.locator(".logs-preview .log-level")).to_have_text(["info", "warn", "error"])
        assert page.locator(".log-warn .log-level").evaluate("(e) => getComputedStyle(e).color") != page.locator(
            ".log-info .log-level"
        ).evaluate("(e) => getComputedStyle(e).color")
        page.get_by_role("tab", name="Logs").click()
        page.get_by_label("Level").select_option("warning")
        expect(page.locator(".logs-all .log-level")).to_have_text(["warn", "error"])


def test_a_fold_before_now_keeps_its_length_and_has_square_stairs(site: Site) -> None:
    now = moment()
    began = now - timedelta(hours=12)
    wait = call("review", began + timedelta(seconds=2), 0, kind="wait", status="waiting", ended_at=None, attempts=[])
    calls = [call("a", began, 2), {**wait, "event": {"name": "review", "key": None, "received_at": None}}]
    with site.page("/runs/dozing", stub=stubbed("dozing", calls, now, status="waiting"), allow=NO_WORKFLOW) as page:
        label = page.get_by_role("button", name=re.compile("Unfold 1[12]h"))
        expect(label).to_be_visible()
        end, edge = page.evaluate(
            "['.tl-tick-fold', '.tl-tick-now'].map((each) => document.querySelector(each).getBoundingClientRect())"
            ".map((box, n) => (n ? box.left : box.right))"
        )
        assert end <= edge
        path = page.locator(".tl-stairs").first.get_attribute("d") or ""
        assert re.fullmatch(r"M[\d.]+ 0(V\d+H[\d.]+)*V\d+", path), path
        xs = {float(x) for x in re.findall(r"H([\d.]+)", path)}
        assert max(xs) - min(xs) == 4


def test_on_a_phone_a_failed_run_opens_on_itself_and_a_named_step_on_the_step(site: Site, server: Live) -> None:
    start(server, "fails", "small-1", {"text": "no tea"}, until="failed")
    with site.page("/runs/small-1", width=390, height=844) as page:
        expect(page.locator(".now-text")).to_contain_text("refuse")
        expect(page.locator(".run-foot").get_by_role("button", name="Retry from refuse")).to_be_visible()
        expect(page.locator(".insp")).to_be_hidden()
        assert "step=" not in page.url
        shoot(page, "run-failed-390")
    with site.page("/runs/small-1?step=refuse", width=390, height=844) as page:
        expect(page.locator(".step-name")).to_have_text("refuse")
        expect(page.locator(".insp-attempt")).to_have_count(2)


def test_on_a_phone_the_foot_offers_the_event_as_soon_as_it_is_awaited(site: Site, server: Live) -> None:
    start(server, "place_order", "soon-1", order("soon-1"), delay="10h")
    with site.page("/runs/soon-1", width=390, height=844) as page:
        expect(page.locator(".run-badge")).to_have_text("Queued")
        run = server.run(server.app.runs.get("soon-1"))
        server.run(run.pause())
        server.run(run.resume())
        expect(page.locator(".run-badge")).to_have_text("Waiting")
        expect(page.locator(".run-foot").get_by_role("button", name="Send event")).to_be_visible()


@pytest.mark.parametrize("width", [1440, 1100, 800])
def test_the_top_bar_keeps_to_one_line_and_panels_reach_the_edge(site: Site, server: Live, width: int) -> None:
    id = f"edge-{width}"
    waiting(server, id)
    with site.page(f"/runs/{id}", width=width) as page:
        word = page.locator(".find-word")
        expect(word).to_be_visible()
        box = box_of(word)
        assert box["height"] <= 20
        if width > 1023:
            expect(page.locator(".insp-title")).to_be_visible()
            assert page.evaluate("document.querySelector('.insp').getBoundingClientRect().right === innerWidth")
