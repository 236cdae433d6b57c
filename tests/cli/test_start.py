import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from stepwell import App, RunFailed
from stepwell.client.discover import load

Invoke = Callable[..., Result]


def row(stepwell: Invoke, url: str, run: str) -> Any:
    return json.loads(stepwell("runs", "show", run, "-u", url, "--json").stdout)


def test_start_by_name_alone(stepwell: Invoke, url: str) -> None:
    result = stepwell("start", "hello", '{"name": "ann"}', "--id", "h1", "--priority", 5, "--delay", "1h",
                      "--queue", "slow", "--tag", "team=a", "--tag", "n=1", "-u", url)  # fmt: skip
    assert (result.exit_code, result.stdout) == (0, "h1\n")
    found = row(stepwell, url, "h1")
    assert (found["workflow"], found["status"], found["queue"], found["priority"]) == ("hello", "queued", "slow", 5)
    assert found["input"] == {"name": "ann"}
    assert found["tags"] == {"team": "a", "n": 1}
    assert found["due_at"] > found["created_at"]


def test_start_is_idempotent_and_conflicts(stepwell: Invoke, url: str) -> None:
    for _ in range(2):
        again = stepwell("start", "hello", '"ann"', "--id", "h1", "-u", url, "--json")
        assert json.loads(again.stdout) == {"id": "h1", "workflow": "hello"}
    other = stepwell("start", "hello", '"ben"', "--id", "h1", "-u", url)
    assert other.exit_code == 4
    assert "error[conflict]" in other.stderr


def test_input_from_a_file_or_a_pipe(stepwell: Invoke, url: str, tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text('"from a file"')
    stepwell("start", "hello", f"@{tmp_path}/in.json", "--id", "file", "-u", url)
    stepwell("start", "hello", "-", "--id", "pipe", "-u", url, input='"from a pipe"')
    stepwell("start", "hello", "--id", "none", "-u", url)
    assert [row(stepwell, url, run)["input"] for run in ("file", "pipe", "none")] == [
        "from a file",
        "from a pipe",
        {},
    ]


@pytest.mark.parametrize("code", [True, False])
def test_without_input_there_are_no_arguments(stepwell: Invoke, url: str, tmp_path: Path, code: bool) -> None:
    file = tmp_path / "args.py"
    file.write_text(
        "from stepwell import App\n\n"
        "app = App()\n\n"
        "@app.workflow\nasync def defaults(a: int = 1, b: str = 'x') -> str:\n    return b * a\n\n"
        "@app.workflow\nasync def nothing() -> str:\n    return 'done'\n"
    )
    at = ("--app", file, "-u", url) if code else ("-u", url)
    for name in ("defaults", "nothing"):
        started = stepwell("start", name, "--id", name, *at)
        assert (started.exit_code, started.stdout) == (0, f"{name}\n")
        assert stepwell("start", name, "{}", "--id", name, *at).exit_code == 0, "the same start"
    stepwell("start", "defaults", "null", "--id", "null", "-u", url)

    async def work() -> list[Any]:
        async with App(url, like=load(str(file))) as app:
            with pytest.raises(RunFailed, match="got `null`"):
                await (await app.runs.get("null")).result(60)
            return [await (await app.runs.get(name)).result(60) for name in ("defaults", "nothing")]

    assert asyncio.run(work()) == ["x", "done"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["hello", "ann"], 2, "needs its quotes"),
        (["hello", "--delay", "soon"], 2, "error[invalid_duration]"),
        (["hello", "--priority", "high"], 2, "not a valid integer"),
        (["hello", "--app", "{shop}", '{"nom": 1}'], 2, "error[type_mismatch]"),
        (["helo", "--app", "{shop}"], 3, "error[unknown_workflow]: no workflow is called 'helo'"),
        (["hello", "--app", "missing.py"], 2, "error[app_not_found]"),
    ],
)
def test_refusals(stepwell: Invoke, url: str, shop: Any, arguments: list[str], code: int, said: str) -> None:
    result = stepwell("start", *[a.replace("{shop}", shop.__file__) for a in arguments], "-u", url)
    assert result.exit_code == code, result.output
    assert said in result.stderr
    assert result.stdout == ""


def test_the_url_may_come_from_the_environment(stepwell: Invoke, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPWELL_DATABASE_URL", url)
    monkeypatch.setenv("STEPWELL_NAMESPACE", "other")
    assert stepwell("start", "hello", "--id", "h1").exit_code == 0
    assert [r["id"] for r in json.loads(stepwell("runs", "list", "--json").stdout)["runs"]] == ["h1"]
    assert json.loads(stepwell("runs", "list", "--json", "-n", "default").stdout)["runs"] == []


def test_wait(stepwell: Invoke, program: Any, shop: Any, url: str) -> None:
    worker = program("worker", shop.__file__, "-u", url)
    worker.until("worker ready")
    good = stepwell("start", "hello", '"ann"', "--wait", "-u", url)
    assert good.exit_code == 0
    assert good.stdout == '"hello ann"\n'
    assert len(good.stderr.split()) == 1, "the run's id"
    data = json.loads(stepwell("start", "hello", '"ben"', "--wait", "--json", "-u", url).stdout)
    assert data["result"] == "hello ben"
    bad = stepwell("start", "refuse", '"cid"', "--wait", "-u", url)
    assert bad.exit_code == 1
    assert "error[run_failed]" in bad.stderr
    assert "not today, cid" in bad.stderr
    late = stepwell("start", "approval", '"dan"', "--wait", "--timeout", "0.05s", "-u", url)
    assert late.exit_code == 1
    assert "error[timeout]" in late.stderr


def test_a_database_that_ends_with_the_command_is_refused(stepwell: Invoke) -> None:
    refused = stepwell("start", "hello", '"ann"', "--url", "memory://")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "error[invalid_option]: memory:// belongs to one process alone" in refused.stderr
