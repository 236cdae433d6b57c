"""Moves namespaces from one database to another, with runs in flight.

In this order, so that a crash anywhere leaves exactly one side in use or none: (1) the source is sealed; (2) the
target is marked as arriving, by whoever copies, and its own API keys are set aside; (3) rows are copied, leases are
not; (4) both sides are compared; (5) the source is marked as moved; (6) the target is opened, with the keys of both.
Doing it again goes on from where it was.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from stepwell.client.audit import AUDIT
from stepwell.client.keys import KEY, USE, StoredKey
from stepwell.client.stores import POSTGRES, masked, require_postgres, sqlite_path
from stepwell.errors import IllegalState, InvalidOption, NotFound, StoreCorrupt
from stepwell.ports.clock import Clock
from stepwell.ports.depot import Depot, Row
from stepwell.store.sql.freight import TABLES, Sum, departed
from stepwell.store.sql.sealing import ASIDE, Arrival, Seal, arrival_key, seal_key

Tell = Callable[[str, str, int, int], None]
"""Told of (namespace, what is being done, rows done, rows in all)."""
_KEPT: Final = (KEY, USE, AUDIT)
"""The kinds of the records that a target does not lose."""
_RECORDS: Final = next(table for table in TABLES if table.name == "records")


class Moved(msgspec.Struct, frozen=True):
    """What was moved: rows per table; `before` when it had been moved already."""

    namespace: str
    rows: dict[str, int]
    before: bool = False


def depot_of(url: str, clock: Clock) -> Depot:
    """The database of a URL. Raises InvalidOption for one that cannot be moved, MissingExtra."""
    kind = url.partition(":")[0]
    if kind in POSTGRES:
        require_postgres(url)
        from stepwell.store.postgres.depot import PostgresDepot  # noqa: PLC0415 - loads a database library

        return PostgresDepot(url)
    if kind != "sqlite":
        raise InvalidOption(f"{masked(url)!r} cannot be moved", expected="sqlite:///file.db or postgresql://…")
    from stepwell.store.sqlite.depot import SqliteDepot  # noqa: PLC0415

    return SqliteDepot(sqlite_path(url), clock)


async def move(source: Depot, target: Depot, namespaces: Sequence[str], new_id: Callable[[], str],
               tell: Tell) -> list[Moved]:  # fmt: skip
    """Move namespaces (none named: all), one after the other; both databases are open.

    Raises:
        InvalidOption, NotFound, IllegalState: nothing was changed for the namespace it names.
        Stale: another process moves the same. StoreCorrupt: the copy differs; the source is still sealed.
        WorldError: doing it again goes on.
    """
    if source.identity == target.identity:
        raise InvalidOption(
            f"source and target are the same database, or one is a copy of the other: {source.shown}, {target.shown}",
            expected="two databases",
            hint="What a copy holds is moved into a new schema or file.",
        )
    there = await source.namespaces()
    if missing := sorted(set(namespaces) - set(there)):
        raise NotFound(f"{source.shown} has no namespace {', '.join(map(repr, missing))}", hint=f"It has {there}.")
    return [await _Move(source, target, name, new_id, tell).carry_out() for name in namespaces or there]


async def abort(place: Depot, namespaces: Sequence[str], new_id: Callable[[], str]) -> list[str]:
    """Take back moves that have not ended: a sealed source is opened again, what has half arrived is deleted.

    Answers with the namespaces. Raises IllegalState for a source that was moved: its target is in use.
    """
    done = []
    noted = namespaces or await place.namespaces()
    for name in noted:
        seal, arrival = await _seal_of(place, name), await _arrival_of(place, name)
        if seal is not None and seal.done:
            if not namespaces:
                continue
            raise IllegalState(
                f"namespace {name!r} was moved to {seal.target}, which may be in use",
                hint="Move it back from there, under another file or schema.",
            )
        if seal is not None:
            await place.unseal(name, seal_key(name))
        if arrival is not None:
            guard = await _take_over(place, name, msgspec.structs.replace(arrival, mover=new_id()))
            await place.clear(name, guard)
            await place.settle(name, arrival_key(name))
        if seal is not None or arrival is not None:
            done.append(name)
    return done


class _Move:
    """One namespace on its way."""

    def __init__(self, source: Depot, target: Depot, name: str, new_id: Callable[[], str], tell: Tell) -> None:
        self._source = source
        self._target = target
        self._name = name
        self._new_id = new_id
        self._tell = tell
        self._sums: dict[str, Sum] = {}

    async def carry_out(self) -> Moved:
        """All steps that are left."""
        source, target, name = self._source, self._target, self._name
        seal, arrival = await _seal_of(source, name), await _arrival_of(target, name)
        if seal is not None and seal.identity != target.identity:
            raise IllegalState(
                f"namespace {name!r} of {source.shown} is on its way to {seal.target}, or was moved there",
                hint="Name that target; or take it back: stepwell move --abort SOURCE.",
            )
        if seal is not None and seal.done:
            if arrival is not None and arrival.move == seal.move:
                await target.settle(name, arrival_key(name))
            return Moved(name, {}, before=True)
        if await _arrival_of(source, name) is not None:
            raise IllegalState(f"namespace {name!r} of {source.shown} is itself still arriving")
        await self._check_target(arrival)
        if seal is None:
            seal = Seal(self._new_id(), target.shown, identity=target.identity)
            await self._seal(seal)
        guard = await _take_over(target, name, Arrival(seal.move, source.shown, self._new_id(), source.identity))
        await target.clear(name, guard)
        await self._copy(guard)
        await self._verify()
        await self._seal(msgspec.structs.replace(seal, done=True))
        await target.settle(name, arrival_key(name))
        return Moved(name, {table: found.count for table, found in self._sums.items()})

    async def _check_target(self, arrival: Arrival | None) -> None:
        source, target, name = self._source, self._target, self._name
        if await _seal_of(target, name) is not None:
            raise IllegalState(f"namespace {name!r} of {target.shown} was itself moved away, or is being moved")
        if arrival is not None and arrival.identity != source.identity:
            raise IllegalState(
                f"namespace {name!r} of {target.shown} is still arriving from {arrival.source}",
                hint="Finish that move, or take it back: stepwell move --abort TARGET.",
            )
        if arrival is not None:
            return
        if used := await self._used():
            shown = ", ".join(f"{count:,} {what}" for what, count in used.items())
            raise IllegalState(
                f"namespace {name!r} of {target.shown} is in use: it has {shown}",
                hint="Move into a schema or a file that has none.",
            )
        await self._check_keys()

    async def _used(self) -> dict[str, int]:
        """What the target's namespace has that nobody would want to lose."""
        target, name = self._target, self._name
        found = {t.name: await target.count(name, t) for t in TABLES if t.name in ("runs", "messages")}
        return {what: count for what, count in found.items() if count}

    async def _check_keys(self) -> None:
        """A key that both have becomes what it is at the source: it must not open anything again by that."""
        there = await _keys_of(self._target, self._name)
        here = await _keys_of(self._source, self._name) if there else {}
        again = [id_ for id_, key in there.items() if key.revoked_at is not None and id_ in here
                 and here[id_].revoked_at is None]  # fmt: skip
        if again:
            raise IllegalState(
                f"API key {again[0]} is revoked in {self._target.shown}, and valid in {self._source.shown}",
                hint=f"Revoke it at the source, too: stepwell keys revoke {again[0]}",
            )

    async def _seal(self, seal: Seal) -> None:
        key = seal_key(self._name)
        await self._source.seal(self._name, key, msgspec.json.encode(seal).decode(), seal.message)

    async def _copy(self, guard: tuple[str, str]) -> None:
        for table in TABLES:
            total, added = await self._source.count(self._name, table), Sum()
            after: Row | None = None
            self._tell(self._name, table.name, 0, total)
            while rows := await self._source.read(self._name, table, after):
                after = rows[-1]
                leaving = [departed(table, row) for row in rows]
                added.add(leaving)
                await self._target.write(self._name, table, leaving, guard)
                self._tell(self._name, table.name, added.count, total)
            self._sums[table.name] = added
        await self._target.set_mail(self._name, await self._source.mail(self._name))

    async def _verify(self) -> None:
        """Read everything again where it has arrived."""
        for table in TABLES:
            found, total = Sum(), self._sums[table.name].count
            after: Row | None = None
            while rows := await self._target.read(self._name, table, after):
                after = rows[-1]
                found.add(row for row in rows if table is not _RECORDS or not row[0].startswith(ASIDE))
                self._tell(self._name, f"checking {table.name}", found.count, total)
            if found != self._sums[table.name]:
                raise StoreCorrupt(
                    f"{table.name} of namespace {self._name!r} arrived differently: {found} instead of"
                    f" {self._sums[table.name]}",
                    hint="The source is unchanged. Move again, or take it back: stepwell move --abort SOURCE.",
                )


async def _take_over(place: Depot, name: str, arrival: Arrival) -> tuple[str, str]:
    """Mark the target as one's own to fill; what everything written there is guarded by."""
    guard = arrival_key(name), msgspec.json.encode(arrival).decode()
    await place.arrive(name, *guard, _KEPT)
    return guard


async def _keys_of(place: Depot, name: str) -> dict[str, StoredKey]:
    """The API keys of a namespace, by id."""
    found: dict[str, StoredKey] = {}
    after: Row = (KEY, b"", "")
    while rows := await place.read(name, _RECORDS, after):
        after = rows[-1]
        found |= {row[2]: msgspec.json.decode(row[4], type=StoredKey) for row in rows if row[0] == KEY}
        if after[0] != KEY:
            break
    return found


async def _seal_of(place: Depot, name: str) -> Seal | None:
    text = await place.note(seal_key(name))
    return None if text is None else msgspec.json.decode(text, type=Seal)


async def _arrival_of(place: Depot, name: str) -> Arrival | None:
    text = await place.note(arrival_key(name))
    return None if text is None else msgspec.json.decode(text, type=Arrival)
