"""What a new user does first: `stepwell dev examples/order/app.py`, and the rest in the browser."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.dashboard.browsing import browsing, shoot

ROOT = Path(__file__).parents[2]
SLOW = 30_000
"""Milliseconds that a loaded machine may take for what a person waits for."""


@contextmanager
def dev(folder: Path) -> Generator[str]:
    """`stepwell dev` on the example, in a folder of its own, until Ctrl-C; its address."""
    paths = os.pathsep.join([str(ROOT / "src"), *filter(None, sys.path)])
    env = {name: value for name, value in os.environ.items() if not name.startswith("STEPWELL_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "stepwell", "dev", str(ROOT / "examples" / "order" / "app.py")],
        cwd=folder, env={**env, "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1"}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip
    said: list[str] = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if line.split()[:1] == ["dashboard"]:
                break
        else:
            raise AssertionError("".join(said))
        yield said[-1].split()[1]
    finally:
        process.send_signal(signal.SIGINT)
        try:
            rest, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 0, "".join(said) + rest
    assert "Traceback" not in rest
    assert "mail to ada@example.com: thank-you-review for o-1" in rest


@pytest.mark.parametrize("width", [1440, 390])
def test_an_order_from_the_form_to_its_end(tmp_path: Path, width: int) -> None:
    with dev(tmp_path) as url, browsing(url) as site, site.page("/", width=width) as page:
        page.set_default_timeout(SLOW)
        expect(page.get_by_text("No runs yet")).to_be_visible(timeout=SLOW)
        shoot(page, f"first-1-empty-{width}")

        page.get_by_role("main").get_by_role("link", name="Start run").click()
        page.get_by_role("link", name=re.compile(r"^order\b")).click()
        expect(page.get_by_text("Asks for the payment, waits ten minutes for it")).to_be_visible(timeout=SLOW)
        page.get_by_label(re.compile("^order_id")).fill("o-1")
        page.get_by_role("button", name="Add item").click()
        page.get_by_label("quantity of 1").fill("2")
        page.get_by_label(re.compile("^review_after")).fill("2 seconds")
        shoot(page, f"first-2-form-{width}")
        page.get_by_role("button", name="Start run", exact=True).last.click()

        badge = page.locator(".run-head")
        expect(page).to_have_url(re.compile("/runs/[0-9a-f]{32}$"), timeout=SLOW)
        expect(badge).to_contain_text("Waiting", timeout=SLOW)
        expect(page.get_by_text(re.compile("Waits for payment.settled with key pi_o-1")).first).to_be_visible(
            timeout=SLOW
        )
        shoot(page, f"first-3-waits-{width}")
        if width < 768:
            page.get_by_role("tab", name=re.compile("^Events")).click()
        page.get_by_label(re.compile("^payment_id")).fill("p-77")
        page.get_by_role("button", name="Send", exact=True).click()

        expect(badge).to_contain_text("Succeeded", timeout=SLOW)  # without a reload: it is told live
        shoot(page, f"first-4-done-{width}")
        page.get_by_role("tab", name=re.compile("^Input")).click()
        expect(page.get_by_role("main").get_by_text('"completed"').first).to_be_visible(timeout=SLOW)
        expect(page.get_by_role("main").get_by_text('"p-77"').first).to_be_visible()
        shoot(page, f"first-5-result-{width}")

        page.goto(f"{url}/runs?status=succeeded")
        expect(page.get_by_role("main").get_by_text("order", exact=True).first).to_be_visible(timeout=SLOW)
        shoot(page, f"first-6-runs-{width}")
