"""The benchmarks run, and print what they promise; how fast is nobody's assertion."""

import subprocess
import sys

import pytest


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["floor", "latency", "steps"])
def test_a_benchmark_prints_its_ratios(name: str) -> None:
    command = [sys.executable, "-m", "benchmarks", name, "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    assert "target" in done.stdout
    assert "noise" in done.stdout


def test_an_unknown_benchmark_is_refused() -> None:
    command = [sys.executable, "-m", "benchmarks", "nonesuch"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "nonesuch" in done.stderr
