import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

Invoke = Callable[..., Result]


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Look again until it holds: what is awaited happens in another process."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.02)


def status(stepwell: Invoke, url: str, run: str) -> str:
    return str(json.loads(stepwell("runs", "show", run, "-u", url, "--json").stdout)["status"])


def test_sigterm_drains(stepwell: Invoke, program: Any, shop: Any, url: str, tmp_path: Path) -> None:
    worker = program("worker", shop.__file__, "-u", url, "--log-format", "json", "--processes", "2")
    ready = json.loads(worker.until("worker ready"))
    assert ready["level"] == "info"
    assert ready["logger"] == "stepwell.worker"
    assert ready["worker"]
    listed = json.loads(stepwell("workers", "list", "-u", url, "--json").stdout)["workers"]
    assert ready["pid"] in {row["pid"] for row in listed}
    assert all(row["alive"] for row in listed)

    asked = json.dumps({"seconds": 0.7, "folder": str(tmp_path)})
    assert stepwell("start", "slow", asked, "--id", "slow", "-u", url).exit_code == 0
    wait_for((tmp_path / "began").exists)
    assert worker.end(signal.SIGTERM) == 0
    assert (tmp_path / "ended").exists(), "a running step has its grace"
    assert status(stepwell, url, "slow") in ("queued", "succeeded")
    kinds = [e["k"] for e in json.loads(stepwell("runs", "show", "slow", "-u", url, "--json").stdout)["journal"]]
    assert "step" in kinds, "and its result is recorded"
    assert json.loads(stepwell("workers", "list", "-u", url, "--json").stdout)["workers"] == []
    assert all(json.loads(line) for line in worker.said)


def test_a_database_that_was_moved_ends_the_worker(
    stepwell: Invoke, program: Any, shop: Any, url: str, tmp_path: Path
) -> None:
    worker = program("worker", shop.__file__, "-u", url, env={"STEPWELL_POLL_INTERVAL": "0.05", shop.LEASE: "5"})
    worker.until("worker ready")
    assert stepwell("move", url, f"sqlite:///{tmp_path / 'new.db'}").exit_code == 0
    assert worker.end() == 5
    said = "".join(worker.said)
    assert "the database was moved to" in said
    assert "another one begins" not in said


def test_a_second_signal_stops_at_once(stepwell: Invoke, program: Any, shop: Any, url: str, tmp_path: Path) -> None:
    worker = program("worker", shop.__file__, "-u", url)
    worker.until("worker ready")
    stepwell("start", "slow", json.dumps({"seconds": 60, "folder": str(tmp_path)}), "-u", url)
    wait_for((tmp_path / "began").exists)
    worker.process.send_signal(signal.SIGINT)
    worker.until("stopping")
    assert worker.end(signal.SIGINT) == 130
    assert not (tmp_path / "ended").exists()


def test_a_poison_run_is_executed_alone_and_then_parked(
    stepwell: Invoke, program: Any, shop: Any, url: str, tmp_path: Path
) -> None:
    worker = program("worker", shop.__file__, "-u", url, env={shop.LEASE: "5"})
    worker.until("worker ready")
    stepwell("start", "poison", json.dumps({"folder": str(tmp_path)}), "--id", "poison", "-u", url)
    worker.until("ended with signal SIGKILL")
    alone = worker.until("executed alone")
    assert "run_id=poison" in alone
    assert "parked" in worker.until("the process of run poison ended with signal SIGKILL")
    result = stepwell("start", "hello", '"neighbour"', "--wait", "--timeout", "60s", "-u", url)
    assert result.stdout.splitlines()[-1] == '"hello neighbour"'
    wait_for(lambda: status(stepwell, url, "poison") == "parked")
    assert worker.end(signal.SIGTERM) == 0
    deaths = (tmp_path / "deaths").read_text().split()
    assert len(deaths) == 3
    assert len(set(deaths)) == 3
    shown = stepwell("runs", "show", "poison", "-u", url).stdout
    assert "quarantine" in shown
    assert stepwell("runs", "watch", "poison", "-u", url).exit_code == 1


def test_children_end_with_their_parent(program: Any, shop: Any, url: str, stepwell: Invoke) -> None:
    worker = program("worker", shop.__file__, "-u", url, "--log-format", "json")
    child = json.loads(worker.until("worker ready"))["pid"]
    worker.process.kill()

    def gone() -> bool:
        try:
            stat = Path(f"/proc/{child}/stat").read_text()
        except OSError:
            return True
        return stat.rsplit(")", 1)[1].split()[0] in "ZX"

    if Path("/proc").exists():
        wait_for(gone)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("from nowhere import nothing", "error[app_broken]: importing {file} failed with ModuleNotFoundError"),
        ("x = 1", "error[app_not_found]: there is no App in {file}"),
        ("from stepwell import App\napp = App('memory://')", "error[invalid_option]: memory://"),
    ],
)
def test_what_cannot_work_is_not_restarted(program: Any, tmp_path: Path, url: str, source: str, said: str) -> None:
    file = tmp_path / "app.py"
    file.write_text(source)
    arguments = ["worker", file] if "memory" in source else ["worker", file, "-u", url]
    worker = program(*arguments)
    assert worker.end() == 2
    assert said.format(file=file) in "".join(worker.said)


def test_usage(stepwell: Invoke, tmp_path: Path) -> None:
    assert stepwell("worker").exit_code == 2
    missing = stepwell("worker", tmp_path / "none.py")
    assert missing.exit_code == 2
    assert "error[app_not_found]" in missing.stderr
    assert stepwell("worker", "app.py", "--processes", "0").exit_code == 2


def test_a_database_that_cannot_be_used(program: Any, shop: Any, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database " * 100)
    worker = program("worker", shop.__file__, "-u", f"sqlite:///{tmp_path}/text.db")
    assert worker.end() == 5
    assert "error[store_corrupt]" in "".join(worker.said)
