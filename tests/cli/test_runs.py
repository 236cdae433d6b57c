import asyncio
import json
import re
import signal
from collections.abc import Callable
from typing import Any

import click.testing
import pytest
from click.testing import Result

from stepwell import App
from stepwell.cli import showing
from stepwell.cli.runs import LONGEST_REASON, _about
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus

Invoke = Callable[..., Result]


def listed(result: Result) -> list[str]:
    assert result.exit_code == 0, result.output
    return [run["id"] for run in json.loads(result.stdout)["runs"]]


def test_list_shows_runs_newest_first(stepwell: Invoke, filled: str) -> None:
    result = stepwell("runs", "list", "-u", filled)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split()[:3] == ["ID", "WORKFLOW", "STATUS"]
    assert [line.split()[0] for line in lines[1:]] == ["later", "asks", "bad", "good"]
    assert "waiting for event approved" in result.stdout
    assert '"hello ann" · n=1 · team=a' in result.stdout
    assert "greeting" not in result.stdout, "what came of it, not how far it was"


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        (["--status", "failed"], ["bad"]),
        (["-s", "errored", "-s", "completed"], ["bad", "good"]),
        (["--workflow", "hello"], ["later", "good"]),
        (["--tag", "team=a"], ["good"]),
        (["--tag", "n=1"], ["good"]),
        (["--tag", "n=2"], []),
        (["--id-prefix", "la"], ["later"]),
        (["--since", "1h"], ["later", "asks", "bad", "good"]),
        (["--until", "2020-01-31T10:00Z"], []),
        (["--limit", "2"], ["later", "asks"]),
    ],
)
def test_list_filters(stepwell: Invoke, filled: str, options: list[str], ids: list[str]) -> None:
    assert listed(stepwell("runs", "list", "-u", filled, "--json", *options)) == ids


def test_list_tells_results_as_data(stepwell: Invoke, filled: str) -> None:
    runs = json.loads(stepwell("runs", "list", "-u", filled, "--json").stdout)["runs"]
    assert {run["id"]: run["brief"] for run in runs} == {
        "good": '"hello ann"',
        "bad": None,
        "asks": None,
        "later": None,
    }


def test_list_goes_on_after_a_cursor(stepwell: Invoke, filled: str) -> None:
    page = json.loads(stepwell("runs", "list", "-u", filled, "--json", "-l", 3).stdout)
    assert [run["id"] for run in page["runs"]] == ["later", "asks", "bad"]
    rest = stepwell("runs", "list", "-u", filled, "--json", "-l", 3, "--after", page["after"])
    assert listed(rest) == ["good"]
    assert json.loads(rest.stdout)["after"] is None


def test_list_says_when_there_is_nothing(stepwell: Invoke, filled: str) -> None:
    result = stepwell("runs", "list", "-u", filled, "-s", "parked")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "No runs match" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["runs", "list", "-s", "asleep"], 2, "error[invalid_option]: no run status is called 'asleep'"),
        (["runs", "list", "--since", "soon"], 2, "error[invalid_duration]"),
        (["runs", "list", "--tag", "nothing"], 2, "write name=value"),
        (["runs", "list", "--after", "xyz"], 3, "error[not_found]"),
        (["runs", "show", "nobody"], 3, "error[not_found]: there is no run 'nobody'"),
        (["runs", "watch", "nobody"], 3, "error[not_found]"),
        (["runs", "retry", "good"], 4, "error[illegal_state]: run good is succeeded: retry is not possible"),
        (["runs", "pause", "nobody", "good"], 3, "error[not_found]"),
    ],
)
def test_refusals_have_a_code_and_no_traceback(
    stepwell: Invoke, filled: str, arguments: list[str], code: int, said: str
) -> None:
    result = stepwell(*arguments, "-u", filled)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_read_makes_no_database(stepwell: Invoke, url: str) -> None:
    result = stepwell("runs", "list", "-u", url)
    assert result.exit_code == 5
    assert "error[schema_missing]" in result.stderr
    assert "stepwell db init" in result.stderr


def test_show_tells_what_happened(stepwell: Invoke, filled: str) -> None:
    shown = stepwell("runs", "show", "bad", "-u", filled).stdout
    assert "refuse" in shown
    assert "failed" in shown
    assert "attempt 1" in shown
    assert "ValueError: not today, ben" in shown
    assert "Traceback" in shown  # of the step that failed, from the journal
    shown = stepwell("runs", "show", "good", "-u", filled).stdout
    assert '"hello ann"' in shown
    assert "team=a" in shown


def test_show_as_data(stepwell: Invoke, filled: str) -> None:
    data = json.loads(stepwell("runs", "show", "good", "-u", filled, "--json").stdout)
    assert data["id"] == "good"
    assert data["status"] == "succeeded"
    assert data["input"] == {"name": "ann"}
    assert data["result"] == "hello ann"
    assert data["error"] is None
    assert data["progress"] == 0.5
    assert data["created_at"].endswith("Z")
    assert [entry["k"] for entry in data["journal"]] == ["started", "step", "finish"]
    failed = json.loads(stepwell("runs", "show", "bad", "-u", filled, "--json").stdout)
    assert failed["error"] == {"type": "ValueError", "message": "not today, ben", "code": None}


def test_show_with_code_says_what_the_body_waits_for(stepwell: Invoke, filled: str, shop: Any) -> None:
    shown = stepwell("runs", "show", "asks", "-u", filled, "--app", shop.__file__).stdout
    assert "approved" in shown
    assert re.search(r"timeout in (1 h|\d+ min)", shown), "less than an hour, the longer ago the tests began"


def test_watch_follows_to_the_end(stepwell: Invoke, filled: str) -> None:
    result = stepwell("runs", "watch", "good", "-u", filled)
    assert result.exit_code == 0
    assert "✓ greet" in result.stdout
    assert "good succeeded" in result.stdout
    result = stepwell("runs", "watch", "bad", "-u", filled)
    assert result.exit_code == 1
    assert "ValueError: not today, ben" in result.stdout


def test_a_watch_is_left_by_an_interrupt(program: Any, filled: str) -> None:
    watch = program("runs", "watch", "asks", "-u", filled, "--every", "0.05")
    watch.until("asks waiting")
    assert watch.end(signal.SIGINT) == 130
    assert "Traceback" not in "".join(watch.said)


def test_what_is_stored_cannot_steer_the_terminal(stepwell: Invoke, url: str, shop: Any) -> None:
    evil = "\x1b]0;owned\x07\x9b31m\u202eabc\r\nok"

    async def prepare() -> None:
        async with App(url, like=shop.app):
            await (await shop.hello.options(id=f"e{evil}", tags={"t": evil}).start(evil)).result(60)
            run = await shop.refuse.options(id="evil").start("never")
            with pytest.raises(Exception, match="never"):
                await run.result(60)

    asyncio.run(prepare())
    commands = [["list"], ["list", "--json"], ["show", f"e{evil}"], ["show", "evil"], ["show", "evil", "--json"],
                ["watch", f"e{evil}"], ["show", f"missing{evil}"]]  # fmt: skip
    for command in commands:
        result = stepwell("runs", *command, "-u", url)
        for bad in "\x1b\x07\x9b\u202e\r":
            assert bad not in result.output, (command, bad)
    assert "\\x1b[31mred" in stepwell("runs", "show", "evil", "-u", url).stdout
    data = json.loads(stepwell("runs", "list", "-u", url, "--json").stdout)
    assert evil in {run["tags"].get("t") for run in data["runs"]}


@pytest.fixture
def open_runs(url: str, shop: Any) -> str:
    async def prepare() -> None:
        async with App(url, mode="client", like=shop.app):
            for name in ("one", "two"):
                await shop.hello.options(id=name).start(name)

    asyncio.run(prepare())
    return url


def test_steering(stepwell: Invoke, open_runs: str) -> None:
    def steered(verb: str, *more: str) -> str:
        result = stepwell("runs", verb, "one", *more, "-u", open_runs)
        assert result.exit_code == 0, result.output
        return result.stdout.split()[-1]

    assert steered("pause") == "paused"
    assert steered("pause") == "paused"
    assert steered("resume") == "queued"
    assert steered("cancel") == "queued"
    assert "one  cancelling, queued" in stepwell("runs", "cancel", "one", "-u", open_runs).stdout
    assert steered("terminate") == "terminated"
    assert steered("restart", "--yes") == "queued"
    shown = json.loads(stepwell("runs", "show", "one", "-u", open_runs, "--json").stdout)
    assert shown["generation"] == 2
    assert {entry["generation"] for entry in shown["journal"]} == {1, 2}
    assert "terminated" in stepwell("runs", "show", "one", "-g", 1, "-u", open_runs).stdout


def test_steering_several_runs_goes_on_after_a_refusal(stepwell: Invoke, open_runs: str) -> None:
    result = stepwell("runs", "terminate", "one", "nobody", "two", "-u", open_runs, "--json")
    assert result.exit_code == 3
    data = json.loads(result.stdout)
    assert [(run["id"], run["status"]) for run in data["runs"]] == [("one", "terminated"), ("two", "terminated")]
    assert [error["code"] for error in data["errors"]] == ["not_found"]


def test_retry_goes_on_from_the_failure(stepwell: Invoke, url: str, shop: Any) -> None:
    async def prepare() -> None:
        async with App(url, like=shop.app):
            run = await shop.refuse.options(id="bad").start("eve")
            with pytest.raises(Exception, match="not today"):
                await run.result(60)

    asyncio.run(prepare())
    assert stepwell("runs", "retry", "bad", "-u", url).stdout.split() == ["bad", "queued"]
    assert "retried" in stepwell("runs", "show", "bad", "-u", url).stdout


def test_the_reason_of_a_parked_run_is_told_in_one_line() -> None:
    row = RunRow(key=b"k" * 16, id="r1", workflow="w", status=RunStatus.PARKED,
                 reason="no retry used:\n  journal  step a\n  code     step b" + " x" * 100)  # fmt: skip
    assert _about(row).startswith("no retry used: journal step a code step b x x")
    assert len(_about(row)) == LONGEST_REASON


def test_a_long_journal_is_whole_for_programs_and_on_request(
    stepwell: Invoke, url: str, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def prepare() -> None:
        async with App(url, like=shop.app):
            await (await shop.hello.options(id="h").start("ann")).result(60)

    asyncio.run(prepare())
    monkeypatch.setattr(showing, "MOST", 1)
    assert "--all" not in stepwell("runs", "show", "h", "-u", url).stdout, "what is piped on is whole"
    monkeypatch.setattr(click.testing._NamedTextIOWrapper, "isatty", lambda self: True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "  … 1 more: --all" in stepwell("runs", "show", "h", "-u", url).stdout
    assert "--all" not in stepwell("runs", "show", "h", "--all", "-u", url).stdout


def test_the_engines_own_frames_are_not_shown(stepwell: Invoke, filled: str) -> None:
    shown = stepwell("runs", "show", "bad", "-u", filled).stdout
    assert "shop.py" in shown
    assert "executor.py" not in shown
