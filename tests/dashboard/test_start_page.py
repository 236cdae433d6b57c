"""The start form in real Chromium: made from the schema, both ways with JSON, and exactly what it says is sent."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from textwrap import indent
from typing import Annotated, Any

import msgspec
import pytest
from playwright.sync_api import Page, expect

from stepwell import App
from tests.dashboard.browsing import Site, expect_no_sideways, shoot
from tests.dashboard.shopfront import order
from tests.server.live import Live, live


def fill(page: Page, id: str, amount: str = "12") -> None:
    page.get_by_label(re.compile("^id ")).fill(id)
    page.get_by_label(re.compile("^amount")).fill(amount)
    page.get_by_role("button", name="Add line").click()
    page.get_by_label("sku of 1").fill("tea")
    page.get_by_label("quantity of 1").fill("2")
    page.get_by_label("price of 1").fill("4.20")


def sent(page: Page) -> str:
    return page.locator(".sent").inner_text()


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (1440, True), (1100, False), (800, False), (390, True)])
def test_the_form(site: Site, width: int, dark: bool) -> None:
    with site.page("/start/place_order", width=width, dark=dark) as page:
        expect(page.locator(".start-doc")).to_have_text("Charges the card and asks for a review.")
        fill(page, "o-1", "-14")
        page.get_by_label(re.compile("^id ")).focus()
        expect(page.get_by_text("Must be more than 0.")).to_be_visible()
        expect(page.locator(".sent-wrong")).to_have_text(re.compile('"amount": -14,'))
        page.get_by_label(re.compile("^Run id")).fill("o-1")
        expect(page.locator(".before-id")).to_contain_text("o-1 is free.")
        expect_no_sideways(page)
        shoot(page, f"start-{width}-{'dark' if dark else 'light'}")


def test_submit_is_never_disabled_and_leads_to_the_first_error(site: Site) -> None:
    with site.page("/start/place_order") as page:
        page.get_by_role("button", name="Start run", exact=True).last.click()
        expect(page.locator(".start-note")).to_have_text("2 fields to fix: id, amount")
        expect(page.get_by_label(re.compile("^id "))).to_be_focused()
        fill(page, "o-2", "1.5")
        page.get_by_role("button", name="Start run", exact=True).last.click()
        expect(page.locator(".start-note")).to_have_text("1 field to fix: amount")
        expect(page.get_by_text("Must be a whole number.")).to_be_visible()
        expect(page.get_by_label(re.compile("^amount"))).to_have_attribute("aria-invalid", "true")


def test_it_starts_what_it_says_and_opens_the_run(site: Site, server: Live) -> None:
    with site.page("/start/place_order") as page:
        fill(page, "o-3")
        page.get_by_label(re.compile("^currency")).select_option(label="USD")
        page.get_by_role("switch").click()
        page.get_by_label(re.compile("^Run id")).fill("started-1")
        page.get_by_label(re.compile("^Priority")).fill("7")
        page.get_by_label(re.compile("^Tags")).fill("region=eu, n=3")
        assert '[{"sku": "tea", "quantity": 2, "price": "4.20"}]' in sent(page)
        assert 'id="started-1"' in sent(page)
        page.locator(".sent-panel").get_by_role("button", name="curl").click()
        assert '"workflow": "place_order"' in sent(page)
        page.locator(".sent-panel").get_by_role("button", name="CLI").click()
        assert sent(page).startswith("stepwell start place_order")
        page.get_by_label(re.compile("^id ")).focus()
        page.keyboard.press("Control+Enter")
        expect(page).to_have_url(re.compile("/runs/started-1$"))
        expect(page.locator(".run-head h1")).to_have_text("place_order")
        row = server.run(server.app.runs.row("started-1"))
        assert (row.priority, row.tags) == (7, {"region": "eu", "n": 3})


class Kind(Enum):
    SMALL = "small"
    LARGE = "large"


@dataclass
class Parcel:
    kind: Kind
    price: Decimal
    packed: datetime
    within: timedelta
    marks: set[str]
    size: tuple[int, int]


def posts() -> App:
    app = App("memory://")

    @app.workflow(name="send-parcel")
    async def send(parcel: Parcel, copies: Annotated[int, msgspec.Meta(ge=1)] = 1) -> list[str]:
        assert isinstance(parcel.kind, Kind)
        assert isinstance(parcel.price, Decimal)
        return [parcel.kind.value, str(parcel.within), *parcel.marks, str(parcel.size), str(copies)]

    @app.workflow(name="naps")
    async def naps() -> None: ...

    return app


async def execute(text: str, app: App) -> Any:
    """Do what the page says, as it is written, with an `app` at hand and nothing else."""
    names: dict[str, Any] = {}
    exec(f"async def said(app):\n{indent(text, '    ')}\n    return run", names)
    run = await names["said"](app)
    return run.id, await run.result(timeout=60)


def test_its_python_does_the_same_as_the_form(site: Site) -> None:
    with live(posts) as server:
        with Site(site.browser, server.url).page("/start/send-parcel") as page:
            page.get_by_label(re.compile("^kind")).select_option(label="large")
            page.get_by_label(re.compile("^price")).fill("4.20")
            page.locator(".start-head").get_by_role("button", name="JSON").click()
            page.get_by_role("textbox", name="Input").fill(
                '{"parcel": {"kind": "large", "price": "4.20", "packed": "2026-11-21T14:00:00Z", "within": "PT1H",'
                ' "marks": ["frail"], "size": [2, 3]}, "copies": 2}'
            )
            page.get_by_label(re.compile("^Run id")).fill("said-1")
            page.get_by_label(re.compile("^Tags")).fill("region=eu, n=3")
            page.get_by_label(re.compile("^Priority")).fill("7")
            expect(page.locator(".sent")).to_contain_text("priority=7")
            shoot(page, "start-python")
            answer = server.run(execute(sent(page), server.app))
            assert answer == ("said-1", ["large", "1:00:00", "frail", "(2, 3)", "2"])
            row = server.run(server.app.runs.row("said-1"))
            assert (row.priority, row.tags) == (7, {"region": "eu", "n": 3})
            page.get_by_role("button", name="Start run", exact=True).last.click()
            expect(page).to_have_url(re.compile("/runs/said-1$"))  # with another input it would be refused
        with Site(site.browser, server.url).page("/start/naps") as page:
            expect(page.locator(".sent")).to_have_text('run = await app.start("naps", {})')
            server.run(execute(sent(page), server.app))


def test_json_and_form_show_the_same(site: Site) -> None:
    with site.page("/start/place_order") as page:
        fill(page, "o-4")
        page.locator(".start-head").get_by_role("button", name="JSON").click()
        editor = page.get_by_role("textbox", name="Input")
        expect(editor).to_have_value(re.compile('"sku": "tea"'))
        editor.fill('{"order": {"id": "o-5", "amount": 3, "lines": [')
        expect(page.locator(".je-status")).to_contain_text("Line 1, column 48")
        page.locator(".start-head").get_by_role("button", name="Form").click()
        expect(page.locator(".start-note")).to_have_text("The JSON has a mistake")
        editor.fill(
            '{"order": {"id": "o-5", "amount": 3, "lines": [{"sku": "cup", "quantity": 1, "price": "9"}], "gift": true}}'  # noqa: E501
        )
        page.locator(".start-head").get_by_role("button", name="Form").click()
        expect(page.get_by_label(re.compile("^id "))).to_have_value("o-5")
        expect(page.get_by_label("sku of 1")).to_have_value("cup")
        expect(page.get_by_role("switch")).to_have_attribute("aria-checked", "true")


def test_what_the_server_refuses_is_shown_at_the_field(site: Site) -> None:
    refusal = {
        "type": "about:blank",
        "title": "no",
        "status": 422,
        "detail": "The input does not fit.",
        "code": "TypeMismatch",
        "errors": [{"path": "order.amount", "message": "Is not accepted here."}],
    }
    with site.page("/start/place_order", allow="422|Failed to load resource") as page:
        page.route(
            "**/api/v1/runs",
            lambda route: (
                route.fulfill(status=422, json=refusal) if route.request.method == "POST" else route.fallback()
            ),
        )
        fill(page, "o-6")
        page.get_by_role("button", name="Start run", exact=True).last.click()
        expect(page.locator(".form-error", has_text="Is not accepted here.")).to_be_visible()
        expect(page.locator(".start-note")).to_contain_text("amount")


def test_an_id_that_is_taken_is_told_before_and_after(site: Site, server: Live) -> None:
    server.run(server.app.runs.start("place_order", order("taken-1"), id="taken-1"))
    with site.page("/start/place_order", allow="409|Failed to load resource") as page:
        fill(page, "other")
        page.get_by_label(re.compile("^Run id")).fill("taken-1")
        expect(page.locator(".before-id")).to_contain_text("taken-1 is there")
        page.get_by_role("button", name="Start run", exact=True).last.click()
        expect(page.locator(".start-note")).to_contain_text("Open that run")


def test_it_fills_from_the_last_run(site: Site, server: Live) -> None:
    server.run(server.app.runs.start("place_order", order("last-1"), id="last-1"))
    with site.page("/start/place_order") as page:
        page.get_by_role("button", name="Fill from last run").click()
        expect(page.get_by_label(re.compile("^id "))).to_have_value(re.compile(".+"))
        expect(page.get_by_label("sku of 1")).to_have_value("tea")
    with site.page("/start/place_order?from=last-1") as page:
        expect(page.get_by_label(re.compile("^id "))).to_have_value("last-1")


def test_lines_are_added_and_taken_away(site: Site) -> None:
    with site.page("/start/place_order") as page:
        fill(page, "o-7")
        page.get_by_role("button", name="Add line").click()
        expect(page.get_by_label("sku of 2")).to_be_focused()
        page.get_by_label("sku of 2").fill("cup")
        page.get_by_role("button", name="Remove 1").click()
        expect(page.get_by_label("sku of 1")).to_have_value("cup")
        expect(page.get_by_label("sku of 2")).to_have_count(0)


def test_without_a_name_it_offers_all_workflows(site: Site) -> None:
    with site.page("/start") as page:
        page.locator(".start-list").get_by_role("link", name=re.compile("naps")).click()
        expect(page).to_have_url(re.compile("/start/naps$"))
        expect(page.locator(".before")).to_contain_text("1 serves naps")
    with site.page("/start/nothing") as page:
        expect(page.locator(".start-choose")).to_contain_text("No workflow is called nothing.")


def test_workflows_stand_before_steps_and_only_they_are_counted(site: Site) -> None:
    with site.page("/start") as page:
        lists = page.locator(".start-list")
        expect(lists).to_have_count(2)
        expect(lists.first.locator(".start-name")).to_have_text(["fails", "many", "naps", "place_order", "print_label"])
        expect(page.get_by_role("heading", name="Steps, as runs of their own")).to_be_visible()
        expect(lists.last.locator(".start-name")).to_have_text(["charge", "page", "refund", "refuse"])
        signs = page.evaluate(
            "[...document.querySelectorAll('.start-list')].map((e) => e.querySelector('path').getAttribute('d'))"
        )
        assert signs[0] != signs[1]
        expect(page.get_by_role("link", name="Workflows 5")).to_be_visible()
        shoot(page, "start-choose")
    with site.page("/start/charge") as page:
        groups = page.get_by_label("Workflow", exact=True).locator("optgroup")
        expect(groups).to_have_count(2)
        assert [each.get_attribute("label") for each in groups.all()] == ["Workflows", "Steps"]


def test_placeholders_have_one_face_and_the_panel_reaches_the_edge(site: Site) -> None:
    with site.page("/start/place_order") as page:
        expect(page.get_by_placeholder("made for you")).to_be_visible()
        faces = page.evaluate(
            "[...new Set([...document.querySelectorAll('input[placeholder]')].map((e) => getComputedStyle(e, '::placeholder').font))]"  # noqa: E501
        )
        assert len(faces) == 1, faces
        assert page.evaluate("document.querySelector('.start-right').getBoundingClientRect().right === innerWidth")


def test_an_id_is_taken_only_by_the_very_same_one(site: Site, server: Live) -> None:
    server.run(server.app.runs.start("naps", None, id="owned-10"))
    with site.page("/start/naps") as page:
        page.get_by_label(re.compile("^Run id")).fill("owned-1")
        expect(page.locator(".before-id")).to_contain_text("owned-1 is free.")
        page.get_by_label(re.compile("^Run id")).fill("owned-10")
        expect(page.locator(".before-id")).to_contain_text("owned-10 is there")
