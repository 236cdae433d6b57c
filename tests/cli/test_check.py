import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result

Invoke = Callable[..., Result]


def test_code_that_fits(stepwell: Invoke, filled: str, shop: Any) -> None:
    result = stepwell("check", "--app", shop.__file__, "-u", filled)
    assert result.exit_code == 0
    assert "all fit: 2 runs in flight replayed." in result.stdout
    data = json.loads(stepwell("check", "--app", shop.__file__, "-u", filled, "--json").stdout)
    assert data == {"checked": 2, "counts": {"fits": 2}, "misfits": []}


def changed(shop: Any, folder: Path, old: str, new: str) -> Path:
    """The app's source, edited."""
    source = Path(shop.__file__).read_text()
    assert old in source
    file = folder / f"shop_{abs(hash(new))}.py"
    file.write_text(source.replace(old, new))
    return file


def test_code_that_diverges(stepwell: Invoke, filled: str, shop: Any, tmp_path: Path) -> None:
    file = changed(shop, tmp_path, "said = await greet(name)\n    answer", "said = name\n    answer")
    result = stepwell("check", "--app", file, "-u", filled)
    assert result.exit_code == 1
    assert "asks  approval  waiting  diverges" in result.stdout
    assert "journal, entry 1: step 'greet'" in result.stdout
    assert "code asks for:    event 'approved'" in result.stdout
    assert "do not fit: 1 diverges of 2 runs in flight." in result.stdout
    assert "Deployed so, they would be parked until code that fits them comes" in result.stdout
    assert "nobody would take" not in result.stdout


def test_drift_and_unknown_workflows(stepwell: Invoke, filled: str, shop: Any, tmp_path: Path) -> None:
    drifted = changed(shop, tmp_path, "said = await greet(name)", "said = await greet(name.upper())")
    data = json.loads(stepwell("check", "--app", drifted, "-u", filled, "--json").stdout)
    (misfit,) = data["misfits"]
    assert (misfit["id"], misfit["fit"]) == ("asks", "diverges")
    assert "other arguments than recorded: greet" in misfit["diff"]
    gone = changed(shop, tmp_path, "async def hello(", "async def hullo(")
    result = stepwell("check", "--app", gone, "-u", filled)
    assert result.exit_code == 1
    assert "later  hello  queued  unknown workflow" in result.stdout
    assert "Deployed so, nobody would take them: a worker takes only runs of workflows that it has." in result.stdout
    assert "parked" not in result.stdout
    both = tmp_path / "both.py"
    both.write_text(drifted.read_text().replace("async def hello(", "async def hullo("))
    said = " ".join(stepwell("check", "--app", both, "-u", filled).stdout.split())
    assert "Deployed so, 1 run would be parked until" in said
    assert "Deployed so, nobody would take 1 run:" in said


def test_usage(stepwell: Invoke, filled: str, tmp_path: Path) -> None:
    assert stepwell("check", "-u", filled).exit_code == 2
    broken = tmp_path / "broken_app.py"
    broken.write_text("import no_such_thing\n")
    result = stepwell("check", "--app", broken, "-u", filled)
    assert result.exit_code == 2
    assert "error[app_broken]" in result.stderr
    assert f'File "{broken}", line 1' in result.stderr, "the user's own traceback"
