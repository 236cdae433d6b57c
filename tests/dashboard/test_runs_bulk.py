"""Actions on runs from the list: on one, on those selected, on all that match; told beforehand what will be done."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.dashboard.browsing import UNHURRIED, Site, shoot
from tests.dashboard.busy import until
from tests.server.live import Live

Made = Callable[[str, int], list[str]]


@pytest.fixture
def made(crowd: Live) -> Made:
    """Starts runs that wait, and gives their ids."""

    def make(name: str, count: int) -> list[str]:
        ids = [f"{name}-{number}" for number in range(count)]
        for id in ids:
            crowd.run(crowd.app.runs.start("pay_later", {"key": id}, id=id))
        for id in ids:
            crowd.run(until(crowd.app, id, "waiting"))
        return ids

    return make


def status(crowd: Live, id: str) -> str:
    return str(crowd.run(crowd.app.runs.row(id)).status)


def test_what_can_be_undone_is_done_at_once_with_its_reverse(desk: Site, crowd: Live, made: Made) -> None:
    (id,) = made("once", 1)
    with desk.page(f"/runs?id={id}", script=UNHURRIED) as page:
        expect(page.locator("tr.run-row")).to_have_count(1)
        page.keyboard.press("j")
        page.keyboard.press("p")
        expect(page.locator(".toast")).to_contain_text(f"Paused {id}")
        expect(page.locator("tr.run-row .state-word")).to_have_text("Paused")
        page.get_by_role("button", name="Resume", exact=True).click()
        expect(page.locator("tr.run-row .state-word")).not_to_have_text("Paused")
        crowd.run(until(crowd.app, id, "waiting", "queued"))


def test_what_cannot_be_undone_asks_first(desk: Site, crowd: Live, made: Made) -> None:
    (id,) = made("asked", 1)
    with desk.page(f"/runs?id={id}") as page:
        page.get_by_role("button", name=f"Actions for {id}").click()
        page.get_by_role("menuitem", name="Terminate…").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(f"Terminate {id}?")
        expect(page.get_by_role("button", name="Keep as is")).to_be_focused()
        shoot(page, "dialog-terminate")
        page.keyboard.press("Enter")
        expect(dialog).to_be_hidden()
        assert status(crowd, id) == "waiting"
        page.get_by_role("button", name=f"Actions for {id}").click()
        page.get_by_role("menuitem", name="Terminate…").click()
        page.get_by_role("button", name="Terminate the run").click()
        expect(page.locator("tr.run-row .state-word")).to_have_text("Terminated")
        assert status(crowd, id) == "terminated"


def test_the_bar_offers_what_some_of_the_selection_allow(desk: Site, crowd: Live, made: Made) -> None:
    made("partly", 2)
    crowd.run(crowd.app.runs.start("place_order", {"amount": 13}, id="partly-failed"))
    crowd.run(until(crowd.app, "partly-failed", "failed"))
    with desk.page("/runs?id=partly", script=UNHURRIED) as page:
        expect(page.locator("tr.run-row")).to_have_count(3)
        height = page.locator(".bulkbar").evaluate("bar => bar.offsetHeight")
        page.get_by_role("checkbox", name="Select all shown").click()
        expect(page.locator(".bulk-words")).to_have_text("3 selected")
        assert page.locator(".bulkbar").evaluate("bar => bar.offsetHeight") == height
        expect(page.get_by_role("button", name="Retry 1 of 3")).to_be_visible()
        page.get_by_role("button", name="Pause 2 of 3").click()
        expect(page.locator(".toast")).to_contain_text("Paused 2 runs")
        expect(page.locator("tr.run-row .state-word", has_text="Paused")).to_have_count(2)
        assert status(crowd, "partly-failed") == "failed"
        shoot(page, "runs-bulk")


@pytest.mark.parametrize("dark", [False, True])
def test_all_that_match_are_previewed(desk: Site, crowd: Live, made: Made, dark: bool) -> None:
    name = f"every-{dark}"
    ids = made(name, 3)
    crowd.run(crowd.app.runs.start("place_order", {"amount": 2}, id=f"{name}-done"))
    crowd.run(until(crowd.app, f"{name}-done", "succeeded"))
    with desk.page(f"/runs?id={name}", dark=dark, script=UNHURRIED) as page:
        expect(page.locator("tr.run-row")).to_have_count(4)
        page.keyboard.press("Control+a")
        page.keyboard.press("Control+a")
        expect(page.locator(".bulk-words")).to_have_text("4 selected")
        page.get_by_role("button", name="Cancel…").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("heading")).to_have_text("Cancel 4 runs?")
        expect(dialog.locator(".plan-lines")).to_contain_text("cannot cancel")
        expect(dialog.locator(".plan-lines")).to_contain_text("succeeded")
        shoot(page, f"bulk-preview-{'dark' if dark else 'light'}")
        dialog.get_by_role("button", name="Cancel 3 runs").click()
        expect(page.locator(".toast")).to_contain_text(re.compile("Cancelled 3 runs"))
        for id in ids:
            crowd.run(until(crowd.app, id, "cancelled"))
        assert status(crowd, f"{name}-done") == "succeeded"


def test_a_refusal_says_why_and_with_which_code(desk: Site, crowd: Live, made: Made) -> None:
    (id,) = made("refused", 1)
    with desk.page(f"/runs?id={id}", allow="409") as page:
        page.get_by_role("button", name=f"Actions for {id}").click()
        item = page.get_by_role("menuitem", name="Pause")
        expect(item).to_be_visible()
        handle = crowd.run(crowd.app.runs.get(id))
        crowd.run(handle.terminate())
        item.click()
        note = page.locator(".toast-problem")
        expect(note).to_contain_text("Not paused.")
        expect(note.locator(".mono")).to_have_text(re.compile("illegal_state", re.IGNORECASE))
        note.get_by_role("button", name="Close").click()
        expect(note).to_be_hidden()


def test_retrying_a_cause(desk: Site, crowd: Live) -> None:
    with desk.page("/failures", script=UNHURRIED) as page:
        expect(page.locator(".causes-table tbody tr").first).to_be_visible()
        page.get_by_role("button", name=re.compile("Retry all 1 run")).first.click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("heading")).to_have_text(re.compile("Retry 1 failed run"))
        dialog.get_by_role("button", name="Retry 1 run").click()
        expect(page.locator(".toast")).to_contain_text("Retried 1 run")
