"""What can be done with a run from its page, in real Chromium on a real server."""

import re

from playwright.sync_api import expect

from tests.dashboard.browsing import UNHURRIED, Site, held, shoot
from tests.dashboard.running import start, waiting
from tests.server.live import Live


def test_pause_and_resume_by_key(site: Site, server: Live) -> None:
    waiting(server, "steer-1")
    with site.page("/runs/steer-1", script=UNHURRIED) as page:
        expect(page.locator(".run-badge")).to_have_text("Waiting")
        page.keyboard.press("p")
        expect(page.locator(".run-badge")).to_have_text("Paused")
        expect(page.get_by_text("Paused steer-1")).to_be_visible()
        page.get_by_role("button", name="Resume").first.click()
        expect(page.locator(".run-badge")).to_have_text(re.compile("Waiting|Queued|Running"))


def test_what_can_be_done_stays_in_place_when_more_can(site: Site, server: Live) -> None:
    """An element made anew between press and release would swallow the click."""
    waiting(server, "steady-1")
    with site.page("/runs/steady-1", script=held("/runs/steady-1/events")) as page:
        actions = page.locator(".run-actions")
        expect(actions.get_by_role("button", name="Pause")).to_be_visible()
        parts = "[...document.querySelectorAll('.run-actions > *')]"
        page.evaluate(f"{parts}.forEach((each) => {{ each.seen = each.textContent; }})")
        page.evaluate("free()")
        expect(actions.get_by_role("button", name="Send event")).to_be_visible()
        kept = page.evaluate(f"{parts}.map((each) => each.seen ?? '')")
        assert any("Pause" in each for each in kept), kept


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
        expect(page.locator(".run-actions").get_by_role("button", name="Send event")).to_be_visible()  # so all are
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
        page.wait_for_function(
            "(before) => Number(document.querySelector('#tab-journal .tab-count').textContent) > before", arg=before
        )
        expect(page.locator(".run-badge")).to_have_text("Failed")
        expect(page.get_by_role("button", name="Retry from refuse")).to_be_visible()
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
