import asyncio
import ssl

import asyncpg
import pytest

from stepwell import errors
from stepwell.store.postgres.translation import breaks, is_pooled, translated


@pytest.mark.parametrize(
    ("error", "ours", "retryable", "ends"),
    [
        (asyncpg.DeadlockDetectedError("x"), errors.StoreLocked, True, False),
        (asyncpg.LockNotAvailableError("x"), errors.StoreLocked, True, False),
        (asyncpg.SerializationError("x"), errors.StoreLocked, True, False),
        (asyncpg.DiskFullError("x"), errors.DiskFull, True, False),
        (asyncpg.UndefinedTableError("x"), errors.SchemaMissing, False, False),
        (asyncpg.InvalidSchemaNameError("x"), errors.SchemaMissing, False, False),
        (asyncpg.UndefinedColumnError("x"), errors.SchemaTooOld, False, False),
        (asyncpg.ReadOnlySQLTransactionError("x"), errors.StoreReadOnly, True, True),
        (asyncpg.CharacterNotInRepertoireError("x"), errors.NotSerializable, False, False),
        (asyncpg.NumericValueOutOfRangeError("x"), errors.NotSerializable, False, False),
        (asyncpg.DataError("x"), errors.NotSerializable, False, False),
        (asyncpg.CheckViolationError("x"), errors.NotSerializable, False, False),
        (asyncpg.ProgramLimitExceededError("x"), errors.NotSerializable, False, False),
        (asyncpg.UniqueViolationError("x"), errors.StoreCorrupt, False, False),
        (asyncpg.DataCorruptedError("x"), errors.StoreCorrupt, False, True),
        (asyncpg.InternalServerError("x"), errors.StoreCorrupt, False, True),
        (asyncpg.InvalidPasswordError("x"), errors.StoreUnavailable, False, False),
        (asyncpg.InvalidCatalogNameError("x"), errors.StoreUnavailable, False, False),
        (asyncpg.InsufficientPrivilegeError("x"), errors.StoreUnavailable, False, False),
        (asyncpg.AdminShutdownError("x"), errors.StoreUnavailable, True, True),
        (asyncpg.CannotConnectNowError("x"), errors.StoreUnavailable, True, True),
        (asyncpg.TooManyConnectionsError("x"), errors.StoreUnavailable, True, False),
        (asyncpg.QueryCanceledError("x"), errors.StoreUnavailable, True, False),
        (asyncpg.ConnectionDoesNotExistError("x"), errors.StoreUnavailable, True, True),
        (asyncpg.InvalidSQLStatementNameError("x"), errors.StoreUnavailable, True, True),
        (asyncpg.PostgresSyntaxError("x"), errors.StoreUnavailable, True, False),
        (asyncpg.InterfaceError("x"), errors.StoreUnavailable, True, True),
        (asyncpg.ClientConfigurationError("x"), errors.InvalidOption, False, True),
        (ConnectionRefusedError("x"), errors.StoreUnavailable, True, True),
        (ssl.SSLCertVerificationError("x"), errors.StoreUnavailable, False, True),
        (TimeoutError(), errors.StoreUnavailable, True, True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_each_error_has_its_own_of_ours(
    error: BaseException, ours: type[errors.StepwellError], retryable: bool, ends: bool
) -> None:
    found = translated(error, "postgresql://me:***@db/x")
    assert type(found) is ours
    assert isinstance(found, errors.StepwellError)
    assert found.retryable is retryable
    assert breaks(error) is ends


def test_what_to_do_is_said() -> None:
    assert "pooler" in str(translated(asyncpg.TooManyConnectionsError("x"), "db"))
    assert "sslrootcert" in str(translated(ssl.SSLCertVerificationError("x"), "db"))
    assert "Make space" in str(translated(asyncpg.DiskFullError("x"), "db"))


def test_what_is_not_the_database_s_stays_what_it_is() -> None:
    for error in (KeyError("x"), asyncio.CancelledError(), errors.StoreLocked("x")):
        assert translated(error, "db") is error
    assert breaks(asyncio.CancelledError())
    assert not breaks(errors.StoreLocked("x"))


def test_which_errors_show_a_pooler() -> None:
    assert is_pooled(asyncpg.DuplicatePreparedStatementError("x"))
    assert not is_pooled(asyncpg.UniqueViolationError("x"))
