"""A child process on a leash: it takes its orders from its standard input, and stops when that is closed.

Orders do not go through the command line, which everybody on the machine can read: a database URL may hold a
password. The pipe closes by itself when the parent dies, however it dies, so no child is ever left behind.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


async def spawn(
    module: str, orders: msgspec.Struct, *titles: str, env: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    """Start `python -m module` with these orders; `titles` are for whoever reads the process list.

    The child is in a session of its own: Ctrl-C in a terminal reaches its parent alone, which decides.
    """
    line = msgspec.json.encode({"path": [p for p in sys.path if p], "orders": orders}) + b"\n"
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *titles,
        stdin=subprocess.PIPE, start_new_session=True, env={**os.environ, **(env or {})},
    )  # fmt: skip
    assert child.stdin is not None
    child.stdin.write(line)
    with contextlib.suppress(ConnectionError):  # it has died already, and its exit code says more
        await child.stdin.drain()
    return child


def orders(kind: type[T]) -> T:
    """In the child: the orders, once; from then on the end of the parent means SIGTERM for this process.

    Standard input is replaced by nothing, so that neither user code nor its own children hold the leash.
    """
    end = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(end, 65536)
        if not part:
            raise SystemExit(2)
        line += part
    threading.Thread(target=_hold, args=(end,), name="stepwell-leash", daemon=True).start()
    told: dict[str, Any] = msgspec.json.decode(line)
    sys.path.extend(path for path in told["path"] if path not in sys.path)
    return msgspec.convert(told["orders"], kind)


def _hold(end: int) -> None:
    while os.read(end, 64):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def manner_of(code: int) -> str:
    """How a process ended, by its exit code: "exit code 2", or "signal SIGSEGV"."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
