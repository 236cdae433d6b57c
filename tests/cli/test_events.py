import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import Result

Invoke = Callable[..., Result]


def test_send_to_a_key_or_a_run(stepwell: Invoke, program: Any, shop: Any, url: str) -> None:
    worker = program("worker", shop.__file__, "-u", url)
    worker.until("worker ready")
    stepwell("start", "approval", '"ann"', "--id", "a1", "-u", url)
    for _ in range(2):
        sent = stepwell("events", "send", "approved", '{"by": "eve"}', "--key", "ann", "--id", "once", "-u", url)
        assert (sent.exit_code, sent.stdout) == (0, "")
        assert "sent approved to key ann" in sent.stderr
    assert stepwell("runs", "watch", "a1", "-u", url, "--every", 0.05).exit_code == 0
    shown = json.loads(stepwell("runs", "show", "a1", "-u", url, "--json").stdout)
    assert shown["result"] == "hello ann: {'by': 'eve'}"
    closed = stepwell("events", "send", "approved", "{}", "--run", "a1", "-u", url)
    assert closed.exit_code == 4
    assert "error[illegal_state]" in closed.stderr

    published = stepwell("events", "publish", "approved", '{"by": "zoe"}', "--id", "p1", "-u", url, "--json")
    (run,) = json.loads(published.stdout)["runs"]
    assert run["workflow"] == "note"
    again = stepwell("events", "publish", "approved", '{"by": "zoe"}', "--id", "p1", "-u", url)
    assert again.stdout.split() == [run["id"], "note"]
    assert stepwell("runs", "watch", run["id"], "-u", url, "--every", 0.05).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["send", "approved"], 2, "exactly one of --key and --run"),
        (["send", "approved", "--key", "k", "--run", "good"], 2, "exactly one of --key and --run"),
        (["send", "approved", "--run", "nobody"], 3, "error[not_found]"),
        (["send", "approved", "{oops", "--key", "k"], 2, "is not JSON"),
        (["send", "approved", "[1]", "--key", "k", "--app", "{shop}"], 2, "error[type_mismatch]"),
        (["send", "aproved", "--key", "k", "--app", "{shop}"], 3, "error[unknown_event]"),
        (["publish", "aproved", "--app", "{shop}"], 3, "error[unknown_event]"),
    ],
)
def test_refusals(stepwell: Invoke, filled: str, shop: Any, arguments: list[str], code: int, said: str) -> None:
    result = stepwell("events", *[a.replace("{shop}", shop.__file__) for a in arguments], "-u", filled)
    assert result.exit_code == code, result.output
    assert said in result.stderr


def test_publishing_what_nobody_waits_for_is_said_once(
    stepwell: Invoke, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    result = stepwell("events", "publish", "unheard", "-u", url)
    assert result.exit_code == 0
    assert result.stderr == "Nothing was started: no workflow is on this event.\n"
    assert [record.getMessage() for record in caplog.records if record.name.startswith("stepwell")] == []
