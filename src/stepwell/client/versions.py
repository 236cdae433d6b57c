"""The versions of the code that workers have brought: which there were, what changed, who has them, who is missing."""

from __future__ import annotations

import difflib
import logging
import platform
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from stepwell.errors import NotFound, WorldError
from stepwell.model.record import Record
from stepwell.model.run import RunFilter, WorkerRow
from stepwell.model.status import RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stepwell.ports.clock import Clock
    from stepwell.ports.definitions import Definitions
    from stepwell.ports.store import Store

log = logging.getLogger("stepwell.client")
KIND: Final = "version"
PAGE: Final = 1000
RUNS: Final = 10_000
"""Pinned runs that are read at once: a store that sorts them does it for every page."""
TRIES: Final = 20
SHORTEST: Final = 4
"""Characters of a fingerprint by which it can be named."""
OPEN: Final = tuple(status for status in RunStatus if not status.terminal)


class CodeVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the code of a workflow or step. `number` counts from 1; `at` is when it was first seen.

    `code` is its fingerprint; `source` its text, None where that could not be read.
    """

    kind: Literal["workflow", "step"]
    name: str
    number: int
    code: str
    at: float
    source: str | None = None
    python: str = ""


class Stranded(msgspec.Struct, frozen=True):
    """Runs that are pinned to code that no live worker has. `since`: when the oldest of them was created."""

    workflow: str
    code: str
    count: int
    since: float


class Pinned(msgspec.Struct, frozen=True, kw_only=True):
    """Runs that have not ended and are pinned to one code of their workflow; how many live `workers` have it.

    `since`: when the oldest of them was created.
    """

    workflow: str
    code: str
    count: int
    since: float
    workers: int


# -- writing ---------------------------------------------------------------------------------------


async def remember(store: Store, definitions: Definitions, clock: Clock) -> None:
    """Record what is new among the code of an app's workflows and steps.

    It never keeps a worker from starting: what cannot be written now is written by the next one.
    """
    try:
        for name in definitions.workflow_names():
            definition = definitions.workflow(name)
            if definition is not None and definition.code:
                kind: Literal["workflow", "step"] = "step" if definition.rules.of_step else "workflow"
                await _remember(store, kind, name, definition.code, definition.source, clock.now())
    except WorldError as error:
        log.warning("the versions of the code could not be recorded: %s", error)


async def _remember(store: Store, kind: Literal["workflow", "step"], name: str, code: str, source: str | None,
                    now: float) -> None:  # fmt: skip
    for _ in range(TRIES):
        newest = await _newest(store, kind, name)
        if newest is not None and newest.code == code:
            return
        number = 1 if newest is None else newest.number + 1
        version = CodeVersion(kind=kind, name=name, number=number, code=code, at=now, source=source,
                              python=platform.python_version())  # fmt: skip
        record = Record(kind=KIND, id=f"{_prefix(kind, name)}{number:06d}", at=now, data=msgspec.json.encode(version))
        (written,) = await store.put([record])
        if written:
            return  # else another worker was faster: look what it has written


def _prefix(kind: str, name: str) -> str:
    return f"{kind}/{name.replace('%', '%25').replace('/', '%2F')}/"


async def _newest(store: Store, kind: str, name: str) -> CodeVersion | None:
    prefix = _prefix(kind, name)
    found = await store.records(KIND, after=prefix + ":", limit=1, newest=True)  # ":" comes after the digits
    return _read(found[0]) if found and found[0].id.startswith(prefix) else None


# -- reading ---------------------------------------------------------------------------------------


async def versions(store: Store, name: str | None = None) -> list[CodeVersion]:
    """All versions, of one name or of all, by kind and name, oldest first."""
    found: list[CodeVersion] = []
    after: str | None = None
    while page := await store.records(KIND, after=after, limit=PAGE):
        found += [version for record in page if (version := _read(record)) and name in (None, version.name)]
        after = page[-1].id
    return sorted(found, key=lambda version: (version.kind, version.name, version.number))


def _read(record: Record) -> CodeVersion | None:
    try:
        return msgspec.json.decode(record.data, type=CodeVersion)
    except msgspec.MsgspecError:
        return None  # of a later form


def pick(found: Sequence[CodeVersion], name: str, which: str) -> CodeVersion:
    """The version of this number, or whose fingerprint begins so. Raises NotFound."""
    for version in reversed(found):
        if which == str(version.number) or (len(which) >= SHORTEST and version.code.startswith(which)):
            return version
    there = ", ".join(f"{version.number} ({version.code})" for version in found) or "none"
    raise NotFound(f"{name!r} has no version {which!r}", expected="a number or the beginning of a fingerprint",
                   hint=f"There are {there}.")  # fmt: skip


def diff(old: CodeVersion, new: CodeVersion) -> list[str]:
    """What changed from one version to another, as the lines of a unified diff; none when the texts are the same.

    Raises:
        NotFound: the text of one of them could not be read when it was first seen.
    """
    for version in (old, new):
        if version.source is None:
            raise NotFound(f"the source of {version.name!r}, version {version.number}, could not be read by its worker")
    assert old.source is not None
    assert new.source is not None
    return list(difflib.unified_diff(
        old.source.splitlines(), new.source.splitlines(), f"{old.name} {old.number} ({old.code})",
        f"{new.name} {new.number} ({new.code})", lineterm=""))  # fmt: skip


# -- who has which code ----------------------------------------------------------------------------


def offering(workers: Iterable[WorkerRow], workflow: str, code: str, now: float) -> int:
    """How many live workers have this code of a workflow."""
    return sum(w.expires_at > now and w.offers.get(workflow) == code for w in workers)


async def pinned(store: Store, now: float) -> list[Pinned]:
    """How many runs that have not ended are pinned to which code of which workflow, the most first."""
    found: dict[tuple[str, str], tuple[int, float]] = {}
    after: bytes | None = None
    which = RunFilter(status=OPEN, pinned=True)
    while page := await store.list(which, after=after, limit=RUNS):
        for row in page:
            count, since = found.get((row.workflow, row.pin or ""), (0, row.created_at))
            found[row.workflow, row.pin or ""] = (count + 1, min(since, row.created_at))
        if len(page) < RUNS:
            break
        after = page[-1].key
    workers = await store.workers() if found else []
    pins = [Pinned(workflow=name, code=code, count=n, since=since, workers=offering(workers, name, code, now))
            for (name, code), (n, since) in found.items()]  # fmt: skip
    return sorted(pins, key=lambda one: (-one.count, one.workflow, one.code))


def stranded(pins: Iterable[Pinned]) -> list[Stranded]:
    """Those that no live worker can go on with."""
    return [Stranded(one.workflow, one.code, one.count, one.since) for one in pins if not one.workers]


def said(one: Stranded) -> str:
    """A warning in one line."""
    runs = "1 run" if one.count == 1 else f"{one.count:,} runs"
    return f"{runs} of {one.workflow!r} pinned to code {one.code}, which no live worker has"
