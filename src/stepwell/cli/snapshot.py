"""One run at one moment, for the commands that show it: its row, its journal as a tree, what is open."""

from typing import Any

import msgspec

from stepwell.cli.calls import JournalView, view_of
from stepwell.cli.moments import now_by
from stepwell.client.app import App
from stepwell.client.remote import RemoteClient
from stepwell.client.serving import unserved
from stepwell.errors import NotFound
from stepwell.model.run import RunRow
from stepwell.model.status import RunStatus


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """`entries`: of all generations; `view`: of the one shown; `unserved`: why no worker can take the run."""

    row: RunRow
    entries: list[dict[str, Any]]
    view: JournalView
    generation: int
    now: float
    unserved: str | None = None


async def snapshot(client: App | RemoteClient, run_id: str, generation: int | None = None, *,
                   replay: bool = False) -> Snapshot:  # fmt: skip
    """Look at a run. `replay`: with the code and the database at hand, also at what its body waits for.

    Raises:
        NotFound: no such run, or generation of it.
    """
    row = await client.runs.row(run_id)
    entries = await client.runs.generations(run_id)
    shown = row.generation if generation is None else generation
    current = shown == row.generation
    calls = None
    if replay and isinstance(client, App) and current and not row.status.terminal:
        from stepwell.client.check import Fit, check_one

        verdict = await check_one(client, run_id)
        calls = verdict.open if verdict.fit is Fit.FITS else None
    there = [entry for entry in entries if entry["generation"] == shown]
    if not there and not current:
        there_are = "1" if row.generation == 1 else f"1 to {row.generation}"
        raise NotFound(f"run {run_id!r} has no generation {shown}", expected=there_are)
    view = view_of(row, there, last=current, open_calls=calls)
    now = now_by(client)
    workers = await client.workers() if row.status is RunStatus.QUEUED else []
    return Snapshot(row=row, entries=entries, view=view, generation=shown, now=now,
                    unserved=unserved(row, workers, now))  # fmt: skip
