import json
import platform
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from stepwell import __version__
from stepwell.cli.versions import PARTS

Invoke = Callable[..., Result]


def test_versions(stepwell: Invoke) -> None:
    shown = stepwell("version").stdout
    assert shown.startswith(f"stepwell {__version__}\n")
    assert f"Python {platform.python_version()}" in shown
    data = json.loads(stepwell("version", "--json").stdout)
    assert data["stepwell"] == __version__
    assert {"python", "apsw", "msgspec", "litestar", "uvicorn"} <= set(data)


def test_everything_that_is_installed_with_it_is_named() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert {re.split(r"[^\w-]", requirement)[0] for requirement in project["dependencies"]} <= set(PARTS)
