"""What is wrong with the payload of an event is said in the words of its form, in real Chromium."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.dashboard.browsing import Site
from tests.dashboard.histories import call, moment, stubbed, text_of
from tests.dashboard.modules import Modules

RATING = {"type": "object", "properties": {"stars": {"type": "integer"}}, "required": ["stars"]}


@pytest.mark.parametrize(
    ("schema", "name"),
    [({"type": "integer", "minimum": 5}, "payload"), ({"type": "integer", "minimum": 5, "title": "Stars"}, "Stars")],
)
def test_a_payload_without_fields_has_one_name(site: Site, schema: dict[str, Any], name: str) -> None:
    now = moment()
    waits = {"call": "wait", "event": "rated", "key": None, "since": text_of(now), "until": None, "schema": schema}
    stub = stubbed(
        "rates", [call("charge", now, 1)], now, status="waiting", events={"waiting": [waits], "received": []}
    )
    with site.page("/runs/rates", stub=stub, allow="404|Failed to load resource") as page:
        form = page.locator(".ev-form")
        field = form.get_by_label(re.compile(f"^{name}"))
        field.fill("1")
        form.get_by_role("button", name="Send", exact=True).click()
        expect(form.locator(".form-wrong")).to_have_text(f"1 field to fix: {name}")
        expect(form.locator("label").first).to_contain_text(name)
        form.get_by_role("button", name="JSON").click()
        form.get_by_role("button", name="Send", exact=True).click()
        expect(form.locator(".form-wrong")).to_have_text(f"1 field to fix: {name}")
        expect(form.locator(".entry-problems bdi")).to_have_text(name)


def test_what_the_server_finds_is_told_at_the_fields(site: Site) -> None:
    def found(path: str) -> Any:
        modules = Modules(page)
        return modules.run("start/entry", "return m.foundIn([{path: a, message: 'no'}], 'payload')[0].path", path)

    with site.page("/events") as page:
        paths = ["payload", "payload.stars", "payload[2].sku", "payload.payload", "payloads", "key"]
        assert [found(path) for path in paths] == ["", "stars", "[2].sku", "payload", "payloads", "key"]


def test_a_field_that_the_server_refuses_is_marked(site: Site) -> None:
    now = moment()
    waits = {"call": "wait", "event": "rated", "key": None, "since": text_of(now), "until": None, "schema": RATING}
    stub = stubbed(
        "rated", [call("charge", now, 1)], now, status="waiting", events={"waiting": [waits], "received": []}
    )
    refusal = {"detail": "no", "code": "type_mismatch", "errors": [{"path": "payload.stars", "message": "Too many."}]}
    with site.page("/runs/rated", stub=stub, allow="404|422|Failed to load resource") as page:
        page.route(
            "**/api/v1/runs/rated/events",
            lambda route: (
                route.fulfill(status=422, json=refusal) if route.request.method == "POST" else route.fallback()
            ),
        )
        form = page.locator(".ev-form")
        form.get_by_label(re.compile("^stars")).fill("1")
        form.get_by_role("button", name="Send", exact=True).click()
        expect(form.locator(".form-wrong")).to_have_text("1 field to fix: stars")
        expect(form.locator(".form-error")).to_contain_text("Too many.")
