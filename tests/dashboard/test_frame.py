"""The frame: keys, palette, theme, focus, first use, logging in, and a server below another path."""

import re
from collections.abc import Generator
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.dashboard.browsing import UNHURRIED, Site, box_of, copied, shoot
from tests.dashboard.busy import Switch, busy
from tests.server.live import Live, live

LINK = r'<link rel="modulepreload" href="([^"]+)">'


@pytest.fixture
def empty(desk: Site) -> Generator[tuple[Live, Site]]:
    """A server without any run, and the browser at it."""
    with live(lambda: busy(Switch())) as server:
        yield server, Site(desk.browser, server.url)


def test_sequences_of_keys_go_places(desk: Site) -> None:
    with desk.page("/", script=UNHURRIED) as page:
        for key, path in [
            ("r", "/runs"),
            ("w", "/workflows"),
            ("q", "/queues"),
            ("d", "/failures"),
            ("e", "/events"),
            ("o", "/"),
        ]:
            expect(page.locator("main h1").first).to_be_attached()
            page.keyboard.press("g")
            page.keyboard.press(key)
            expect(page).to_have_url(re.compile(re.escape(path) + "$"))


def test_keys_are_listed_and_can_be_switched_off(desk: Site) -> None:
    with desk.page("/runs") as page:
        expect(page.locator("tr.run-row").first).to_be_visible()
        page.keyboard.press("?")
        dialog = page.get_by_role("dialog", name="Keys")
        expect(dialog).to_contain_text("next row")
        shoot(page, "keys")
        dialog.get_by_label("Single keys act").uncheck()
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        page.keyboard.press("j")
        expect(page.locator("tr.is-current")).to_have_count(0)
        page.keyboard.press("Control+k")
        expect(page.get_by_role("dialog", name="Find or do anything")).to_be_visible()


def test_keys_rest_while_somebody_types(desk: Site) -> None:
    with desk.page("/workflows") as page:
        page.get_by_role("searchbox").fill("")
        page.keyboard.type("gr s?")
        expect(page.get_by_role("searchbox")).to_have_value("gr s?")
        expect(page).to_have_url(re.compile("/workflows"))


@pytest.mark.parametrize("dark", [False, True])
def test_the_palette_finds_runs_first(desk: Site, dark: bool) -> None:
    with desk.page("/", dark=dark) as page:
        page.keyboard.press("Control+k")
        field = page.get_by_role("combobox", name="Find or do anything")
        expect(field).to_be_focused()
        field.fill("later")
        first = page.get_by_role("option").first
        expect(first).to_contain_text("later-2")
        expect(page.get_by_role("option", name=re.compile("Runs with id later"))).to_contain_text("2")
        shoot(page, f"palette-{'dark' if dark else 'light'}")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/runs/later-1$"))


def test_the_palette_finds_the_run_that_has_the_very_id(desk: Site, crowd: Live) -> None:
    for id in ("whole", *(f"whole/{number}" for number in range(8))):
        crowd.run(crowd.app.runs.start("place_order", {"amount": 1}, id=id))
    with desk.page("/") as page:
        page.keyboard.press("Control+k")
        field = page.get_by_role("combobox", name="Find or do anything")
        found = page.locator(".palette-item bdi.mono")
        field.fill("whole")
        expect(found).to_have_text(["whole", *(f"whole/{number}" for number in range(7, 2, -1))])
        expect(page.get_by_role("option", name=re.compile("Runs with id whole"))).to_contain_text("9")
        shoot(page, "palette-exact")
        field.fill("whole/")  # nobody has this id, which the browser must not complain of
        expect(found.first).to_have_text("whole/7")
        field.fill("whole")
        expect(found.first).to_have_text("whole")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/runs/whole$"))


def test_the_palette_offers_what_can_be_done_here(desk: Site) -> None:
    with desk.page("/runs") as page:
        page.get_by_role("button", name="Find or do anything").click()
        page.get_by_role("combobox", name="Find or do anything").fill("start place")
        expect(page.get_by_role("option", name="Runs with text")).to_be_visible()  # the list is not drawn anew after it
        page.get_by_role("option", name="Start place_order").click()
        expect(page).to_have_url(re.compile("/start/place_order$"))


def test_the_palette_offers_what_it_hears_of_late(desk: Site) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    with desk.page("/runs") as page:
        expect(page.locator("tr.run-row").first).to_be_visible()
        page.route(re.compile("/api/v1/workflows$"), hold)
        page.get_by_role("button", name="Find or do anything").click()
        page.get_by_role("combobox", name="Find or do anything").fill("start place")
        expect(page.get_by_role("option", name="Runs with text")).to_be_visible()
        assert page.get_by_role("option", name="Start place_order").count() == 0
        held[0].continue_()
        page.get_by_role("option", name="Start place_order").click()
        expect(page).to_have_url(re.compile("/start/place_order$"))


def test_the_theme_is_chosen_and_remembered(desk: Site) -> None:
    with desk.page("/") as page:
        paper = "getComputedStyle(document.body).backgroundColor"
        assert page.evaluate(paper) == "rgb(247, 245, 241)"
        turn = page.get_by_role("button", name=re.compile("^Theme"))
        turn.click()
        turn.click()
        assert page.evaluate(paper) == "rgb(19, 18, 16)"
        page.reload()
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert page.evaluate(paper) == "rgb(19, 18, 16)"
        turn.click()
        assert page.evaluate(paper) == "rgb(247, 245, 241)"


def test_the_sidebar_can_be_narrow(desk: Site) -> None:
    with desk.page("/") as page:
        expect(page.locator(".states-cell").first).to_be_visible()
        page.keyboard.press("[")
        assert page.locator(".sidebar").evaluate("e => e.offsetWidth") == 56
        page.reload()
        expect(page.locator(".states-cell").first).to_be_visible()
        assert page.locator(".sidebar").evaluate("e => e.offsetWidth") == 56
        page.get_by_role("link", name="Runs", exact=False).first.hover()
        expect(page.get_by_role("tooltip")).to_be_visible()


def test_a_dialog_keeps_the_focus_and_gives_it_back(desk: Site) -> None:
    with desk.page("/runs?state=failed") as page:
        button = page.get_by_role("button", name="Actions for slow-2")
        button.click()
        page.get_by_role("menuitem", name="Restart…").click()
        for _ in range(5):
            page.keyboard.press("Tab")
            assert page.evaluate(
                "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
            )
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_a_menu_is_worked_by_keys(desk: Site) -> None:
    with desk.page("/runs") as page:
        button = page.get_by_role("button", name="Columns")
        button.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("menu")).to_be_visible()
        expect(page.get_by_role("menuitemcheckbox").first).to_be_focused()
        page.keyboard.press("ArrowDown")
        expect(page.get_by_role("menuitemcheckbox").nth(1)).to_be_focused()
        page.keyboard.press("Escape")
        expect(button).to_be_focused()


def test_one_can_skip_to_the_content(desk: Site) -> None:
    with desk.page("/") as page:
        expect(page.locator(".states-cell").first).to_be_visible()
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to content")
        expect(skip).to_be_focused()
        page.keyboard.press("Enter")
        page.wait_for_function("() => document.activeElement.id === 'main'")


def test_nothing_turns_where_motion_is_unwanted(desk: Site) -> None:
    with desk.page("/runs?state=running") as page:
        page.emulate_media(reduced_motion="reduce")
        expect(page.locator(".turning").first).to_be_attached()
        assert page.locator(".turning").first.evaluate("e => getComputedStyle(e).animationName") == "none"


def test_forced_colours_keep_the_selection_visible(desk: Site) -> None:
    with desk.page("/runs") as page:
        page.emulate_media(forced_colors="active")
        expect(page.locator("tr.run-row").first).to_be_visible()
        shoot(page, "runs-forced-colours")


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (1440, True), (390, False)])
def test_first_use(empty: tuple[Live, Site], width: int, dark: bool) -> None:
    server, site = empty
    with site.page("/runs", width=width, dark=dark) as page:
        expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()
        expect(page.locator(".first-sign.is-done")).to_have_count(3)
        expect(page.locator(".first-status")).to_contain_text("Waiting for the first run.")
        expect(page.locator(".art")).to_have_count(1)
        shoot(page, f"first-use-{width}-{'dark' if dark else 'light'}")
        copy = page.get_by_role("button", name="Copy the program")
        code, sign = box_of(page.locator(".paste-code pre")), box_of(copy)
        title = box_of(page.locator(".first-say h1"))
        assert code
        assert sign
        assert title
        assert code["x"] + code["width"] <= sign["x"] or code["y"] + code["height"] <= sign["y"]
        assert title["x"] >= 12
        copy.click()
        copied(page, "@app.workflow")
        page.evaluate("scrollBy(0, 300)")
        server.run(server.app.runs.start("place_order", {"amount": 1}, id="first-1"))
        expect(page.locator("tr.run-row .run-link")).to_have_text(["first-1"])
        assert page.evaluate("scrollY") == 0, "and it is seen, however far down one was"


def test_logging_in_with_a_key(empty: tuple[Live, Site]) -> None:
    server, site = empty
    secret = server.run(_key(server, ["read"]))
    with site.page("/runs?state=failed", allow="401") as page:
        expect(page).to_have_url(re.compile(r"/login\?next="))
        shoot(page, "login")
        page.get_by_label("API key").fill("swk_wrong")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("alert")).to_contain_text("unknown, expired or revoked")
        page.get_by_label("API key").fill(secret)
        page.get_by_role("button", name="Log in").click()
        expect(page).to_have_url(re.compile(r"/runs\?state=failed$"))
        expect(page.get_by_text("No runs match.")).to_be_visible()
        expect(page.get_by_role("link", name="Start run")).to_have_count(0)
        page.get_by_role("button", name="Namespace and key").click()
        expect(page.get_by_role("menu")).to_contain_text("read")
        page.get_by_role("menuitem", name="Log out").click()
        expect(page).to_have_url(re.compile("/login$"))


def test_a_key_that_may_only_read_is_offered_no_actions(empty: tuple[Live, Site]) -> None:
    server, site = empty
    server.run(server.app.runs.start("place_order", {"amount": 13}, id="bad-1"))
    secret = server.run(_key(server, ["read"]))
    with site.page("/login?next=/runs", allow="401") as page:
        page.get_by_label("API key").fill(secret)
        page.keyboard.press("Enter")
        row = page.locator("tr.run-row", has_text="bad-1")
        expect(row).to_be_visible()
        page.get_by_role("button", name="Actions for bad-1").click()
        expect(page.get_by_role("menuitem", name="Open")).to_be_visible()
        expect(page.get_by_role("menuitem", name=re.compile("Retry|Restart"))).to_have_count(0)


def test_a_login_leads_only_to_pages_of_ours(desk: Site) -> None:
    with desk.page("/login?next=//example.com/") as page:
        page.get_by_role("button", name="Go on").click()
        expect(page).to_have_url(f"{desk.url}/")


def test_below_another_path(empty: tuple[Live, Site]) -> None:
    server, site = empty
    config = server.serving._server.config
    inner = config.loaded_app

    async def mounted(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await inner({**scope, "root_path": "/ops/steps"}, receive, send)

    config.loaded_app = mounted
    with site.page("/ops/steps/runs") as page:
        page.get_by_role("link", name="Workflows", exact=False).first.click()
        expect(page).to_have_url(re.compile("/ops/steps/workflows$"))
        expect(page.locator(".flows-table tbody tr").first).to_be_visible()
        page.locator(".flows-table .name").first.click()
        expect(page).to_have_url(re.compile("/ops/steps/workflows/[a-z_]+$"))


@pytest.mark.parametrize("path", ["/", "/runs", "/runs/later-1", "/workflows/pay_later", "/start/pay_later", "/queues",
                                  "/events", "/failures", "/login"])  # fmt: skip
def test_a_page_names_all_modules_that_it_uses_and_no_other(desk: Site, path: str) -> None:
    with desk.page("/schedules") as page:
        expect(page.get_by_role("heading", level=1)).to_be_attached()
        named: list[str] = []
        asked: list[str] = []

        def bare(route: Route) -> None:
            """The page without the links: each module is asked for by the one that imports it."""
            answer = route.fetch()
            named.extend(re.findall(LINK, answer.text()))
            route.fulfill(response=answer, body=re.sub(LINK, "", answer.text()))

        page.on("request", lambda request: asked.append(request.url) if request.url.endswith(".js") else None)
        page.route(desk.url + path, bare)  # and as long as it stands, nothing is taken from the cache
        page.goto(desk.url + path, wait_until="domcontentloaded")
        expect(page.locator("main h1").first).to_be_attached()
        assert len(named) > 20
        assert {url for url in asked if not url.endswith("/first.js")} == {desk.url + each for each in named}


def test_no_module_waits_for_another_one(desk: Site) -> None:
    with desk.page("/runs/later-1") as page:
        expect(page.locator(".run-head h1")).to_be_visible()
        starters = page.evaluate(
            "performance.getEntriesByType('resource').filter((e) => e.name.endsWith('.js')).map((e) => e.initiatorType)"
        )
        assert len(starters) > 60
        assert starters.count("script") <= 2  # first.js, app.js; all else is asked for by the page itself


async def _key(server: Any, scopes: list[str]) -> str:
    services = await server.serving._front.backend.services()
    _, secret = await services.keys.create("tester", scopes)
    return str(secret)
