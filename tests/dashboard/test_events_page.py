"""The events page in real Chromium: published, to a key, to one run."""

import re

import pytest
from playwright.sync_api import expect

from tests.dashboard.browsing import Site, shoot
from tests.dashboard.shopfront import order
from tests.server.live import Live


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (1440, True), (390, False)])
def test_publishing_starts_what_listens(site: Site, width: int, dark: bool) -> None:
    with site.page("/events?event=order.placed", width=width, dark=dark) as page:
        expect(page.locator(".events .before-id")).to_contain_text("Starts place_order.")
        page.get_by_label(re.compile("^id ")).fill(f"published-{width}-{dark}")
        page.get_by_label(re.compile("^amount")).fill("3")
        shoot(page, f"events-{width}-{'dark' if dark else 'light'}")
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.locator(".start-done")).to_have_text("Published. Started 1 run.")
        page.locator(".events-recent").get_by_role("link").first.click()
        expect(page.locator(".run-head h1")).to_have_text("place_order")


def test_to_one_run(site: Site, server: Live) -> None:
    server.run(server.app.runs.start("place_order", order("told-1"), id="told-1"))
    with site.page("/events?event=review.submitted&run=told-1") as page:
        page.get_by_label(re.compile("^stars")).get_by_role("radio", name="5").or_(
            page.get_by_role("radio", name="5")
        ).first.click()
        assert (
            page.locator(".sent").inner_text().strip()
            == 'await app.events.send("review.submitted", run="told-1", data={"stars": 5, "comment": None})'
        )
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.locator(".start-done")).to_have_text("Sent.")
        page.locator(".events-recent").get_by_role("link", name="told-1").click()
        expect(page.locator(".run-badge")).to_have_text("Succeeded")


def test_to_a_key(site: Site) -> None:
    with site.page("/events?event=review.submitted") as page:
        page.get_by_role("button", name="To a key").click()
        expect(page.locator(".before-id")).to_contain_text("Delivered once. Kept until a run takes it.")
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.locator(".start-note")).to_have_text("1 field to fix: key")
        page.get_by_label(re.compile("^Key")).fill("k-1")
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.locator(".start-note")).to_have_text("1 field to fix: stars")
        page.get_by_role("radio", name="2").click()
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.locator(".start-done")).to_have_text("Sent.")


def test_an_unknown_event_takes_json(site: Site) -> None:
    with site.page("/events?event=nobody.knows") as page:
        expect(page.get_by_text("JSON; no worker has declared this event")).to_be_visible()
        page.get_by_role("textbox", name="Payload").fill('{"a": [1}')
        expect(page.locator(".je-status")).to_have_text("Line 1, column 9: Expected , or ].")
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.locator(".start-note")).to_have_text("The JSON has a mistake")
