"""Starting runs inside the caller's own transaction: they exist if and only if it commits."""

from collections.abc import Callable, Sequence

from stepwell.core.starting import input_digest
from stepwell.errors import Conflict, InvalidOption
from stepwell.model.change import NewRun, Reply
from stepwell.model.run import RunRow
from stepwell.ports.engine import StartOrder
from stepwell.ports.guest import Transactions
from stepwell.ports.store import Store

Answer = RunRow | Exception


async def start_inside(store: Store, transactions: Transactions, orders: Sequence[StartOrder],
                       make: Callable[[StartOrder], NewRun | Exception]) -> list[Answer]:  # fmt: skip
    """Write runs by the caller's connection; each position answers with its row or with why not.

    Nothing is committed, and nothing that is refused ends the caller's transaction. Over a synchronous connection
    nothing here ever suspends.

    Raises:
        InvalidOption: the connections differ, or have no transaction, or lead to another database.
        SchemaMissing, StoreMoved; and what the driver raises.
    """
    conns = {id(order.options.conn): order.options.conn for order in orders}
    if len(conns) > 1:
        raise InvalidOption("runs started together have different conn=", expected="one connection for all of them")
    (native,) = conns.values()
    conn, guest = transactions.connection(native), store.guest()
    made = [_made(order, make) for order in orders]
    news = [new for new in made if isinstance(new, NewRun)]
    replies = iter(await guest.start(conn, news)) if news else iter(())
    return [
        _answer(order, new, next(replies)) if isinstance(new, NewRun) else new
        for order, new in zip(orders, made, strict=True)
    ]


def _made(order: StartOrder, make: Callable[[StartOrder], NewRun | Exception]) -> NewRun | Exception:
    if order.options.reuse == "after_close":
        return InvalidOption(
            "reuse='after_close' does not go together with conn=",
            hint="A new generation of an ended run is opened by the engine; start it without conn=.",
        )
    return make(order)


def _answer(order: StartOrder, new: NewRun, reply: Reply) -> Answer:
    if reply.ok:
        return reply.row or new.row
    assert reply.row is not None
    return same_or_conflict(reply.row, order)


def same_or_conflict(found: RunRow, order: StartOrder) -> RunRow | Conflict:
    """The run that has the id of an order already, if it is the same start (P7)."""
    if found.digest == input_digest(order.workflow, order.input):
        return found
    return Conflict(
        f"run {found.id!r} of {found.workflow!r} exists with another input",
        expected="the same workflow and input for the same id (P7)",
        hint="Use another id, or reuse='after_close' once it has ended.",
    )
