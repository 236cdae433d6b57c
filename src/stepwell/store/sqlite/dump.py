"""The canonical snapshot of a namespace, for comparing stores."""

from typing import Any

from msgspec.structs import asdict

from stepwell.model.run import RunFilter
from stepwell.store.sql.rows import ITEM, WORKER, worker_row
from stepwell.store.sqlite.connection import Db
from stepwell.store.sqlite.listing import list_runs


def dump(db: Db) -> dict[str, object]:
    """As `ports.store.Store.dump`."""

    def table(columns: str, name: str) -> list[Any]:
        return db.all(f"SELECT {columns} FROM stepwell_{name} WHERE ns = ? ORDER BY {columns}", (db.ns,))

    runs = list_runs(db, RunFilter(), None, -1)
    return {
        "runs": {row.key.hex(): asdict(row) for row in reversed(runs)},
        "ids": {name: key.hex() for name, key in table("id, key", "runs") if name is not None},
        "journal": [
            (key.hex(), generation, seq, epoch, count, data.encode())
            for key, generation, seq, epoch, count, data in table("key, generation, seq, epoch, count, data", "journal")
        ],
        "inbox": [(key.hex(), _item(values)) for key, *values in table(f"key, {', '.join(ITEM)}", "inbox")],
        "blobs": [(key.hex(), digest, data) for key, digest, data in table("key, digest, data", "blobs")],
        "mail": db.value("SELECT mail FROM stepwell_namespaces WHERE ns = ?", (db.ns,)),
        "messages": [
            _item((0, "message", at, event, mailbox, None, seq, message_id, data))
            for event, mailbox, seq, at, message_id, data in table(
                "event, mailbox, seq, at, message_id, data", "messages"
            )
        ],
        "waits": [
            (event, mailbox, n, run.hex(), call)
            for event, mailbox, n, run, call in table("event, mailbox, n, run, call", "waits")
        ],
        "sent": [
            (event, mailbox, target.hex(), message_id, at)
            for event, mailbox, target, message_id, at in table("event, mailbox, target, message_id, at", "sent")
        ],
        "workers": [
            (asdict(worker_row(values)), bool(dead)) for *values, dead in table(f"{', '.join(WORKER)}, dead", "workers")
        ],
        "subscriptions": table("event, workflow", "subscriptions"),
        "records": [
            (kind, owner, id_, at, data.encode())
            for kind, owner, id_, at, data in table("kind, owner, id, at, data", "records")
        ],
    }


def _item(values: Any) -> dict[str, object]:
    item: dict[str, object] = dict(zip(ITEM, values, strict=True))
    item["key"] = item.pop("mailbox")
    item["data"] = str(item["data"]).encode()
    return item
