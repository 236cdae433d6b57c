"""The examples run: under the virtual clock, and as the scripts that they are."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from examples.agent import app as agent
from examples.approval import app as approval
from examples.etl import app as etl
from examples.kpi import app as kpi
from examples.order import app as order
from examples.trip import app as trip
from stepwell import NonRetryableError, RunFailed, RunStatus
from stepwell.testing.environment import Environment

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


# --- under the virtual clock ---------------------------------------------------------------------------------


async def test_order_waits_for_the_payment_and_a_day() -> None:
    o = order.OrderIn("o-1", [order.Item("tea", 2), order.Item("cup")], review_after="24 hours")
    async with Environment(order.app) as env:
        with env.mock(order.send_mail, lambda *_: None) as mails:
            run = await order.order.options(id="o-1").start(o)
            await order.payment_settled.send(order.PaymentSettled("pi_o-1", "succeeded"), key="pi_o-1")
            await env.advance("23h")
            await env.crash()
            assert [mail[1] for mail in mails] == ["order-confirmation"]
            result = await run.result()
            assert (result.status, str(result.total)) == ("completed", "20.90")
            assert [mail[1] for mail in mails] == ["order-confirmation", "thank-you-review"]


async def test_order_without_payment() -> None:
    o = order.OrderIn("o-1", [order.Item("tea", 2)])
    async with Environment(order.app):
        late = await order.order.start(o)
        assert await late.result() == order.OrderOut("cancelled", reason="payment_timeout")
        failed = await order.order.start(order.OrderIn("o-2", []))
        await order.payment_settled.send(order.PaymentSettled("pi_o-2", "failed"), key="pi_o-2")
        assert (await failed.result()).reason == "payment_failed"
        with pytest.raises(RunFailed, match="User not found"):
            await (await order.order.start(order.OrderIn("o-3", [], "u-9"))).result()


@pytest.mark.parametrize("answer", ["approved", "rejected", "expired"])
async def test_approval(answer: str) -> None:
    e = approval.Expense("e-1", "ada@example.com", "boss@example.com", 120)
    async with Environment(approval.app, replay=True) as env:
        with env.mock(approval.mail, lambda *_: None) as mails, env.mock(approval.pay_out, lambda *_: None) as paid:
            run = await approval.expense.start(e)
            await env.advance("17h")
            assert [mail[1] for mail in mails] == [
                "please decide on e-1: 120 for ada@example.com",
                "e-1 still waits for you",
                "e-1 still waits for you",
            ]
            if answer != "expired":
                event = approval.approved if answer == "approved" else approval.rejected
                await event.send(approval.Approval("boss"), key="e-1")
            decision = await run.result()
            assert decision.status == answer
            assert paid == ([("e-1", 120)] if answer == "approved" else [])
            assert mails[-1] == ("ada@example.com", f"e-1 is {answer}")
            await env.advance("10 days")
            assert len(mails) == (5 if answer == "expired" else 4)  # no reminder comes after the decision


async def test_trip_is_undone_last_first() -> None:
    async with Environment(trip.app) as env:
        with env.mock(trip.cancel, lambda booking: None) as cancelled:
            run = await trip.book_trip.start(trip.Trip("t-1", "Lisbon"))
            assert [booking.kind for booking in await run.result()] == ["flight", "hotel", "car"]
            assert cancelled == []
            run = await trip.book_trip.start(trip.Trip("t-2", "Lisbon", car="convertible"))
            with pytest.raises(RunFailed) as failed:
                await run.result()
            assert isinstance(failed.value.__cause__, trip.SoldOut)
            assert [booking.kind for (booking,) in cancelled] == ["hotel", "flight"]


async def test_kpi_tells_how_far_it_is_and_what_went_wrong() -> None:
    async with Environment(kpi.app) as env:
        with (
            env.mock(kpi.notify_stakeholders, lambda *_: None) as notified,
            env.mock(kpi.notify_operators, lambda *_: None) as alarmed,
        ):
            run = await kpi.calculate_period.start("2024-Q3")
            assert (await run.result())["ranking"] == ["sales", "support", "research"]
            status = await run.status()
            assert status.progress is not None
            assert status.progress.fraction == 1.0
            assert notified == [("2024-Q3", ["sales", "support", "research"])]
            with pytest.raises(RunFailed) as failed:
                await (await kpi.calculate_period.start("2024-Q9")).result()
            assert isinstance(failed.value.__cause__, NonRetryableError)
            assert alarmed == [("2024-Q9", "there is no period 2024-Q9")]


async def test_etl_loses_no_file_to_a_damaged_one() -> None:
    inside, most = 0, 0

    async def extract(file: str) -> list[str]:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1
        return [file[5:9]]

    async with Environment(etl.app, concurrency=50, workers=2) as env:
        with env.mock(etl.extract, extract):
            run = await etl.load_all.start(35)
            report = await run.result()
        assert report == etl.Report(34, 34, ["part-0013.csv: part-0013.csv is damaged"])
        assert most <= etl.WINDOW
        assert await etl.app.runs.count(workflow="load_file") == {"succeeded": 34, "failed": 1}


async def test_agent_asks_the_model_once_per_turn() -> None:
    def answer(messages: list[agent.Message]) -> agent.Answer:
        page = len(messages) // 2 + 1
        return agent.Answer(f"page {page}", "read_page", str(page)) if page <= 24 else agent.Answer("the gardener")

    async with Environment(agent.app, replay=True) as env:
        with env.mock(agent.ask_model, answer) as asked:
            run = await agent.solve.options(id="a").start(agent.Conversation("Who?"))
            assert await run.result() == "the gardener"
            assert [len(messages) for (messages,) in asked] == list(range(1, 51, 2))
            status = await run.status()
            assert (status.generation, status.state) == (3, RunStatus.SUCCEEDED)
            assert len(await run.journal()) < 60


# --- as scripts ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "last_line"),
    [
        ("order", "OrderOut(status='completed'"),
        ("approval", "Decision(status='approved', by='boss@example.com')"),
        ("approval nobody", "Decision(status='expired', by=None)"),
        ("trip", "yours: car car-"),
        ("trip no-car", "no trip: no convertible in Lisbon"),
        ("kpi", "{'average': 8.58"),
        ("kpi 2024-13", "failed: there is no period 2024-13"),
        ("etl 40", "Report(files=39, rows=109, failed=['part-0013.csv: part-0013.csv is damaged'])"),
        ("agent", "generations: 3"),
    ],
)
def test_the_script_runs(command: str, last_line: str, tmp_path: Path) -> None:
    name, *args = command.split()
    for _ in range(2 if name == "order" else 1):  # the second time, the same id: the recorded result, at once
        done = subprocess.run(
            [sys.executable, "-W", "error", str(ROOT / "examples" / name / "app.py"), *args],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *filter(None, sys.path)])},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[-1].startswith(last_line), done.stdout
        assert done.stderr == ""
    assert (tmp_path / "stepwell.db").is_file()


def test_an_example_works_under_a_worker(tmp_path: Path) -> None:
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *filter(None, sys.path)])}
    app = str(ROOT / "examples" / "trip" / "app.py")
    stepwell = [sys.executable, "-m", "stepwell"]
    subprocess.run([*stepwell, "db", "init"], cwd=tmp_path, env=env, check=True, capture_output=True)
    worker = subprocess.Popen([*stepwell, "worker", app], cwd=tmp_path, env=env, stderr=subprocess.DEVNULL)
    try:
        trip_in = '{"trip": {"id": "t-1", "city": "Lisbon"}}'
        command = [*stepwell, "start", "book_trip", trip_in, "--app", app, "--wait", "--timeout", "60s"]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "flight-" in done.stdout
    finally:
        worker.send_signal(signal.SIGINT)
        assert worker.wait(timeout=60) == 0


def test_every_example_is_run() -> None:
    examples = {path.parent.name for path in (ROOT / "examples").glob("*/app.py")}
    assert examples == {"order", "approval", "trip", "kpi", "etl", "agent"}
