"""The canonical snapshot of a namespace, for comparing stores."""

from msgspec.structs import asdict

from stepwell.model.run import InboxItem
from stepwell.store.memory.space import Space


def dump(space: Space) -> dict[str, object]:
    """As `ports.store.Store.dump`."""
    return {
        "runs": {key.hex(): asdict(row) for key, row in sorted(space.runs.items())},
        "ids": {name: key.hex() for name, key in sorted(space.ids.items())},
        "journal": [
            (key.hex(), gen, seq, epoch, count, data)
            for key, journal in sorted(space.journals.items())
            for (gen, seq), (epoch, count, data) in sorted(journal.items())
        ],
        "inbox": [
            (key.hex(), _plain(item))
            for key, inbox in sorted(space.inboxes.items())
            for _, item in sorted(inbox.items())
        ],
        "blobs": [
            (key.hex(), digest, data)
            for key, blobs in sorted(space.blobs.items())
            for digest, data in sorted(blobs.items())
        ],
        "mail": space.mail,
        "messages": [_plain(item) for _, box in sorted(space.messages.items()) for _, item in sorted(box.items())],
        "waits": [
            (event, key, n, run.hex(), call)
            for (event, key), box in sorted(space.waits.items())
            for n, (run, call) in sorted(box.items())
        ],
        "sent": sorted((event, key, target.hex(), name, at) for (event, key, target, name), at in space.sent.items()),
        "workers": [(asdict(row), name in space.dead) for name, row in sorted(space.workers.items())],
        "subscriptions": sorted(space.subscriptions),
        "records": [(*name, record.at, record.data) for name, record in sorted(space.records.items())],
    }


def _plain(item: InboxItem) -> dict[str, object]:
    """An item as values that compare and print."""
    plain: dict[str, object] = asdict(item)
    plain["data"] = bytes(item.data)
    return plain
