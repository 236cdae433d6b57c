"""Journals of real runs as files, to replay them against today's code: `save(run, path)`, `replay(app, path)`."""

import base64
from pathlib import Path
from typing import Any

import msgspec

from stepwell.authoring.handle import Run
from stepwell.client.app import App
from stepwell.client.check import Fit, Verdict, check_run
from stepwell.client.engine import OpenEngine
from stepwell.errors import Diverged, InvalidOption, NotFound
from stepwell.model.entry import AnyEntry, decode_entries, encode_entries
from stepwell.model.run import Claimed, RunRow

FORMAT = 1


class Recording(msgspec.Struct, frozen=True, omit_defaults=True):
    """One generation of a run: its row, its entries, its large payloads (base 64)."""

    row: RunRow
    entries: list[AnyEntry]
    blobs: dict[str, str] = {}
    format: int = FORMAT


async def save(run: Run[Any], path: str | Path) -> None:
    """Write the current generation of a run into a file of JSON, made to be read and kept in a repository.

    Raises:
        NotFound: there is no such run (any more).
    """
    engine = run._engine()
    assert isinstance(engine, OpenEngine)
    loaded = await engine.store.load(run.key)
    if loaded is None:
        raise NotFound(f"there is no run {run.id!r} (any more)")
    entries = [entry for _, data in loaded.journal or [] for entry in decode_entries(data)]
    blobs = {digest: base64.b64encode(data).decode() for digest, data in loaded.blobs.items()}
    _write(Path(path), Recording(loaded.row, entries, blobs))


def _write(path: Path, recording: Recording) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(recording), indent=1) + b"\n")


def load(path: str | Path) -> Claimed:
    """The run in a file, as a worker would claim it.

    Raises:
        InvalidOption: the file holds no recorded run, or one of a later format.
    """
    try:
        recording = msgspec.json.decode(Path(path).read_bytes(), type=Recording)
    except msgspec.MsgspecError as error:
        raise InvalidOption(f"{path} cannot be read: {error}", expected="a file written by `recorded.save`") from None
    if recording.format > FORMAT:
        raise InvalidOption(f"{path} has format {recording.format}", expected=f"at most {FORMAT}")
    blobs = {digest: base64.b64decode(data) for digest, data in recording.blobs.items()}
    return Claimed(recording.row, [(0, encode_entries(recording.entries))], [], blobs)


def replay(app: App, path: str | Path) -> Verdict:
    """Replay the run in a file against the app's code, without executing any step; returns what was found.

    Raises:
        Diverged: the code does not fit the run any more; the message, and `diff`, show where.
        InvalidOption: the file cannot be read.
    """
    verdict = check_run(app.registry, load(path))
    if verdict.fit is not Fit.FITS:
        text = f"{path}: run {verdict.run_id!r} of {verdict.workflow!r}: {verdict.fit}\n{verdict.diff}"
        raise Diverged(text, diff=verdict.diff)
    return verdict
