import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from click.testing import Result

Invoke = Callable[..., Result]
PACE = "1.3"
"""So long that the worker is killed in the middle of its step though the demo comes late to it."""


def test_the_demo_shows_what_it_claims(stepwell: Invoke, program: Any, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    demo = program("demo", "--keep", folder, "--pace", PACE)
    code = demo.end()
    said = "".join(demo.said)
    assert code == 0, said
    assert "kill -9" in said
    assert "did not hold" not in said
    assert "from the journal it has the results of reserve_stock, open_invoice" in said
    rows = {line.split()[0]: line for line in demo.said if " × " in line}
    assert rows["pack_parcel"].split()[1:7] == ["2", "×", "1", "×", "1", "×"]
    for step in ("reserve_stock", "open_invoice", "print_label", "book_courier", "send_receipt"):
        assert rows[step].split()[1:7] == ["1", "×", "1", "×", "1", "×"]
    url = f"sqlite:///{folder / 'demo.db'}"
    assert f"stepwell runs show order-1001 --url {url}" in said
    shown = json.loads(stepwell("runs", "show", "order-1001", "-u", url, "--json").stdout)
    assert shown["status"] == "succeeded"
    assert json.loads(stepwell("workers", "list", "-u", url, "--json").stdout)["workers"] == []
    again = stepwell("demo", "--keep", folder)
    assert again.exit_code == 2
    assert "has a demo already" in again.stderr


def test_without_a_terminal_it_says_where_to_look(program: Any, tmp_path: Path) -> None:
    demo = program("demo", "--pace", PACE, env={"TMPDIR": str(tmp_path)})
    assert demo.end() == 0, "".join(demo.said)
    command = demo.said[-1].partition("in the dashboard: ")[2].split()
    (folder,) = tmp_path.glob("stepwell-demo-*")
    assert command[-2:] == ["--url", f"sqlite:///{folder / 'demo.db'}"]
    assert "in the dashboard" not in "".join(demo.said[:-1])

    server = program(*command[command.index("server") :], "--port", "0")
    url = server.until("serving").split()[-1]
    run = httpx.get(f"{url}/api/v1/runs/order-1001", timeout=60).json()
    assert (run["status"], run["workflow"]) == ("succeeded", "place_order")
    calls = httpx.get(f"{url}/api/v1/runs/order-1001/timeline", timeout=60).json()["calls"]
    assert {"pack_parcel", "order.paid", "book_courier"} <= {call["name"] for call in calls}
    assert server.end(signal.SIGINT) == 0
