"""A page of the dashboard in real Chromium, which must not complain about anything."""

import json
import re
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import FloatRect, Locator, Page, Route, expect, sync_playwright

from tests.dashboard.chromium import chromium

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SKEWED = """
globalThis.Date = class extends Date {
  constructor(...given) { given.length ? super(...given) : super(new.target.now()); }
  static now() { return super.now() + %d; }
};
"""
UNHURRIED = """
{
  const after = window.setTimeout;
  window.setTimeout = (run, wait = 0, ...given) => after(run, wait < 900 ? wait : wait + 600_000, ...given);
}
"""
"""A page on which nobody has to hurry: keys pressed one after the other belong together, notes stay to be read."""
SEVERABLE = """
{
  const real = window.fetch;
  const away = new AbortController();
  const both = (signal) => (signal ? AbortSignal.any([away.signal, signal]) : away.signal);
  window.fetch = (asked, given = {}) => real(asked, {...given, signal: both(given.signal)});
  window.sever = () => {
    window.fetch = () => Promise.reject(new TypeError("gone"));
    away.abort(new TypeError("gone"));
    const back = () => { window.fetch = real; };
    document.querySelector(".lost button").addEventListener("click", back, {capture: true, once: true});
  };
}
"""
"""A page whose connection `sever()` takes away. It is there again when somebody asks to try now, and not before."""
DRAWN = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Waits until what measures itself has been laid out."""
PATIENCE = 30_000
"""Milliseconds until what is expected must be there: much, because the machine may have other things to do."""

expect.set_options(timeout=PATIENCE)
SHOTS = Path(__file__).parents[2] / "build" / "screenshots"


def held(path: str) -> str:
    """A page whose requests for a path begin when `free()` is called, long after all others."""
    return f"""
{{
  const real = window.fetch;
  const free = new Promise((done) => {{ window.free = done; }});
  window.fetch = async (asked, given) => {{
    if (String(asked).includes("{path}")) await free;
    return real(asked, given);
  }};
}}
"""


def box_of(locator: Locator) -> FloatRect:
    """Where an element is, also when it is just being drawn anew."""
    while (box := locator.bounding_box()) is None:
        expect(locator).to_be_visible()
    return box


def expect_no_sideways(page: Page) -> None:
    """Wait until nothing is wider than the page: what measures itself is drawn anew a moment later."""
    page.wait_for_function("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def copied(page: Page, text: str) -> None:
    """Wait until the clipboard holds a text: a page writes it some time after the click."""
    page.wait_for_function("async (text) => (await navigator.clipboard.readText()).includes(text)", arg=text)


class Site:
    """A browser and the address of a server. `complaints`: what the browser has said against its pages."""

    def __init__(self, browser: Any, url: str) -> None:
        self.browser = browser
        self.url = url

    @contextmanager
    def page(
        self,
        path: str,
        *,
        width: int = 1440,
        height: int = 900,
        dark: bool = False,
        allow: str = "$^",
        stub: dict[str, Any] | None = None,
        ahead: float = 0,
        script: str = "",
    ) -> Generator[Page]:
        """Open a page; complaints that `allow` does not match fail the test. `stub`: answers of the API by path.
        `ahead`: seconds that the browser's clock is before the right time. `script`: what is run before the page's own.
        """
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            has_touch=width < 768,
            is_mobile=width < 768,
            permissions=["clipboard-read", "clipboard-write"],
        )
        page: Page = context.new_page()
        page.set_default_timeout(PATIENCE)
        if ahead:
            page.add_init_script(SKEWED % round(ahead * 1000))
        if script:
            page.add_init_script(script)
        complaints: list[str] = []
        page.on(
            "console",
            lambda said: complaints.append(f"{said.type}: {said.text}") if said.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on(
            "requestfailed",
            lambda request: (
                complaints.append(f"failed: {request.url} {request.failure}")
                if "ERR_ABORTED" not in str(request.failure)
                else None
            ),
        )
        page.on(
            "response",
            lambda response: (
                complaints.append(f"{response.status}: {response.url}") if response.status >= 400 else None
            ),
        )
        for route, answer in (stub or {}).items():
            page.route(re.compile(re.escape(f"/api/v1{route}") + r"(\?.*)?$"), answering(answer))
        try:
            page.goto(self.url + path)
            yield page
            left = [each for each in complaints if not re.search(allow, each)]
            assert not left, left
            assert page.evaluate("window.broken") is None
        finally:
            context.close()


def answering(answer: Any) -> Callable[[Route], None]:
    """A handler that gives an answer: JSON, a text of events, or what a function makes of the request."""

    def handle(route: Route) -> None:
        found = answer(route.request) if callable(answer) else answer
        if isinstance(found, str):
            route.fulfill(status=200, content_type="text/event-stream", body=found)
        else:
            route.fulfill(status=200, content_type="application/json", body=json.dumps(found))

    return handle


@contextmanager
def browsing(url: str) -> Generator[Site]:
    """Chromium, as Debian installs it or as Playwright does."""
    program = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        try:
            yield Site(browser, url)
        finally:
            browser.close()


def shoot(page: Page, name: str) -> None:
    """Keep a picture of the page as build output."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png")
