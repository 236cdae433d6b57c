"""What is printed for a person to type finds this very program."""

import sys
from pathlib import Path

import pytest

from stepwell.cli.program import program


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in an environment's folder below the current one, which is not on the PATH."""
    file = tmp_path / ".venv" / "bin" / "stepwell"
    file.parent.mkdir(parents=True)
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(sys, "argv", [str(file), "demo"])
    return file


def test_a_program_on_the_path_has_its_short_name(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(installed.parent))
    assert program() == "stepwell"


def test_elsewhere_it_is_named_from_the_current_folder(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert program() == ".venv/bin/stepwell"
    monkeypatch.chdir(installed.parent)
    assert program() == "./stepwell"
    other = installed.parents[2] / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    assert program() == str(installed)


def test_a_module_is_called_through_its_python(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/lib/stepwell/__main__.py"])
    monkeypatch.setattr(sys, "executable", str(installed.with_name("python")))
    assert program() == ".venv/bin/python -m stepwell"


def test_called_by_another_program_it_has_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/pytest"])
    assert program() == "stepwell"
