import logging
from pathlib import Path
from typing import Any

import pytest

from stepwell import App
from stepwell.cli.serving import Service, _banner, _logged, _tell_events
from stepwell.errors import NonRetryableError
from stepwell.runtime.hooks import HookEvent


def test_the_banner_says_what_is_served(shop: Any) -> None:
    app = App("sqlite:////tmp/x.db", like=shop.app)
    lines = _banner(app, Service(reference="shop.py:app", banner="first")).splitlines()
    assert lines[0] == "stepwell dev  shop.py:app"
    assert "  workflows  hello, refuse, approval, slow, poison, note" in lines
    assert "  steps      greet, decline, linger, die" in lines
    assert "  events     approved" in lines
    assert "  start one  stepwell start hello '{\"name\": …}' --url sqlite:////tmp/x.db" in lines
    assert _banner(app, Service(reference="", banner="again")) == "reloaded: 6 workflows, 4 steps\n"


def test_an_empty_app_and_a_password(tmp_path: Path) -> None:
    app = App("sqlite://me:hush@/x.db")
    shown = _banner(app, Service(reference="r", banner="first"))
    assert "hush" not in shown
    assert "workflows  none" in shown
    assert "start one" not in shown


def test_events_are_logged_with_their_fields(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "stepwell")
    _logged(HookEvent(name="run.started", at=1.0, run_id="r1", workflow="w"))
    _logged(
        HookEvent(name="step.retrying", at=1.0, run_id="r1", workflow="w", call="a", attempt=2, error=ValueError("no"))
    )
    _logged(HookEvent(name="run.parked", at=1.0, run_id="r1", workflow="w", reason="diverged"))
    refused = NonRetryableError("User not found")
    _logged(
        HookEvent(
            name="run.failed", at=1.0, run_id="r1", workflow="w",
            error=refused, reason="NonRetryableError: User not found",
        )
    )  # fmt: skip
    records = [record for record in caplog.records if record.name == "stepwell.worker"]
    assert [(r.levelname, r.getMessage()) for r in records] == [
        ("INFO", "run started"),
        ("WARNING", "step a retrying: ValueError: no"),
        ("WARNING", "run parked: diverged"),
        ("WARNING", "run failed: NonRetryableError: User not found"),
    ]
    assert records[1].__dict__["step"] == "a"
    assert records[1].__dict__["run_id"] == "r1"


@pytest.mark.parametrize(("verbose", "wanted"), [(True, True), (False, False)])
def test_in_production_only_what_needs_attention(verbose: bool, wanted: bool) -> None:
    app = App("memory://")
    _tell_events(app, verbose)
    assert app.hooks.wants("run.failed")
    assert app.hooks.wants("step.succeeded") is wanted
    assert not app.hooks.wants("worker.started")
