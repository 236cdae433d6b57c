import asyncio
import os
import signal
import subprocess
import sys

import pytest

from stepwell.client.stopping import Stopping

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


def test_first_kindly_then_again() -> None:
    async def main() -> None:
        stopping = Stopping(at_once=False).listen()
        assert not await stopping.within(0.01)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await stopping.within(60)
        assert not stopping.again.is_set()
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(stopping.again.wait(), 60)
        assert stopping.number == signal.SIGINT

    asyncio.run(main())


def test_the_second_at_once() -> None:
    source = """
import asyncio, os, signal
from stepwell.client.stopping import Stopping
async def main():
    stopping = Stopping(at_once=True).listen()
    os.kill(os.getpid(), signal.SIGTERM)
    await stopping.asked.wait()
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.sleep(300)
asyncio.run(main())
"""
    assert subprocess.run([sys.executable, "-c", source], check=False, timeout=100).returncode == 128 + signal.SIGTERM
