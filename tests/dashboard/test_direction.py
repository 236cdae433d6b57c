"""Signs that turn the direction of writing are written out wherever data is shown, in real Chromium."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.dashboard.browsing import Site
from tests.dashboard.histories import call, failure, moment, stubbed
from tests.dashboard.modules import Modules

SIGNS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
TURNED = "paid \u202efdp.exe\u2066"
SHOWN = r"paid \u202efdp.exe\u2066"
READ = """
() => {
  const walker = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
  const read = [document.title];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (node.nodeType === Node.TEXT_NODE) read.push(node.data);
    else for (const name of ['title', 'aria-label', 'aria-valuetext', 'data-tip']) read.push(node.getAttribute(name));
  }
  return read.filter((text) => text && /[\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]/.test(text));
}
"""


def nothing_turns(page: Page) -> None:
    """No text, title or label of the page holds a sign that turns."""
    assert page.evaluate(READ) == []


@pytest.mark.parametrize("status", ["running", "failed"])
def test_on_the_page_of_a_run(desk: Site, status: str) -> None:
    now = moment()
    error = failure(TURNED, TURNED) if status == "failed" else None
    stub = stubbed(
        "turned",
        [call(TURNED, now, 1, status="failed", error=failure(TURNED, TURNED), policy=TURNED)],
        now,
        status=status,
        workflow=TURNED,
        note=TURNED,
        progress=0.5,
        reason=TURNED,
        worker=TURNED,
        worker_name=TURNED,
        tags={TURNED: TURNED},
        error=error,
        input={TURNED: TURNED * 20},
        summary={"text": TURNED, "parts": [{"text": TURNED, "strong": False}]},
        lines=[{"id": 1, "at": now.isoformat(), "level": "info", "call": TURNED, "attempt": 1, "text": TURNED}],
    )
    with desk.page("/runs/turned", stub=stub, allow="404|Failed to load resource|net::ERR") as page:
        expect(page.locator(".run-head h1")).to_have_text(SHOWN)
        expect(page.locator(".now-text")).to_contain_text(SHOWN)
        if status == "running":
            expect(page.locator(".now-note")).to_have_text(SHOWN)
        page.locator(".tl-row .tl-name").nth(1).click()
        expect(page.locator(".insp-title")).to_contain_text(SHOWN)
        nothing_turns(page)
        for name in ("Input and result", "Logs"):
            page.get_by_role("tab", name=re.compile(name)).click()
            nothing_turns(page)
        if (more := page.get_by_role("button", name=re.compile("^show all"))).count():
            more.first.click()
            nothing_turns(page)


def test_in_the_lists(desk: Site) -> None:
    for path, known in (("/runs?id=hostile", "tr.run-row"), ("/", ".states-cell"), ("/failures", "h1")):
        with desk.page(path) as page:
            expect(page.locator(known).first).to_be_visible()
            nothing_turns(page)
    with desk.page("/runs?id=hostile-5") as page:
        expect(page.locator("tr.run-row .run-link")).to_have_attribute("title", re.compile(r"\\u202egnp\.exe\\u2066$"))
        page.locator("tr.run-row .run-link").click()
        expect(page.locator(".run-head h1")).to_have_text("place_order")
        nothing_turns(page)


def test_what_is_sent_and_copied_stays_as_it_is(desk: Site) -> None:
    with desk.page("/runs?id=hostile") as page:
        modules = Modules(page)
        made = modules.run(
            "lib/dom",
            """
            const link = m.h('a', {href: `/${a}`, title: a, 'data-key': a}, a);
            const field = m.h('input', {value: a, placeholder: a});
            const told = m.h('p', {}, 'before');
            m.say(told, a);
            const same = told.firstChild;
            m.say(told, a);
            return [link.textContent, link.title, link.dataset.key, decodeURI(new URL(link.href).pathname.slice(1)),
              field.value, field.placeholder, told.textContent, same === told.firstChild];
            """,
            SIGNS,
        )
    out = SIGNS.encode("unicode_escape").decode()
    assert made == [out, out, SIGNS, SIGNS, SIGNS, out, out, True]
