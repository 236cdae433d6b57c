"""API keys and browser sessions: made once, kept only as hashes, looked up by them.

A secret has 256 random bits, so a plain SHA-256 keeps it: there is nothing to guess. A record's id is the first part
of that hash, which finds it with one read; the whole is then compared in constant time.
"""

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from stepwell.adapters.ids import new_secret
from stepwell.errors import InvalidOption, NotFound, StepwellError
from stepwell.model.record import Record
from stepwell.ports.clock import Clock
from stepwell.ports.store import Store

log = logging.getLogger("stepwell.server")
SCOPES: Final = ("read", "operate", "execute", "admin")
PREFIX: Final = "swk_"
KEY, USE, SESSION = "key", "keyuse", "session"
"""Kinds of records. A key's last use has one of its own: noting it must never undo what else is said of the key."""
SHOWN: Final = 4
REMEMBERED: Final = 1.0
"""Seconds for which a key that was found is not looked up again: revoking it elsewhere takes as long."""
USED_EVERY: Final = 60.0
MOMENT: Final = 1.0
MOST_KEYS: Final = 1000
LONGEST_NAME: Final = 100
SWEEP: Final = 200
FEW: Final = 8
"""So many records are read by themselves; more of them are picked from pages of all."""
PAGE: Final = 1000


class StoredKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is kept of a key; times in epoch seconds. `prefix` is the part of it that may be shown."""

    name: str
    scopes: tuple[str, ...]
    hash: str
    prefix: str
    expires_at: float | None = None
    revoked_at: float | None = None


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it is listed."""

    id: str
    created_at: float
    kept: StoredKey
    last_used_at: float | None = None

    def valid(self, now: float) -> bool:
        """Neither revoked nor expired."""
        return self.kept.revoked_at is None and (self.kept.expires_at is None or now < self.kept.expires_at)


class StoredSession(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a browser's session; it ends with its key."""

    hash: str
    key: str
    csrf: str
    expires_at: float

    @property
    def id(self) -> str:
        """The id of its record."""
        return _id_of(self.hash)


class Keys:
    """The keys of one namespace."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, tuple[float, ApiKey]] = {}
        self._used: dict[str, float] = {}
        self._noting: set[asyncio.Task[None]] = set()
        self._any: tuple[float, bool] | None = None

    async def create(self, name: str, scopes: Iterable[str], expires_in: float | None = None) -> tuple[ApiKey, str]:
        """A new key and its secret, which is not kept: it is seen this once. `expires_in` in seconds.

        Raises:
            InvalidOption: the name is empty or too long, or a scope is unknown.
        """
        chosen = tuple(dict.fromkeys(scopes))
        if not name.strip() or len(name) > LONGEST_NAME:
            raise InvalidOption(f"name={name[:40]!r}", expected=f"1 to {LONGEST_NAME} characters")
        if not chosen or not set(chosen) <= set(SCOPES):
            raise InvalidOption(f"scopes={', '.join(chosen)!r}", expected=f"some of {', '.join(SCOPES)}")
        secret, now = PREFIX + new_secret(), self._clock.now()
        digest = digest_of(secret)
        kept = StoredKey(name=name.strip(), scopes=chosen, hash=digest, prefix=secret[: len(PREFIX) + SHOWN],
                         expires_at=None if expires_in is None else now + expires_in)  # fmt: skip
        await self._store.put([Record(kind=KEY, id=_id_of(digest), at=now, data=msgspec.json.encode(kept))])
        self._any = None
        return ApiKey(id=_id_of(digest), created_at=now, kept=kept), secret

    async def list(self) -> "list[ApiKey]":
        """All keys, also revoked and expired ones, the oldest first."""
        await self.noted(MOMENT)
        used = {record.id: record.at for record in await self._store.records(USE, limit=MOST_KEYS)}
        found = [_key(record, used.get(record.id)) for record in await self._store.records(KEY, limit=MOST_KEYS)]
        return sorted(found, key=lambda key: (key.created_at, key.id))

    async def revoke(self, key_id: str) -> ApiKey:
        """Let a key open nothing any more; its record stays. Raises NotFound."""
        record = await _exactly(self._store, KEY, key_id)
        if record is None:
            raise NotFound(f"there is no key {key_id[:40]!r}", hint="`stepwell keys list` shows what there is.")
        key = _key(record)
        self._known.pop(key_id, None)
        if key.kept.revoked_at is not None:
            return key
        return await self._replace(key, msgspec.structs.replace(key.kept, revoked_at=self._clock.now()))

    async def exist(self, *, now: bool = False) -> bool:
        """Whether there has ever been a key: from then on nothing is open without one.

        That there was none is remembered for a moment, unless it is asked for as it is `now`.
        """
        at = self._clock.monotonic()
        if self._any is None or (not self._any[1] and (now or at - self._any[0] >= REMEMBERED)):
            self._any = (at, bool(await self._store.records(KEY, limit=1)))
        return self._any[1]

    async def by_secret(self, secret: str) -> ApiKey | None:
        """The valid key of this secret. That it was used is noted at most once a minute, and not waited for."""
        if not secret.startswith(PREFIX) or len(secret) > 200:
            return None
        digest = digest_of(secret)
        key = await self.by_id(_id_of(digest))
        if key is None or not hmac.compare_digest(key.kept.hash, digest):
            return None
        self._note_use(key.id)
        return key

    async def by_id(self, key_id: str) -> ApiKey | None:
        """The key of this id, if it is valid."""
        monotonic = self._clock.monotonic()
        known = self._known.get(key_id)
        if known is None or monotonic - known[0] >= REMEMBERED:
            record = await _exactly(self._store, KEY, key_id)
            if record is None:
                self._known.pop(key_id, None)
                return None
            if len(self._known) >= MOST_KEYS:
                self._known.clear()
            known = self._known[key_id] = (monotonic, _key(record))
        return known[1] if known[1].valid(self._clock.now()) else None

    async def standing(self, key_ids: Collection[str]) -> dict[str, ApiKey]:
        """Of these keys the valid ones, as the database has them now; what was remembered of them is renewed."""
        monotonic, now = self._clock.monotonic(), self._clock.now()
        found = {record.id: _key(record) for record in await _some(self._store, KEY, key_ids)}
        for key_id in key_ids:
            if key_id in found and key_id in self._known:
                self._known[key_id] = (monotonic, found[key_id])
            elif key_id not in found:
                self._known.pop(key_id, None)
        return {key_id: key for key_id, key in found.items() if key.valid(now)}

    def _note_use(self, key_id: str) -> None:
        now = self._clock.now()
        if now - self._used.get(key_id, 0.0) < USED_EVERY:
            return
        if len(self._used) >= MOST_KEYS:
            self._used.clear()
        self._used[key_id] = now
        task = asyncio.get_running_loop().create_task(self._noted(key_id, now))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def _noted(self, key_id: str, now: float) -> None:
        try:
            await self._store.put([Record(kind=USE, id=key_id, at=now, data=b"null")], replace=True)
        except StepwellError as error:  # a database that is locked, or read only: the key opens what it opens
            log.debug("the use of key %s was not noted: %s", key_id, error)

    async def noted(self, patience: float | None = None) -> None:
        """Wait until every use so far is noted, or could not be; at most `patience` seconds."""
        if self._noting:
            await asyncio.wait(self._noting, timeout=patience)

    async def _replace(self, key: ApiKey, kept: StoredKey) -> ApiKey:
        record = Record(kind=KEY, id=key.id, at=key.created_at, data=msgspec.json.encode(kept))
        await self._store.put([record], replace=True)
        self._known.pop(key.id, None)
        return msgspec.structs.replace(key, kept=kept)


class Sessions:
    """The browser sessions of one namespace: each stands for a key, as long as that is valid."""

    def __init__(self, store: Store, clock: Clock, keys: Keys, length: float) -> None:
        self._store = store
        self._clock = clock
        self._keys = keys
        self._length = length

    async def begin(self, key: ApiKey) -> tuple[StoredSession, str]:
        """A new session of a key, and its token, which is not kept."""
        token, now = new_secret(), self._clock.now()
        digest = digest_of(token)
        ends = now + self._length if key.kept.expires_at is None else min(now + self._length, key.kept.expires_at)
        session = StoredSession(hash=digest, key=key.id, csrf=new_secret(24), expires_at=ends)
        await self._sweep(now)
        await self._store.put([Record(kind=SESSION, id=_id_of(digest), at=now, data=msgspec.json.encode(session))])
        return session, token

    async def find(self, token: str) -> tuple[StoredSession, ApiKey] | None:
        """The session of this token with its key, if both are valid."""
        if not token or len(token) > 200:
            return None
        digest = digest_of(token)
        record = await _exactly(self._store, SESSION, _id_of(digest))
        if record is None:
            return None
        session = msgspec.json.decode(record.data, type=StoredSession)
        if not hmac.compare_digest(session.hash, digest) or self._clock.now() >= session.expires_at:
            return None
        key = await self._keys.by_id(session.key)
        return None if key is None else (session, key)

    async def standing(self, session_ids: Collection[str]) -> set[str]:
        """Of these sessions those that have neither ended nor expired; their keys are not looked at."""
        now = self._clock.now()
        return {record.id for record in await _some(self._store, SESSION, session_ids)
                if now < msgspec.json.decode(record.data, type=StoredSession).expires_at}  # fmt: skip

    async def end(self, token: str) -> None:
        """Forget a session."""
        await self._store.drop(SESSION, [_id_of(digest_of(token))])

    async def _sweep(self, now: float) -> None:
        """Remove what has expired, a part at a time."""
        old = [r.id for r in await self._store.records(SESSION, limit=SWEEP)
               if msgspec.json.decode(r.data, type=StoredSession).expires_at <= now]  # fmt: skip
        if old:
            await self._store.drop(SESSION, old)


def digest_of(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _id_of(digest: str) -> str:
    return digest[:16]


def _key(record: Record, used: float | None = None) -> ApiKey:
    kept = msgspec.json.decode(record.data, type=StoredKey)
    return ApiKey(id=record.id, created_at=record.at, kept=kept, last_used_at=used)


async def _exactly(store: Store, kind: str, record_id: str) -> Record | None:
    """The record of this id: the first one beyond the id before it."""
    try:
        before = int(record_id, 16) - 1
    except ValueError:
        return None
    after = f"{before:016x}" if before >= 0 else None
    found = await store.records(kind, after=after, limit=1)
    return found[0] if found and found[0].id == record_id else None


async def _some(store: Store, kind: str, ids: Collection[str]) -> list[Record]:
    """The records of these ids, as far as there are such."""
    if len(ids) <= FEW:
        return [record for one in ids if (record := await _exactly(store, kind, one)) is not None]
    wanted, found = set(ids), list[Record]()
    after: str | None = None
    while page := await store.records(kind, after=after, limit=PAGE):
        found += [record for record in page if record.id in wanted]
        after = page[-1].id
    return found
