"""An expense that a person approves or rejects before a deadline, with reminders on the way.

Run it:

    python examples/approval/app.py            # approved
    python examples/approval/app.py reject
    python examples/approval/app.py nobody     # the deadline passes
"""

import asyncio
import sys
from dataclasses import dataclass
from typing import Literal

from stepwell import App, first, sleep

app = App()


@dataclass
class Expense:
    id: str
    employee: str
    approver: str
    amount: int
    decide_within: str = "24 hours"
    remind_every: str = "7 hours"


@dataclass
class Approval:
    by: str
    comment: str = ""


@dataclass
class Decision:
    status: Literal["approved", "rejected", "expired"]
    by: str | None = None


approved = app.event("expense.approved", Approval)
rejected = app.event("expense.rejected", Approval)


@app.step(retries=5, backoff="exponential")
async def mail(to: str, text: str) -> None:
    print(f"mail to {to}: {text}")


@app.step(retries=5, backoff="exponential")
async def pay_out(expense_id: str, amount: int) -> None:
    print(f"paid {amount} for {expense_id}")


async def nag(e: Expense) -> None:
    while True:
        await sleep(e.remind_every, name="until the next reminder")
        await mail(e.approver, f"{e.id} still waits for you")


@app.workflow
async def expense(e: Expense) -> Decision:
    await mail(e.approver, f"please decide on {e.id}: {e.amount} for {e.employee}")
    reminders = asyncio.create_task(nag(e))
    # Whoever loses is disarmed; which one won is recorded.
    won = await first(
        approved=approved.wait(e.id),
        rejected=rejected.wait(e.id),
        late=sleep(e.decide_within, name="deadline"),
    )
    reminders.cancel()
    match won.name:
        case "approved":
            await pay_out(e.id, e.amount)
            decision = Decision("approved", won.value.by)
        case "rejected":
            decision = Decision("rejected", won.value.by)
        case _:
            decision = Decision("expired")
    await mail(e.employee, f"{e.id} is {decision.status}")
    return decision


async def main(answer: str = "approve") -> None:
    async with app:
        decide_within = "2 seconds" if answer == "nobody" else "1 minute"
        e = Expense(f"expense-{answer}", "grace@example.com", "boss@example.com", 120, decide_within, "1 second")
        run = await expense.options(id=e.id).start(e)
        await asyncio.sleep(0.3)  # the person reads mail
        print("run is", (await run.status()).state)
        if answer == "approve":
            await approved.send(Approval("boss@example.com", "fine"), key=e.id)
        elif answer == "reject":
            await rejected.send(Approval("boss@example.com", "no receipt"), key=e.id)
        print(await run.result(timeout="1 minute"))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:2]))
