"""PostgreSQL's errors, and the network's, as ours."""

import ssl
from typing import Final

import asyncpg

from stepwell.errors import (
    DiskFull,
    InvalidOption,
    NotSerializable,
    SchemaMissing,
    SchemaTooOld,
    StepwellError,
    StoreCorrupt,
    StoreLocked,
    StoreReadOnly,
    StoreUnavailable,
)
from stepwell.store.sql.sealing import SQLSTATE, moved

_LOCKED: Final = frozenset({"40P01", "40001", "55P03"})  # deadlock, serialization failure, lock not available
_NOT_A_VALUE: Final = frozenset({"23502", "23514", "54000"})  # NULL, a check, an index entry too long
_REFUSED: Final = frozenset({"28P01", "28000", "3D000", "42501"})  # password, role, database, privilege
_GONE: Final = ("08", "53", "57", "58")  # connection, resources, operator, system
POOLED: Final = ("26000", "42P05")
"""A prepared statement is missing, or is there already: another server connection than before."""


def is_pooled(error: BaseException) -> bool:
    """Whether an error shows that a pooler gives every transaction another server connection."""
    return isinstance(error, asyncpg.PostgresError) and _state(error) in POOLED


def breaks(error: BaseException) -> bool:
    """Whether a connection on which this happened must not be used again."""
    if isinstance(error, asyncpg.PostgresError):
        # A server that has become a standby: perhaps another one takes writes now, and is found by connecting again.
        return _state(error).startswith(("08", "57P", "25", "XX")) or is_pooled(error)
    return not isinstance(error, StepwellError | UnicodeError)


def translated(error: BaseException, shown: str) -> BaseException:
    """An error as ours; one that has nothing to do with the database stays what it is."""
    match error:
        case StepwellError():
            return error
        case asyncpg.PostgresError():
            return _of_server(error, shown)
        case UnicodeError():
            return NotSerializable(f"a value cannot be stored: {error}")
        case asyncpg.ClientConfigurationError():
            return InvalidOption(f"database URL {shown!r}: {error}")
        case ssl.SSLCertVerificationError():
            return _distrusted(error, shown)
        case TimeoutError():
            return StoreUnavailable(f"the database {shown} does not answer in time")
        case asyncpg.InterfaceError() | asyncpg.InternalClientError() | OSError() | EOFError():
            return StoreUnavailable(f"the database {shown} cannot be reached ({type(error).__name__}: {error})")
    return error


def _distrusted(error: ssl.SSLCertVerificationError, shown: str) -> StepwellError:
    hint = (
        "sslrootcert=FILE names the authority that has signed the server's certificate, and the certificate the host "
        "of the URL."
    )
    found = StoreUnavailable(f"the certificate of the database {shown} is not trusted ({error})", hint=hint)
    found.retryable = False
    return found


def _state(error: asyncpg.PostgresError) -> str:
    return str(getattr(error, "sqlstate", None) or "")


def _of_server(error: asyncpg.PostgresError, shown: str) -> StepwellError:
    state = _state(error)
    if state == SQLSTATE and (sealed := moved(str(error))) is not None:
        return sealed
    if state in _LOCKED:
        hint = "Look for a session that keeps a transaction open: SELECT * FROM pg_stat_activity."
        return StoreLocked(f"rows of {shown} are held by another transaction ({error})", hint=hint)
    if state == "53100":
        hint = "Make space: nothing that was acknowledged is lost, and work goes on by itself."
        return DiskFull(f"there is no space left for the database {shown}", hint=hint)
    if state in ("42P01", "3F000"):
        hint = "Create them: stepwell db init"
        return SchemaMissing(f"the database {shown} lacks Stepwell's tables ({error})", hint=hint)
    if state == "42703":
        hint = "Bring it up to date, while older workers may go on: stepwell db upgrade"
        return SchemaTooOld(f"the database {shown} lacks a column ({error})", hint=hint)
    if state == "25006":
        found = StoreReadOnly(
            f"the database {shown} does not accept writes ({error})",
            hint="Name the primary, or all hosts and target_session_attrs=read-write.",
        )
        found.retryable = True  # after a fail-over, connecting again finds the new primary
        return found
    if state.startswith("22") or state in _NOT_A_VALUE:
        return NotSerializable(f"a value cannot be stored: {error}")
    if state.startswith("23"):
        return StoreCorrupt(f"a change contradicts what is stored in {shown} ({error})")
    if state.startswith("XX0"):
        hint = "Restore a backup." if state in ("XX001", "XX002") else "Look into the server's log."
        return StoreCorrupt(f"{shown} is damaged, or the server failed ({error})", hint=hint)
    if state in _REFUSED:
        refused = StoreUnavailable(
            f"the database {shown} refuses this role ({error})", hint="Check user, password, database and grants."
        )
        refused.retryable = False
        return refused
    if state == "53300":
        hint = "Raise max_connections (or the role's limit), put a pooler between, or use fewer processes."
        return StoreUnavailable(f"the database {shown} has no connection left ({error})", hint=hint)
    if state.startswith(_GONE) or state in POOLED:
        return StoreUnavailable(f"the database {shown} does not answer ({error})")
    return StoreUnavailable(f"the database {shown} refused a statement ({type(error).__name__} {state}: {error})")
