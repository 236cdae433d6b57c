"""`stepwell versions`, and what other commands say of versions."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from stepwell import App, RunStatus
from tests.client.deploys import FITS, OLD, code, deploy

Invoke = Callable[..., Result]
PIN = 'versioning="pin"'


async def work(url: str, app: App, *, start: bool = False) -> None:
    """A worker of this version comes, takes what there is, and goes."""
    async with App(url, like=app) as there:
        if start:
            run = await there.runs.start("flow", 1, id="r")
            async with asyncio.timeout(60):
                while (await run.status()).state is not RunStatus.WAITING:
                    await asyncio.sleep(0.01)


@pytest.fixture
def versions(url: str, tmp_path: Path) -> tuple[App, App]:
    """Two versions have been there; of the first one a run is left."""
    old, new = deploy(tmp_path, OLD, PIN), deploy(tmp_path, FITS, PIN)
    asyncio.run(work(url, old, start=True))
    asyncio.run(work(url, new))
    return old, new


def test_list(stepwell: Invoke, url: str, versions: tuple[App, App]) -> None:
    old, new = versions
    result = stepwell("versions", "list", "flow", "-u", url)
    assert result.exit_code == 0
    heads, first, second = (row.split() for row in result.stdout.splitlines())
    assert heads == ["KIND", "NAME", "VERSION", "CODE", "FIRST", "SEEN", "WORKERS", "PINNED"]
    assert (first[:4], first[-2:]) == (["workflow", "flow", "1", code(old)], ["0", "1"])
    assert (second[:4], second[-2:]) == (["workflow", "flow", "2", code(new)], ["0", "0"])
    data = json.loads(stepwell("versions", "list", "-u", url, "--json").stdout)["versions"]
    assert [(row["kind"], row["name"], row["number"]) for row in data] == [
        ("step", "hang", 1), ("step", "one", 1), ("step", "two", 1), ("workflow", "flow", 1), ("workflow", "flow", 2),
    ]  # fmt: skip
    assert data[-2] == data[-2] | {"code": code(old), "workers": 0, "pinned": 1}


def test_a_live_worker_is_counted(stepwell: Invoke, url: str, versions: tuple[App, App]) -> None:
    async def look() -> Result:
        async with App(url, like=versions[1]):
            return await asyncio.to_thread(stepwell, "versions", "list", "flow", "-u", url, "--json")

    rows = json.loads(asyncio.run(look()).stdout)["versions"]
    assert [row["workers"] for row in rows] == [0, 1]


def test_nothing_to_list(stepwell: Invoke, url: str, versions: tuple[App, App]) -> None:
    result = stepwell("versions", "list", "other", "-u", url)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "'other' has no versions" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["1"], ["1", "2"]], ids=["newest", "since", "both"])
def test_diff(stepwell: Invoke, url: str, versions: tuple[App, App], arguments: list[str]) -> None:
    result = stepwell("versions", "diff", "flow", *arguments, "-u", url)
    assert result.exit_code == 1  # they differ
    lines = result.stdout.splitlines()
    assert lines[0] == f"--- flow 1 ({code(versions[0])})"
    assert "-    return y" in lines
    assert "+    return await two(y)" in lines


def test_diff_by_fingerprint_as_data(stepwell: Invoke, url: str, versions: tuple[App, App]) -> None:
    old, new = versions
    result = stepwell("versions", "diff", "flow", code(new)[:6], code(old), "-u", url, "--json")
    data = json.loads(result.stdout)
    assert (data["from"]["number"], data["to"]["number"]) == (2, 1)
    assert "-    return await two(y)" in data["diff"]


def test_no_difference(stepwell: Invoke, url: str, versions: tuple[App, App]) -> None:
    result = stepwell("versions", "diff", "flow", "2", "2", "-u", url)
    assert (result.exit_code, result.stdout) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["other"], "'other' has no versions"),
        (["flow", "7"], "'flow' has no version '7'"),
        (["one"], "'one' has no version before 1"),
    ],
)
def test_what_there_is_not(
    stepwell: Invoke, url: str, versions: tuple[App, App], arguments: list[str], said: str
) -> None:
    result = stepwell("versions", "diff", *arguments, "-u", url)
    assert result.exit_code == 3
    assert said in result.stderr


# -- pinned runs elsewhere -------------------------------------------------------------------------


def test_stranded_runs_are_shown_and_freed(stepwell: Invoke, url: str, versions: tuple[App, App]) -> None:
    old, _ = versions
    warning = f"1 run of 'flow' pinned to code {code(old)}, which no live worker has"
    doctor = stepwell("doctor", "-u", url)
    assert warning in doctor.stdout
    assert "stepwell runs unpin" in doctor.stdout
    workers = stepwell("workers", "list", "-u", url)
    assert warning in workers.stderr
    (data,) = json.loads(stepwell("workers", "list", "-u", url, "--json").stdout)["stranded"]
    assert (data["workflow"], data["code"], data["count"]) == ("flow", code(old), 1)
    assert f"code {code(old)}" in stepwell("runs", "show", "r", "-u", url).stdout

    freed = stepwell("runs", "unpin", "r", "-u", url)
    assert (freed.exit_code, freed.stdout.split()) == (0, ["r", "waiting"])
    assert warning not in stepwell("doctor", "-u", url).stdout
    assert json.loads(stepwell("runs", "unpin", "r", "-u", url, "--json").stdout)["runs"][0]["pin"] is None
    assert stepwell("runs", "terminate", "r", "-u", url, "--yes").exit_code == 0
    assert stepwell("runs", "unpin", "r", "-u", url).exit_code == 4


def test_check_leaves_pinned_runs_alone(stepwell: Invoke, url: str, versions: tuple[App, App], tmp_path: Path) -> None:
    file = tmp_path / "next.py"
    file.write_text(Path(_file_of(versions[1])).read_text(encoding="utf-8"), encoding="utf-8")
    result = stepwell("check", "--app", file, "-u", url)
    assert result.exit_code == 0
    assert "all fit: 0 runs in flight replayed." in result.stdout
    assert "pinned: 1 run stay with workers that have other code" in result.stdout


def _file_of(app: App) -> Any:
    definition = app.registry.workflow("flow")
    assert definition is not None
    return definition.fn.__code__.co_filename
