"""A server that says no: too many connections, missing rights, no writes; each has a code and says what to do."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from stepwell import App, Run, errors
from tests import postgres
from tests.fleet.fleet import Fleet, until, wait_for

pytestmark = pytest.mark.anyio
SLEPT = 8.0
"""Seconds that a run sleeps: long enough to be seen asleep."""
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'stepwell'"


@pytest.fixture(scope="module")
def small() -> Iterator[postgres.Server]:
    """A server for few: 20 connections, 3 of them for its owner."""
    with postgres.private_server(settings={"max_connections": "20"}) as server:
        server.psql(
            "CREATE ROLE clerk LOGIN NOSUPERUSER",
            "CREATE ROLE reader LOGIN NOSUPERUSER",
            f"GRANT CREATE ON DATABASE {postgres.DATABASE} TO clerk",
        )
        yield server


def as_role(url: str, role: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{role}@{parts.netloc.rpartition('@')[2]}"))


async def test_when_all_connections_are_taken_a_worker_waits_for_one(fleet: Fleet, small: postgres.Server) -> None:
    url = as_role(f"{small.url}?schema={postgres.fresh()}", "clerk")
    async with App(url, mode="client") as client:
        run = await client.start("order", {"n": 1}, id="order-1")
        worker = fleet.worker("flows.py", url=url)
        worker.workers()
        assert await run.result(timeout=60) == 103
        small.psql("ALTER ROLE clerk CONNECTION LIMIT 0", CUT)
        refused = fleet.stepwell("runs", "list", "-u", url, code=5)
        assert "error[store_unavailable]" in refused
        assert "too many connections" in refused
        assert "pooler" in refused, "what to do"
        worker.until("too many connections")
        small.psql("ALTER ROLE clerk CONNECTION LIMIT -1")
        second = await until(lambda: _started(client, 2))
        assert await second.result(timeout=60) == 203
        assert worker.process.poll() is None, "the same process as before"
        assert fleet.begun() == {(n, part): 1 for n in (1, 2) for part in range(3)}


async def _started(client: App, n: int) -> Run[int] | None:
    with contextlib.suppress(errors.StoreUnavailable):
        return await client.start("order", {"n": n}, id=f"order-{n}")
    return None


def nobody_there(server: postgres.Server) -> bool:
    """Whether whoever came before has gone: the server notices the end of a connection in its own time."""
    others = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    return server.psql(others).strip() == "0"


async def test_the_last_connections_are_not_taken_from_the_owner(fleet: Fleet, small: postgres.Server) -> None:
    """The message of a server that is full is another one than of a role that is; what to do is the same."""
    url = as_role(small.url, "clerk")
    wait_for(lambda: nobody_there(small))
    async with contextlib.AsyncExitStack() as hoarded:
        with contextlib.suppress(asyncpg.TooManyConnectionsError):
            while True:
                hoarded.push_async_callback((await asyncpg.connect(url)).close)
        refused = fleet.stepwell("db", "init", "-u", url, code=5)
        assert "error[store_unavailable]" in refused
        assert "slots" in refused
        assert "pooler" in refused
    wait_for(lambda: nobody_there(small))


async def test_a_role_that_may_make_nothing(fleet: Fleet, small: postgres.Server) -> None:
    url = as_role(f"{small.url}?schema={postgres.fresh()}", "reader")
    worker = fleet.worker("flows.py", url=url)
    assert worker.end() == 5, "no restart would help"
    assert "store_unavailable" in worker.said
    assert "permission denied" in worker.said
    assert "grants" in worker.said
    assert "error[store_unavailable]" in fleet.stepwell("db", "init", "-u", url, code=5)


async def test_a_role_that_may_only_read(fleet: Fleet, small: postgres.Server) -> None:
    schema = postgres.fresh()
    mine = as_role(f"{small.url}?schema={schema}", "clerk")
    async with App(mine, mode="client") as client:
        await client.start("order", {"n": 1}, id="order-1")
    small.psql(f"GRANT USAGE ON SCHEMA {schema} TO reader", f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO reader")
    theirs = as_role(mine, "reader")
    assert "order-1" in fleet.stepwell("runs", "list", "-u", theirs), "reading is enough to look"
    refused = fleet.stepwell("start", "order", '{"n": 2}', "-u", theirs, code=5)
    assert "error[store_unavailable]" in refused
    assert "grants" in refused
    assert "INSERT" in fleet.stepwell("doctor", "-u", theirs, code=1), "and the doctor names what is lacking"
    worker = fleet.worker("flows.py", url=theirs)
    assert worker.end() == 5


async def test_a_password_that_is_wrong(fleet: Fleet) -> None:
    with postgres.private_server(settings={"password_encryption": "scram-sha-256"}) as server:
        server.psql("CREATE ROLE clerk LOGIN PASSWORD 'right'")
        hba = server._data / "pg_hba.conf"
        hba.write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        server.psql("SELECT pg_reload_conf()")
        parts = urlsplit(server.url)
        await until(lambda: _asks_for_a_password(server))
        for secret in ("wrong", ""):
            login = f"clerk:{secret}" if secret else "clerk"
            url = urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{server.port}"))
            refused = fleet.stepwell("runs", "list", "-u", url, code=5)
            assert "error[store_unavailable]" in refused, refused
            assert "password" in refused
            assert "wrong" not in refused, "a password is never shown"
        worker = fleet.worker("flows.py", url=urlunsplit(parts._replace(netloc=f"clerk:wrong@127.0.0.1:{server.port}")))
        assert worker.end() == 5, "not again and again: that locks accounts"


async def _asks_for_a_password(server: postgres.Server) -> bool:
    """Whether it has read its settings again."""
    try:
        connection = await asyncpg.connect(server.url, password="wrong")
    except asyncpg.InvalidAuthorizationSpecificationError:
        return True
    await connection.close()
    return False


async def test_a_server_that_takes_no_writes_for_a_while(fleet: Fleet, small: postgres.Server) -> None:
    """As during a fail-over: what was the primary has become a standby."""
    url = f"{small.url}?schema={postgres.fresh()}"
    async with App(url, mode="client") as client:
        worker = fleet.worker("flows.py", url=url)
        worker.workers()
        nap = await client.start("nap", {"n": 1, "seconds": SLEPT}, id="nap")
        await until(lambda: _in(client, "waiting"))
        asleep = time.monotonic()
        small.psql("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
        small.psql(CUT)
        worker.until("target_session_attrs")
        refused = fleet.stepwell("start", "order", '{"n": 2}', "-u", url, code=5)
        assert "error[store_read_only]" in refused
        assert "target_session_attrs" in refused
        await asyncio.sleep(asleep + SLEPT - time.monotonic())  # what falls due meanwhile is done later
        await _writable(small)
        assert await nap.result(timeout=60) == 11
        assert fleet.begun() == {(1, 10): 1, (1, 11): 1}
        assert worker.process.poll() is None


async def _writable(server: postgres.Server) -> None:
    owner = await asyncpg.connect(server.url)
    await owner.execute("SET default_transaction_read_only = off")
    await owner.execute("ALTER SYSTEM RESET default_transaction_read_only")
    await owner.execute("SELECT pg_reload_conf()")
    await owner.close()


async def _in(client: App, status: str) -> bool:
    return (await client.runs.count()).get(status, 0) > 0
