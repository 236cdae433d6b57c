import subprocess
from collections.abc import Callable
from pathlib import Path
from shutil import which

import pytest
from click.testing import Result

Invoke = Callable[..., Result]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(stepwell: Invoke, shell: str) -> None:
    result = stepwell("completion", shell)
    assert result.exit_code == 0
    assert "_STEPWELL_COMPLETE" in result.stdout
    if which(shell):
        subprocess.run([shell, "-n"], input=result.stdout, text=True, check=True)


def test_an_unknown_shell(stepwell: Invoke) -> None:
    assert stepwell("completion", "tcsh").exit_code == 2


def test_what_is_completed(stepwell: Invoke) -> None:
    env = {"_STEPWELL_COMPLETE": "bash_complete", "COMP_WORDS": "stepwell runs re", "COMP_CWORD": "2"}
    said = stepwell(env=env).stdout.split()
    assert said == ["plain,resume", "plain,restart", "plain,retry"] or sorted(said) == sorted(
        ["plain,resume", "plain,restart", "plain,retry"]
    )


def test_options_of_servers_are_completed(stepwell: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def completed(words: str, at: int) -> list[str]:
        env = {"_STEPWELL_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(at)}
        return stepwell(env=env).stdout.split()

    assert completed("stepwell runs list --ser", 3) == ["plain,--server"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert completed("stepwell runs list --profile ", 4) == []
    (tmp_path / "pyproject.toml").write_text(
        '[tool.stepwell.profiles.live]\nserver = "https://x"\n[tool.stepwell.profiles.copy]\n'
    )
    assert completed("stepwell runs list --profile ", 4) == ["plain,copy", "plain,live"]
    assert completed("stepwell runs list --profile l", 4) == ["plain,live"]
    (tmp_path / "pyproject.toml").write_text("[tool.stepwell")
    assert completed("stepwell runs list --profile l", 4) == []
