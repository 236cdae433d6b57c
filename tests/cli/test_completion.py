import subprocess
from collections.abc import Callable
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
