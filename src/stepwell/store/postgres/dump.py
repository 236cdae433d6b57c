"""The canonical snapshot of a namespace, for comparing stores."""

from typing import Any

from msgspec.structs import asdict

from stepwell.model.run import RunFilter
from stepwell.store.postgres.connection import Db
from stepwell.store.postgres.listing import list_runs
from stepwell.store.postgres.rows import ITEM_TYPES
from stepwell.store.sql.rows import WORKER, worker_row


async def dump(db: Db) -> dict[str, object]:
    """As `ports.store.Store.dump`, all as of one moment."""
    async with db.transaction(snapshot=True):
        return await _dump(db)


async def _dump(db: Db) -> dict[str, object]:
    async def table(columns: str, name: str) -> list[Any]:
        return [tuple(row) for row in await db.all(_ALL.format(columns=columns, name=name), db.ns)]

    runs = await list_runs(db, RunFilter(), None, None)
    return {
        "runs": {row.key.hex(): asdict(row) for row in reversed(runs)},
        "ids": {name: key.hex() for name, key in await table("id, key", "runs") if name is not None},
        "journal": [
            (key.hex(), *rest, data.encode())
            for key, *rest, data in await table("key, generation, seq, epoch, count, data", "journal")
        ],
        "inbox": [(key.hex(), _item(values)) for key, *values in await table(f"key, {', '.join(ITEM_TYPES)}", "inbox")],
        "blobs": [(key.hex(), digest, data) for key, digest, data in await table("key, digest, data", "blobs")],
        "mail": await db.value("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {schema}.mail"),
        "messages": [
            _item((0, "message", at, event, mailbox, None, seq, message_id, data))
            for event, mailbox, seq, at, message_id, data in await table(
                "event, mailbox, seq, at, message_id, data", "messages"
            )
        ],
        "waits": [
            (event, mailbox, n, run.hex(), call)
            for event, mailbox, n, run, call in await table("event, mailbox, n, run, call", "waits")
        ],
        "sent": [
            (event, mailbox, target.hex(), message_id, at)
            for event, mailbox, target, message_id, at in await table("event, mailbox, target, message_id, at", "sent")
        ],
        "workers": [
            (asdict(worker_row(values)), dead) for *values, dead in await table(f"{', '.join(WORKER)}, dead", "workers")
        ],
        "subscriptions": await table("event, workflow", "subscriptions"),
        "records": [
            (kind, owner, id_, at, data.encode())
            for kind, owner, id_, at, data in await table("kind, owner, id, at, data", "records")
        ],
    }


_ALL = "SELECT {columns} FROM {{{name}}} WHERE ns = $1 ORDER BY {columns}"


def _item(values: Any) -> dict[str, object]:
    item: dict[str, object] = dict(zip(ITEM_TYPES, values, strict=True))
    item["key"] = item.pop("mailbox")
    item["data"] = str(item["data"]).encode()
    return item
