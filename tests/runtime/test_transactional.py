"""Transactional steps: the user's rows and the step's result agree, whatever crashes in between."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import apsw
import pytest

from stepwell import App, RunFailed
from stepwell.adapters.transactions import Drivers
from stepwell.errors import InvalidOption, StepTimeout
from stepwell.ports.guest import VOID, Fence
from stepwell.ports.store import Store
from stepwell.runtime.outcomes import outcome_of, result_of
from stepwell.runtime.transactional import Gate
from stepwell.store.sqlite import SqliteStore
from stepwell.testing.clock import VirtualClock
from stepwell.testing.environment import Environment
from stepwell.testing.faults import Fault, FaultyStore

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Bank:
    """An app with a transactional step over a file, and how often its body ran."""

    def __init__(self, file: Path, *, sync: bool = False, retries: int = 0) -> None:
        self.file = file
        self.bodies = 0
        self.fail: Exception | None = None
        self.hold: asyncio.Event | None = None
        self.app = app = App(lease=30)
        conn = self.connect()
        conn.execute("CREATE TABLE IF NOT EXISTS ledger (run TEXT, amount INTEGER)")
        conn.close()

        @app.resource
        def db() -> Any:
            yield self.connect

        async def credit(amount: int, *, conn: Any = db.transaction()) -> int:
            self.write(conn, amount)
            if self.hold is not None:
                await self.hold.wait()
            if self.fail is not None:
                error, self.fail = self.fail, None
                raise error
            return 10 * amount

        def credit_in_thread(amount: int, *, conn: Any = db.transaction()) -> int:
            self.write(conn, amount)
            if self.fail is not None:
                error, self.fail = self.fail, None
                raise error
            return 10 * amount

        body: Any = credit_in_thread if sync else credit
        self.step: Any = app.step(name="credit", retries=retries, delay=1)(body)

        @app.workflow
        async def pay(amount: int) -> int:
            return int(await self.step(amount))

        @app.workflow
        async def pay_quickly(amount: int) -> int:
            return int(await self.step.options(timeout=0.1)(amount))

        self.pay = pay
        self.pay_quickly = pay_quickly
        self.db = db

    def connect(self) -> apsw.Connection:
        return apsw.Connection(str(self.file))

    def write(self, conn: Any, amount: int) -> None:
        self.bodies += 1
        conn.execute("INSERT INTO ledger VALUES (?, ?)", ("r", amount))

    def ledger(self) -> list[int]:
        return [amount for (amount,) in self.connect().execute("SELECT amount FROM ledger")]


class Faulty(Drivers):
    """The first commit goes wrong, before anything has happened or after all has; or it takes long."""

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()
        self.left = 1

    async def begin(self, source: Any, **how: Any) -> Any:
        transaction = await super().begin(source, **how)
        commit = transaction.commit

        async def spoiled() -> None:
            if self.left == 0:
                await commit()
                return
            self.left -= 1
            if "after" in self.fault:
                await commit()
            self.reached.set()
            if "long" in self.fault:
                await self.go_on.wait()
                await commit()
                return
            if "dies" in self.fault:
                await asyncio.get_running_loop().create_future()
            raise ConnectionResetError(self.fault)

        cast(Any, transaction).commit = spoiled
        return transaction


@pytest.fixture
async def opened(tmp_path: Path) -> Callable[..., Any]:
    async def open_one(bank: Bank) -> Environment:
        clock = VirtualClock()
        store = SqliteStore(bank.file, "test", clock)
        return Environment(bank.app, store=store, clock=clock)

    return open_one


@pytest.mark.parametrize("sync", [False, True])
async def test_the_result_commits_with_the_rows(tmp_path: Path, opened: Any, sync: bool) -> None:
    bank = Bank(tmp_path / "bank.db", sync=sync)
    async with await opened(bank):
        run = await bank.pay.options(id="a").start(5)
        assert await run.result() == 50
        assert bank.ledger() == [5]
        assert await (await bank.step.start(6)).result() == 60
        assert bank.ledger() == [5, 6]


@pytest.mark.parametrize("sync", [False, True])
async def test_a_failed_attempt_leaves_nothing(tmp_path: Path, opened: Any, sync: bool) -> None:
    bank = Bank(tmp_path / "bank.db", sync=sync, retries=1)
    bank.fail = ValueError("not today")
    async with await opened(bank):
        assert await (await bank.pay.start(5)).result() == 50
        assert bank.bodies == 2
        assert bank.ledger() == [5]


async def test_a_result_that_cannot_be_stored_rolls_back(tmp_path: Path, opened: Any) -> None:
    bank = Bank(tmp_path / "bank.db")

    @bank.app.step
    async def wrong(*, conn: Any = bank.db.transaction()) -> int:
        bank.write(conn, 1)
        return cast(int, "text")

    async with await opened(bank):
        with pytest.raises(RunFailed, match="str"):
            await (await wrong.start()).result()
        assert bank.ledger() == []


@pytest.mark.parametrize("fault", ["dies before", "dies after"])
async def test_the_process_dies_around_the_commit(tmp_path: Path, opened: Any, fault: str) -> None:
    bank = Bank(tmp_path / "bank.db")
    bank.app.registry.transactions = faulty = Faulty(fault)
    async with await opened(bank) as env:
        run = await bank.pay.start(5)
        await asyncio.wait_for(faulty.reached.wait(), 60)
        await env.crash()
        assert await run.result() == 50
        assert bank.ledger() == [5]
        assert bank.bodies == (1 if fault == "dies after" else 2)


@pytest.mark.parametrize(("fault", "bodies"), [("fails before", 2), ("fails after", 1)])
async def test_a_commit_whose_reply_is_lost(tmp_path: Path, opened: Any, fault: str, bodies: int) -> None:
    bank = Bank(tmp_path / "bank.db", retries=2)
    bank.app.registry.transactions = Faulty(fault)
    async with await opened(bank):
        assert await (await bank.pay.start(5)).result() == 50
        assert bank.ledger() == [5]
        assert bank.bodies == bodies


async def test_a_commit_that_fails_for_good_is_a_failure(tmp_path: Path, opened: Any) -> None:
    bank = Bank(tmp_path / "bank.db")
    bank.app.registry.transactions = Faulty("fails before")
    async with await opened(bank) as env:
        run = await bank.pay.start(5)
        with pytest.raises(RunFailed):
            await run.result()
        assert bank.ledger() == []
        (record,) = await env.store.records("outcome", owner=run.key)
        assert record.data == VOID
        await run.retry()
        assert await run.result() == 50
        assert bank.ledger() == [5]


async def test_a_stale_holder_is_rolled_back(tmp_path: Path, opened: Any) -> None:
    """As a process that stood still for longer than its lease: when it goes on, its run belongs to another."""
    bank = Bank(tmp_path / "bank.db")
    thefts = iter(["UPDATE stepwell_runs SET epoch = epoch + 1, worker = 'another'"])

    def connect() -> apsw.Connection:
        conn = bank.connect()
        conn.set_busy_timeout(60_000)
        conn.execute(next(thefts, ""))
        return conn

    with bank.db.override(lambda: connect):
        async with await opened(bank) as env:
            run = await bank.pay.start(5)
            while bank.bodies == 0:
                await asyncio.sleep(0.001)
            await env.settle()
            assert bank.ledger() == []
            connect().execute("UPDATE stepwell_runs SET status = 0, worker = NULL")
            env.workers[0].claims.nudge(due=True)  # in place of a poll
            assert await run.result() == 50
            assert bank.ledger() == [5]
            assert bank.bodies == 2


async def test_every_commit_of_the_engine_may_crash(tmp_path: Path) -> None:
    for fault in Fault:
        for n in range(1, 40):
            bank = Bank(tmp_path / f"{fault.name}-{n}.db")
            clock = VirtualClock()
            store = FaultyStore(SqliteStore(bank.file, "test", clock), n, fault)
            async with Environment(bank.app, store=cast(Store, store), clock=clock) as env:
                outcome = asyncio.ensure_future(_paid(bank))
                died = asyncio.ensure_future(store.crashed.wait())
                await asyncio.wait([outcome, died], return_when=asyncio.FIRST_COMPLETED)
                if store.crashed.is_set():
                    outcome.cancel()
                    await asyncio.wait([outcome])
                    store.crashed.clear()
                    await env.crash()
                    assert await _paid(bank) == 50
                else:
                    died.cancel()
                    assert outcome.result() == 50
            assert bank.ledger() == [5], (fault, n)
            if not store.hit:
                break
        assert n > 3


async def _paid(bank: Bank) -> Any:
    return await (await bank.pay.options(id="p").start(5)).result()


async def test_a_body_that_ends_the_transaction_itself_is_refused(tmp_path: Path, opened: Any) -> None:
    bank = Bank(tmp_path / "bank.db")

    @bank.app.step
    async def eager(again: bool, *, conn: Any = bank.db.transaction()) -> int:
        conn.execute("COMMIT")
        if again:
            conn.execute("BEGIN")
        return 1

    async with await opened(bank):
        for again in (False, True):
            with pytest.raises(RunFailed, match="ended its transaction itself"):
                await (await eager.start(again)).result()


async def test_no_step_in_a_transactional_step(tmp_path: Path, opened: Any) -> None:
    bank = Bank(tmp_path / "bank.db")

    @bank.app.step
    async def outer(*, conn: Any = bank.db.transaction()) -> int:
        return int(await bank.step(1))

    @bank.app.step
    async def plain() -> int:
        return int(await bank.step(2))

    async with await opened(bank):
        with pytest.raises(RunFailed, match="in a transactional step"):
            await (await outer.start()).result()
        assert bank.ledger() == []
        assert await (await plain.start()).result() == 20
        assert bank.ledger() == [2]


async def test_a_run_started_in_it_exists_if_it_commits(tmp_path: Path, opened: Any) -> None:
    bank = Bank(tmp_path / "bank.db", retries=0)

    @bank.app.step
    async def order(fails: bool, *, conn: Any = bank.db.transaction()) -> str:
        run = await bank.pay.options(id=f"child-{fails}", conn=conn).start(7)
        if fails:
            raise ValueError("no")
        return run.id

    async with await opened(bank):
        assert await (await order.start(False)).result() == "child-False"
        with pytest.raises(RunFailed):
            await (await order.start(True)).result()
        assert await (await bank.pay.get("child-False")).result() == 70
        assert "child-True" not in [row.id for row in (await bank.app.runs.list()).runs]


async def test_two_at_once_on_one_file(tmp_path: Path, opened: Any) -> None:
    bank = Bank(tmp_path / "bank.db")

    @bank.app.step
    async def slow(n: int, *, conn: Any = bank.db.transaction()) -> int:
        await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.02)
        bank.write(conn, n)
        return n

    @bank.app.workflow
    async def both() -> list[int]:
        return list(await asyncio.gather(slow(1), slow(2), slow(3)))

    async with await opened(bank):
        assert await (await both.start()).result() == [1, 2, 3]
        assert sorted(bank.ledger()) == [1, 2, 3]


async def test_a_timeout_and_a_commit_exclude_each_other() -> None:
    gate = Gate()
    assert gate.commit()
    assert not gate.give_up()
    gate = Gate()
    assert gate.give_up()
    assert not gate.commit()


async def test_a_timed_out_body_never_commits(tmp_path: Path) -> None:
    bank = Bank(tmp_path / "bank.db")
    bank.hold = asyncio.Event()
    async with App(f"sqlite:///{bank.file}", poll_interval=0.05, like=bank.app):
        with pytest.raises(RunFailed) as failed:
            await (await bank.pay_quickly.start(5)).result(60)
        assert isinstance(failed.value.__cause__, StepTimeout)
        bank.hold.set()
        await asyncio.sleep(0.01)
        assert bank.ledger() == []


async def test_what_is_being_committed_does_not_time_out(tmp_path: Path, opened: Any) -> None:
    bank = Bank(tmp_path / "bank.db")
    bank.app.registry.transactions = slow = Faulty("takes long")
    async with await opened(bank) as env:
        run = await bank.pay_quickly.start(5)
        await asyncio.wait_for(slow.reached.wait(), 60)
        # Its time is over in the midst of the commit. No heart beats meanwhile: the file is locked by the step.
        env.clock.move_to(env.now() + 1)
        rung = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(lambda: rung.set_result(env.clock.ring()))
        assert await rung > 0
        slow.go_on.set()
        assert await run.result() == 50
        assert bank.ledger() == [5]
        assert bank.bodies == 1


async def test_what_cannot_be() -> None:
    app = App()

    @app.resource
    def db() -> Any:
        yield None

    async def paid(*, conn: Any = db.transaction()) -> None: ...

    async def two(*, one: Any = db.transaction(), other: Any = db.transaction()) -> None: ...

    plain, once, both = app.step(effect="transactional")(_nothing), app.step(effect="at_most_once")(paid), app.step(two)
    for step, said in ((plain, "takes no transaction"), (once, "its effect is"), (both, "several transactions")):
        with pytest.raises(InvalidOption, match=said):
            _ = cast(Any, step).definition


async def _nothing() -> None: ...


async def test_a_store_in_memory_has_none(tmp_path: Path) -> None:
    bank = Bank(tmp_path / "bank.db")
    async with Environment(bank.app):
        with pytest.raises(RunFailed, match="memory has no transactions"):
            await (await bank.pay.start(1)).result()
        assert bank.ledger() == []


def test_outcomes_as_they_are_stored() -> None:
    for data in (b"null", b'{"a":[1,2]}', b'"x"'):
        assert result_of(outcome_of(data)) == data
        assert outcome_of(data) != VOID
    assert Fence(b"k", 1, "c") == Fence(b"k", 1, "c")
