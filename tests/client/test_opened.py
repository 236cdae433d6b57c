"""What lives while an app is open: opened in order, closed in the other, each part whatever the others do."""

import asyncio
import logging

import msgspec
import pytest

from stepwell import App, sleep
from stepwell.client.opened import Opened
from stepwell.errors import AppClosed
from stepwell.store.memory import MemoryStore
from stepwell.testing.clock import VirtualClock


def virtual(app: App) -> App:
    clock = VirtualClock()
    app.parts = msgspec.structs.replace(
        app.parts, clock=clock, alarms=clock, store=MemoryStore("test", clock), virtual=True
    )
    return app


def test_a_worker_that_is_stopped_hands_back_and_signs_off() -> None:
    app = virtual(App("memory://"))

    @app.workflow
    async def nap() -> None:
        await sleep("1h")

    async def main() -> None:
        async with app.worker() as worker:
            run = await nap.start()
            while (await run.status()).state != "waiting":
                await asyncio.sleep(0)
            assert [row.id for row in (await app.status()).workers] == [worker.id]
            opened = app._opened
            assert opened is not None
            await opened.stop_worker(worker)
            assert (await app.status()).workers == []
            assert (await run.status()).state in ("waiting", "queued")

    asyncio.run(main())


def test_after_the_end_the_engine_refuses() -> None:
    app = virtual(App("memory://"))

    async def main() -> None:
        opened = await Opened.begin(app.settings, app.registry, app.hooks, app.parts)
        await opened.work({"concurrency": 1})
        await opened.end()
        with pytest.raises(AppClosed):
            await opened.engine.find("x")

    asyncio.run(main())


def test_suspicious_bodies_are_named_when_a_worker_starts(caplog: pytest.LogCaptureFixture) -> None:
    app = App("memory://")

    @app.workflow
    async def clocked() -> float:
        import time

        return time.time()

    @app.workflow
    async def careless() -> str:
        return str(open)

    async def main() -> None:
        with caplog.at_level(logging.WARNING, "stepwell"):
            async with app:
                pass
        assert "test_opened.py:" in caplog.text

    asyncio.run(main())
