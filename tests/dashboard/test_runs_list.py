"""The list of runs: what it shows, its filter, its keys, and the way back."""

import re

import pytest
from playwright.sync_api import expect

from tests.dashboard.browsing import DRAWN, Site, box_of, expect_no_sideways, shoot
from tests.dashboard.busy import STATES
from tests.dashboard.shopfront import XSS, written_out

MANY_ROWS = """async () => {
    const {runTable} = await import("/static/runs/table.js");
    const at = "2026-01-01T00:00:00Z";
    const times = {created_at: at, started_at: at, finished_at: at};
    const run = (n) => ({id: `r-${n}`, key: String(n), workflow: "w", status: "succeeded", tags: {}, ...times});
    const nothing = () => {};
    const around = {columns: [], isSelected: () => false, onCheck: nothing, onMenu: nothing, onNear: nothing};
    const table = runTable({...around, onOpen: nothing});
    document.querySelector("#main").replaceChildren(table.element);
    table.set(Array.from({length: 10000}, (_, n) => run(n)));
    const first = table.element.querySelectorAll("tr.run-row").length;
    scrollTo(0, document.documentElement.scrollHeight / 2);
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    const links = [...table.element.querySelectorAll(".run-link")];
    const shown = links.map((link) => Number(link.textContent.slice(2)));
    table.stop();
    return {first, count: shown.length, least: Math.min(...shown), height: document.documentElement.scrollHeight};
}"""
WIDTHS = [(1440, False), (1440, True), (1100, True), (800, False), (390, False), (390, True), (320, False)]


@pytest.mark.parametrize(("width", "dark"), WIDTHS)
def test_what_it_shows(desk: Site, width: int, dark: bool) -> None:
    with desk.page("/runs", width=width, dark=dark) as page:
        expect(page.locator("tr.run-row").first).to_contain_text("import-1")
        assert page.locator("tr.run-row").count() >= 50
        failed = page.locator("tr.run-row", has_text="slow-2")
        expect(failed.locator(".class-name")).to_have_text("TimeoutError")
        expect(page.locator("table.runs-table")).to_have_attribute("aria-rowcount", re.compile(r"^\d+$"))
        expect_no_sideways(page)
        shoot(page, f"runs-{width}-{'dark' if dark else 'light'}")


def test_each_state_has_a_sign_of_its_own(desk: Site) -> None:
    with desk.page("/runs") as page:
        expect(page.locator("tr.run-row").first).to_be_visible()
        found = page.evaluate(
            """async (states) => {
                const {stateIcon} = await import("/static/components/states.js");
                return states.map((state) => {
                    const drawn = [...stateIcon(state).querySelectorAll("*")];
                    const solid = drawn[0].tagName === "path" && drawn[0].getAttribute("fill") === "currentColor";
                    return {drawing: drawn.map((part) => part.outerHTML).join(""), solid};
                });
            }""",
            list(STATES),
        )
        assert len({each["drawing"] for each in found}) == len(STATES)
        assert {state for state, each in zip(STATES, found, strict=True) if each["solid"]} == {"parked", "failed"}


def test_a_run_that_succeeded_shows_its_result_or_what_it_said_last(desk: Site) -> None:
    with desk.page("/runs") as page:
        found = page.evaluate(
            """async (runs) => {
                const {nowOf, nowText} = await import("/static/runs/row.js");
                return runs.map((run) => [nowOf(run).map((part) => part.textContent).join(""), nowText(run)]);
            }""",
            [
                {"status": "succeeded", "now": None, "brief": "[3]", "note": "48 pages, 3 tables", "parent": "book-1"},
                {"status": "succeeded", "now": None, "brief": None, "note": "48 pages, 3 tables", "parent": "book-1"},
                {"status": "succeeded", "now": None, "brief": None, "note": None, "parent": "book-1"},
                {"status": "succeeded", "now": None, "brief": None, "note": None, "parent": None},
            ],
        )
        note = "48 pages, 3 tables"
        assert found == [["[3]", "[3]"], [note, note], ["child of book-1", None], ["", None]]


def test_results_are_cut_where_there_is_no_room_and_whole_in_the_title(desk: Site) -> None:
    whole = '["ch_0","ch_1"]'
    for width in (1440, 800, 390):
        with desk.page("/runs?id=family-1", width=width) as page:
            what = page.locator("tr.run-row .c-now > div")
            expect(what).to_have_text(whole)
            expect(what).to_have_attribute("title", whole)
            told = what.locator("bdi")
            expect(told).to_have_css("font-family", re.compile("monospace"))
            shown = what.evaluate("(e) => [getComputedStyle(e).textOverflow, getComputedStyle(e).overflowX]")
            assert shown == ["ellipsis", "hidden"]
            expect_no_sideways(page)
            told.evaluate("(e) => e.textContent = e.textContent.repeat(20)")
            expect_no_sideways(page)
            assert what.evaluate("(e) => e.clientHeight") <= 40


def test_hostile_texts_are_texts(desk: Site) -> None:
    with desk.page("/runs?id=hostile") as page:
        expect(page.locator("tr.run-row")).to_have_count(len(XSS))
        links = page.locator("tr.run-row .run-link")
        shown = [link.get_attribute("title") or link.inner_text() for link in links.all()]
        assert all(any(written_out(text) in each for each in shown) for text in XSS)
        assert page.locator("tr.run-row img, tr.run-row script").count() == 0
        expect(page.locator("tr.run-row bdi").first).to_have_attribute("dir", "auto")
        shoot(page, "runs-hostile")


def test_the_filter_is_the_address(desk: Site) -> None:
    with desk.page("/runs?state=failed&tag=region=eu") as page:
        expect(page.locator("tr.run-row")).to_have_count(3)
        expect(page.locator(".token")).to_have_count(2)
        expect(page.locator(".token-total")).to_have_text("3 runs")
        page.get_by_role("button", name="Remove tag has region=eu").click()
        expect(page).to_have_url(re.compile(r"/runs\?state=failed$"))
        expect(page.locator("tr.run-row")).to_have_count(4)
        page.go_back()
        expect(page.locator(".token")).to_have_count(2)
        expect(page.locator("tr.run-row")).to_have_count(3)


def test_typing_a_filter(desk: Site) -> None:
    with desk.page("/runs") as page:
        expect(page.locator("tr.run-row").first).to_be_visible()
        page.keyboard.press("/")
        field = page.get_by_role("combobox", name="Add a filter, or text")
        expect(field).to_be_focused()
        field.press_sequentially("sta")
        expect(page.get_by_role("option", name=re.compile("^state is queued, running"))).to_be_visible()
        page.keyboard.press("Escape")
        field.press_sequentially("stat")
        expect(page.get_by_role("option").first).to_contain_text("state is")
        page.get_by_role("option", name=re.compile("^state is")).click()
        expect(page.locator(".token-editing")).to_contain_text("state")
        field.press_sequentially("wai")
        expect(page.get_by_role("option").first).to_contain_text("waiting")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(r"state=waiting"))
        expect(page.locator("tr.run-row")).to_have_count(2)
        shoot(page, "runs-filter")
        page.keyboard.press("Escape")
        page.keyboard.press("Backspace")
        expect(page.locator(".token-editing")).to_contain_text("waiting")


@pytest.mark.parametrize(
    ("typed", "first"),
    [("state", "state is"), ("STATUS", "state is"), ("work", "workflow is"), ("id", "id begins"),
     ("te", "text contains"), ("state is", "state is"), ("running", "state is running"),
     ("contains", "text contains “contains”"), ("zebra", "text contains “zebra”")],
)  # fmt: skip
def test_the_name_of_a_field_chooses_the_field(desk: Site, typed: str, first: str) -> None:
    with desk.page("/runs") as page:
        field = page.get_by_role("combobox")
        field.fill(typed)
        chosen = page.locator(".suggest [role=option][aria-selected=true]")
        expect(chosen.locator(".suggest-text")).to_have_text(first)
        expect(page.get_by_role("option", name=re.compile("text contains “"))).to_be_visible()
        if " is" not in typed and first.endswith((" is", "begins")):
            shoot(page, f"runs-filter-{typed.lower()}")
            page.keyboard.press("Tab")
            expect(page.locator(".token-editing > span")).to_have_text(first.split())
            assert "text=" not in page.url


def test_what_was_typed_before_its_field_is_its_value(desk: Site) -> None:
    """As when a field is chosen from a list that is older than the text."""
    with desk.page("/runs") as page:
        page.get_by_role("combobox").click()
        expect(page.get_by_role("option", name=re.compile("^text contains"))).to_be_visible()
        page.evaluate("""() => {
            document.querySelector(".token-field").value = "gateway";
            const options = [...document.querySelectorAll(".suggest-item")];
            options.find((each) => each.textContent.startsWith("text contains")).click();
        }""")
        expect(page.get_by_role("combobox")).to_have_value("gateway")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(r"text=gateway"))


def test_free_text_is_a_filter_too(desk: Site) -> None:
    with desk.page("/runs") as page:
        page.get_by_role("combobox").fill("gateway")
        page.get_by_role("option", name=re.compile("text contains “gateway")).click()
        expect(page).to_have_url(re.compile(r"text=gateway"))
        expect(page.locator("tr.run-row")).to_have_count(3)


def test_nothing_matches(desk: Site) -> None:
    with desk.page("/runs?state=failed&id=later") as page:
        expect(page.get_by_text("No runs match.")).to_be_visible()
        page.locator(".none-do").get_by_role("button", name="Remove state is failed").click()
        expect(page.locator("tr.run-row")).to_have_count(2)


def test_a_bad_filter_says_what_is_wrong(desk: Site) -> None:
    with desk.page("/runs?state=lost", allow="422") as page:
        expect(page.locator(".runs-panel .refusal")).to_contain_text("lost")


def test_keys_move_select_and_open(desk: Site) -> None:
    with desk.page("/runs?state=failed") as page:
        expect(page.locator("tr.run-row")).to_have_count(4)
        page.keyboard.press("j")
        page.keyboard.press("j")
        second = page.locator("tr.run-row").nth(1)
        expect(second).to_have_class(re.compile("is-current"))
        expect(second.locator(".run-link")).to_be_focused()
        page.keyboard.press("x")
        expect(second).to_have_attribute("aria-selected", "true")
        page.keyboard.press("j")
        page.keyboard.press("Shift+X")
        expect(page.locator(".bulk-words")).to_have_text("2 selected")
        page.keyboard.press("Escape")
        expect(page.locator(".bulk-words")).to_contain_text("newest first")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(r"/runs/slow-1$"))


def test_back_restores_the_place_in_the_list(desk: Site) -> None:
    with desk.page("/runs") as page:
        expect(page.locator(".list-foot")).to_contain_text("50 of")
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        expect(page.locator(".list-foot")).to_contain_text(re.compile("^1[0-9]{2} "))
        link = page.get_by_role("link", name="bulk-060")
        link.scroll_into_view_if_needed()
        page.evaluate(DRAWN)
        assert page.evaluate("scrollY") > 500
        place = box_of(link)
        assert place
        link.evaluate("link => link.click()")
        expect(page.locator(".run-head h1")).to_be_visible()
        page.go_back()
        expect(link).to_be_in_viewport()
        expect(page.locator(".hist")).to_be_visible()
        back = box_of(link)
        assert back
        assert abs(back["y"] - place["y"]) < 80


def test_the_picture_chooses_a_range(desk: Site) -> None:
    with desk.page("/runs?since=1h") as page:
        bars = page.locator(".hist-bar .hist-all")
        expect(bars.first).to_be_attached()
        box = box_of(page.locator(".hist-svg"))
        assert box
        page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] - 1, box["y"] + 20, steps=4)
        page.mouse.up()
        expect(page).to_have_url(re.compile(r"since=2\d{3}-.*until=2\d{3}-"))
        expect(page.locator("tr.run-row").first).to_be_visible()


def test_columns_are_remembered(desk: Site) -> None:
    with desk.page("/runs") as page:
        page.get_by_role("button", name="Columns").click()
        page.get_by_role("menuitemcheckbox", name="Queue").click()
        page.keyboard.press("Escape")
        expect(page.get_by_role("columnheader", name="Queue")).to_be_visible()
        expect(page.locator("tr.run-row .c-queue").first).to_have_text("default")
        page.reload()
        expect(page.get_by_role("columnheader", name="Queue")).to_be_visible()


def test_views_are_filters_with_names(desk: Site) -> None:
    with desk.page("/runs") as page:
        expect(page.locator("[data-view=All]")).to_have_attribute("aria-current", "page")
        expect(page.locator("[data-view='Needs a person'] .view-count")).to_have_text("1")
        page.locator("[data-view=Failed]").click()
        expect(page.locator("tr.run-row")).to_have_count(4)
        page.get_by_role("combobox").fill("gateway")
        page.get_by_role("option", name=re.compile("text contains “gateway")).click()
        page.keyboard.press("Escape")
        page.get_by_role("button", name="Save view").click()
        page.get_by_label("Name of the view").fill("Gateway")
        page.keyboard.press("Enter")
        expect(page.locator("[data-view=Gateway]")).to_have_attribute("aria-current", "page")
        page.locator("[data-view=All]").click()
        page.locator("[data-view=Gateway]").click()
        expect(page.locator("tr.run-row")).to_have_count(3)


def test_the_list_as_a_file(desk: Site) -> None:
    with desk.page("/runs?state=failed") as page:
        expect(page.locator("tr.run-row")).to_have_count(4)
        with page.expect_download() as waiting:
            page.get_by_role("button", name="Export").click()
        text = waiting.value.path().read_text()
        assert text.splitlines()[0].startswith("id,workflow,status")
        assert len(text.splitlines()) == 5
        found = page.evaluate("import('/static/runs/export.js').then((m) => m.field('=1+1'))")
        assert found == "'=1+1", "a spreadsheet must not compute it"


def test_ten_thousand_rows_stay_few_elements(desk: Site) -> None:
    with desk.page("/runs?id=bulk") as page:
        expect(page.locator("tr.run-row").first).to_be_visible()
        result = page.evaluate(MANY_ROWS)
        assert result["first"] < 120
        assert result["count"] < 120
        assert result["least"] > 4000
        assert result["height"] > 370_000
