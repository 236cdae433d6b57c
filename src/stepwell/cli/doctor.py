"""`stepwell doctor`: looks at everything that could be wrong around the engine, and says what to do about it."""

import difflib
import os
import platform
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import click

from stepwell.cli.options import Target, as_json, place

OTHER_VARIABLES: Final = ("STEPWELL_APP", "STEPWELL_DEBUG", "STEPWELL_ALONE", "STEPWELL_PROFILE", "STEPWELL_API_URL",
                          "STEPWELL_API_KEY", "STEPWELL_API_KEY_FILE", "STEPWELL_HOST", "STEPWELL_PORT",
                          "STEPWELL_LOG_FORMAT")  # fmt: skip
AGES: Final = (86_400.0, 3_600.0, 600.0, 60.0)
SKEW: Final = 2.0
ICONS: Final = {"ok": ("✓", "green"), "warn": ("!", "bold yellow"), "fail": ("✗", "bold red")}


@click.command()
@as_json
@place
def command(target: Target, json: bool) -> None:
    """Look at everything that could be wrong, and say what to do. Exit code 1 if something is.

    Of a server: that it answers, whom it takes us for, and the runs and workers behind it; its database is looked at
    where that can be reached.
    """
    from stepwell.cli.terminal import line, print_json

    findings = list(examined(target))
    failed = any(finding.level == "fail" for finding in findings)
    if json:
        print_json({"ok": not failed, "findings": [finding._asdict() for finding in findings]})
    else:
        widest = max(len(finding.what) for finding in findings)
        for finding in findings:
            line(ICONS[finding.level], f" {finding.what:<{widest}}  ", finding.text)
            if finding.hint and finding.level != "ok":
                line(f"  {'':<{widest}}  → {finding.hint}")
    if failed:
        click.get_current_context().exit(1)


def examined(target: Target) -> Iterator[Any]:
    """Every finding, one after the other; what cannot be looked at is a finding, too."""
    from stepwell.cli.session import talk
    from stepwell.client.database import Finding, health
    from stepwell.client.places import place_of
    from stepwell.errors import StepwellError, UsageError, WorldError

    yield _python()
    yield from _libraries()
    yield from _variables()
    try:
        found = place_of(target.url, target.server, namespace=target.namespace, profile=target.profile)
    except UsageError as error:
        yield Finding("settings", "fail", str(error))
        return
    if found.server is None:
        schema = _schema(found.settings, named=found.explicit)
        yield schema
        if schema.level == "fail":
            return
    try:
        if found.server is None:
            yield from health(found.settings)
        yield from talk(target, _engine)
    except WorldError as error:
        yield Finding("database" if found.server is None else "server", "fail", str(error))
    except StepwellError as error:
        yield Finding("engine" if found.server is None else "server", "fail", str(error))


def _python() -> Any:
    from stepwell.client.database import Finding

    text = f"{platform.python_version()} ({platform.python_implementation()})"
    if platform.python_implementation() != "CPython":
        return Finding("Python", "warn", text, "Only CPython is tested.")
    return Finding("Python", "ok", text)


def _libraries() -> Iterator[Any]:
    from stepwell.client.database import Finding, sqlite_version
    from stepwell.client.version import VERSION
    from stepwell.errors import WorldError

    yield Finding("Stepwell", "ok", VERSION)
    try:
        yield Finding("SQLite", "ok", sqlite_version())
    except WorldError as error:
        yield Finding("SQLite", "fail", str(error))
    with suppress(PackageNotFoundError):  # it is needed for PostgreSQL only
        yield Finding("asyncpg", "ok", version("asyncpg"))


def _variables() -> Iterator[Any]:
    from stepwell.client.config import PREFIX, Settings
    from stepwell.client.database import Finding

    known = {PREFIX + name.upper() for name in Settings.__struct_fields__ if name != "origin"} | {*OTHER_VARIABLES}
    there = sorted(name for name in os.environ if name.startswith(PREFIX))
    for name in there:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"Did you mean {near[0]}?" if near else "Take it out, or look for its name: stepwell config show"
            yield Finding("environment", "warn", f"{name} is no setting of this version", hint)
    right = [name for name in there if name in known]
    if right or not there:
        yield Finding("environment", "ok", ", ".join(right) or "no STEPWELL_ variable is set")


def _schema(settings: Any, *, named: bool) -> Any:
    from stepwell.cli.absent import INIT, how_to_create
    from stepwell.client.database import Finding, schema_report
    from stepwell.errors import StepwellError

    try:
        report = schema_report(settings)
    except StepwellError as error:
        return Finding("database", "fail", str(error))
    where = f"{report.database}, schema {report.schema or 'none'}"
    if report.usable:
        return Finding("database", "ok", where)
    if report.schema == 0:
        hint = how_to_create(f"Create it: {INIT}", settings.database_url if named else None)
        return Finding("database", "fail", where, f"{hint} (a worker does it, too).")
    if report.pending:
        return Finding("database", "fail", where, "Bring it up to date: stepwell db upgrade")
    hint = "Upgrade this installation: pip install --upgrade stepwell"
    return Finding("database", "fail", f"{where} is newer than this version", hint)


async def _engine(app: Any) -> list[Any]:
    """What an open client sees: workers, the queue, runs that need a person, clocks."""
    from stepwell.cli.doctor_server import queue, server
    from stepwell.cli.moments import now_by
    from stepwell.client.app import App

    local = isinstance(app, App)
    seen = [] if local else server(app)
    if any(finding.level == "fail" for finding in seen):
        return seen
    now = now_by(app)
    workers = (await app.status()).workers
    counts = await app.runs.count()
    return [
        *seen,
        _workers(workers, counts, now),
        await (_queue(app, now, bool(workers)) if local else queue(app, bool(workers))),
        _parked(counts),
        _stranded(await app.stranded()),
        await _clocks(app, workers, now),
    ]


def _workers(workers: list[Any], counts: dict[str, int], now: float) -> Any:
    from stepwell.cli.moments import ago, counted
    from stepwell.client.database import Finding

    alive = [worker for worker in workers if worker.expires_at > now]
    open_runs = sum(counts.get(status, 0) for status in ("queued", "running", "waiting"))
    if not alive:
        text = "none is alive" + (f"; {counted(open_runs, 'run')} to be executed" if open_runs else "")
        return Finding("workers", "warn", text, "Begin one: stepwell worker app.py")
    lost = len(workers) - len(alive)
    last = max(worker.beat_at for worker in alive)
    text = f"{len(alive)} alive, last beat {ago(last, now)}"
    if lost:
        return Finding("workers", "warn", f"{text}; {lost} lost", "Their runs go to the others at the next claim.")
    return Finding("workers", "ok", text)


async def _queue(app: Any, now: float, any_worker: bool) -> Any:
    from stepwell.cli.doctor_server import LATE, waited

    for age in AGES:
        page = await app.runs.list(status="queued", until=now - age, limit=1000)
        ready = [now - since for row in page.runs if (since := _ready_since(row, now)) is not None]
        if ready and max(ready) >= LATE:
            return waited(max(ready), any_worker)
    return waited(None, any_worker)


def _ready_since(row: Any, now: float) -> float | None:
    """Since when a queued run could have been taken; None when it is not due."""
    if row.due is not None and row.due > now:
        return None
    return float(row.due) if row.due is not None else float(min(row.rank - row.priority * 10, now))


def _parked(counts: dict[str, int]) -> Any:
    from stepwell.cli.moments import counted
    from stepwell.client.database import Finding

    parked = counts.get("parked", 0)
    if parked:
        return Finding(
            "parked",
            "warn",
            f"{counted(parked, 'run')} waiting for a person",
            "See why: stepwell runs list --status parked",
        )
    return Finding("parked", "ok", "no run needs a person")


def _stranded(lost: list[Any]) -> Any:
    from stepwell.client.database import Finding
    from stepwell.client.versions import said

    if not lost:
        return Finding("versions", "ok", "no run is pinned to code that no worker has")
    text = said(lost[0]) + (f"; {len(lost) - 1} more such versions" if len(lost) > 1 else "")
    return Finding("versions", "warn", text, "Start a worker with that code, or: stepwell runs unpin RUN")


async def _clocks(app: Any, workers: list[Any], now: float) -> Any:
    from stepwell.cli.moments import span
    from stepwell.client.database import Finding

    newest = (await app.runs.list(limit=1)).runs
    moments = [(row.created_at, "a run was created") for row in newest]
    moments += [(worker.beat_at, f"a worker on {worker.host} beat") for worker in workers]
    ahead = max(moments, default=(now, ""))
    if ahead[0] > now + SKEW:
        text = f"{ahead[1]} {span(ahead[0] - now)} in the future of this machine's clock"
        return Finding("clocks", "fail", text, "Synchronise the clocks of all machines (NTP).")
    return Finding("clocks", "ok", "no time in the database is ahead of this machine's")
