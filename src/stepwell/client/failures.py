"""Failures by cause: the newest failed runs, put together by class, normalised message and workflow."""

import hashlib
import re
from typing import Any, Final, Literal

import msgspec

from stepwell.client.blame import blamed
from stepwell.client.engine import OpenEngine
from stepwell.client.shapes import Moment, moment
from stepwell.client.tracebacks import innermost_own
from stepwell.model.entry import decode_entries
from stepwell.model.failure import head_of
from stepwell.model.run import RunFilter, RunRow
from stepwell.model.status import RunStatus

MOST: Final = 2_000
PAGE: Final = 500
SPARK: Final = 24
EXAMPLES: Final = 50
_HOLES: Final = re.compile(  # an apostrophe inside a word neither opens nor closes a quotation
    r"(?P<date>\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?)"
    r"|(?P<id>[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|0x[0-9a-fA-F]+|\b(?=[0-9a-f]*\d)[0-9a-f]{12,}\b)"
    r"|(?P<str>(?:(?<!\w)|(?<=\b[bruBRU]))'(?:[^'\n]|(?<=\w)'(?=\w)){0,500}'(?!\w)|\"[^\"\n]{0,500}\")"
    r"|(?P<n>(?<![A-Za-z_])[-+]?\d+(?:[.,]\d+)*)"
)
Hole = Literal["n", "date", "str", "id"]


class Piece(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of a message: text that all have, or the kind of what differs."""

    text: str | None = None
    hole: Hole | None = None


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Runs that failed alike. `where` is the user's own frame that was nearest, of one of them; `spark` is by time."""

    cause: str
    type: str
    message: list[Piece]
    where: str | None
    workflow: str
    workflows: list[str]
    count: int
    first_at: Moment
    last_at: Moment
    spark: list[int]
    filter: dict[str, Any]
    example: str


class Causes(msgspec.Struct, frozen=True):
    """`total` runs failed in the window; of the newest `looked_at`, the causes, the most frequent first."""

    total: int
    looked_at: int
    causes: list[Cause]


class _Cluster(msgspec.Struct):
    type: str
    pieces: list[Piece]
    rows: list[RunRow]


def pieces_of(text: str) -> list[Piece]:
    """A message with what differs from case to case taken out: numbers, dates, quoted text, ids."""
    found: list[Piece] = []
    last = 0
    for match in _HOLES.finditer(text):
        if match.start() > last:
            found.append(Piece(text=text[last : match.start()]))
        found.append(Piece(hole=match.lastgroup))  # type: ignore[arg-type]
        last = match.end()
    if last < len(text):
        found.append(Piece(text=text[last:]))
    return found


def split_reason(reason: str | None) -> tuple[str, str]:
    """The class and the message of a failed run's reason ("Type: message")."""
    kind, colon, text = (reason or "").partition(":")
    kind = kind.strip()
    if not colon and " " in kind:
        return "Error", kind
    return kind.removeprefix("stepwell.") or "Error", text.strip()


async def causes_of(engine: OpenEngine, since: float, until: float) -> Causes:
    """The causes of the runs that were created in a window and have failed."""
    which = RunFilter(status=(RunStatus.FAILED,), since=since)
    rows: list[RunRow] = []
    after: bytes | None = None
    while len(rows) < MOST and (page := await engine.store.list(which, after=after, limit=PAGE)):
        rows += page
        after = page[-1].key
    clusters: dict[str, _Cluster] = {}
    for row in rows:
        kind, text = split_reason(row.reason)
        pieces = pieces_of(text)
        name = hashlib.blake2b(msgspec.json.encode((kind, pieces, row.workflow)), digest_size=8).hexdigest()
        clusters.setdefault(name, _Cluster(kind, pieces, [])).rows.append(row)
    total = len(rows) if len(rows) < MOST else (await engine.store.count(which)).get("failed", 0)
    ordered = sorted(clusters.items(), key=lambda item: (-len(item[1].rows), item[0]))
    causes = [_cause(name, cluster, since, until, await _where(engine, cluster.rows[0]) if n < EXAMPLES else None)
              for n, (name, cluster) in enumerate(ordered)]  # fmt: skip
    return Causes(total=total, looked_at=len(rows), causes=causes)


def _cause(name: str, cluster: _Cluster, since: float, until: float, where: str | None) -> Cause:
    ended = [row.finished_at or row.created_at for row in cluster.rows]
    spark = [0] * SPARK
    for at in ended:
        spark[min(max(int((at - since) / max(until - since, 1e-9) * SPARK), 0), SPARK - 1)] += 1
    workflow = cluster.rows[0].workflow
    reason = cluster.rows[0].reason or ""
    return Cause(
        cause=name, type=cluster.type, message=cluster.pieces, where=where, workflow=workflow,
        workflows=[workflow], count=len(cluster.rows), first_at=moment(min(ended)), last_at=moment(max(ended)),
        spark=spark, example=cluster.rows[0].id,
        filter={"status": ["failed"], "workflow": [workflow], "error": _beginning(reason, cluster),
                "since": moment(since)},
    )  # fmt: skip


def _beginning(reason: str, cluster: _Cluster) -> str:
    """How the reasons of all of a cluster begin: the class, and the message up to the first hole."""
    first = cluster.pieces[0].text if cluster.pieces else None
    kind = reason.partition(":")[0]
    return f"{kind}: {first.rstrip()}" if first and reason.startswith(f"{kind}: {first.rstrip()}") else kind


async def _where(engine: OpenEngine, row: RunRow) -> str | None:
    """The user's own innermost frame in one run's failure: "charge at billing.py:41"."""
    entries = [e for _, _, data in await engine.store.journal(row.key, row.generation) for e in decode_entries(data)]
    failure = blamed(entries)
    while failure is not None:
        failure = head_of(failure)
        frame = innermost_own(failure.traceback)
        if frame is not None:
            return f"{frame.function} at {frame.file.replace(chr(92), '/').rpartition('/')[2]}:{frame.line}"
        failure = failure.cause
    return None
