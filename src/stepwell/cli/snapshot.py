"""One run at one moment, for the commands that show it: its row, its journal as a tree, what is open."""

from typing import Any

import msgspec

from stepwell.cli.calls import JournalView, add_open, view_of
from stepwell.cli.moments import CLOCK
from stepwell.client.app import App
from stepwell.client.remote import RemoteClient
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """`entries` are those of all generations; `view` is of the one shown."""

    row: RunRow
    entries: list[dict[str, Any]]
    view: JournalView
    generation: int
    now: float


async def snapshot(client: App | RemoteClient, run_id: str, generation: int | None = None, *,
                   replay: bool = False) -> Snapshot:  # fmt: skip
    """Look at a run. `replay`: with the code and the database at hand, also at what its body waits for.

    Raises:
        NotFound.
    """
    row = await client.runs.row(run_id)
    entries = await client.runs.generations(run_id)
    shown = row.generation if generation is None else generation
    view = view_of([entry for entry in entries if entry["generation"] == shown])
    if replay and isinstance(client, App) and shown == row.generation and not row.status.terminal:
        from stepwell.client.check import check_one

        verdict = await check_one(client, run_id)
        calls = [(call.kind, call.call, call.due) for call in verdict.open]
        add_open(view, calls, running=row.status is RunStatus.RUNNING)
    return Snapshot(row=row, entries=entries, view=view, generation=shown, now=CLOCK.now())
