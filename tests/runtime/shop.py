"""An app whose step bodies wait until the test lets them go."""

import asyncio
from typing import Any

from stepwell import App, Run, RunStatus, cleanup


class Gates:
    """Bodies of steps that wait until the test lets them go; everything they did, in order."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.open = asyncio.Event()

    async def body(self, x: Any) -> str:
        self.log.append(f"begin {x}")
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.log.append(f"cancelled {x}")
            raise
        self.log.append(f"end {x}")
        return f"done {x}"


class Shop:
    """An app with one gated step and workflows around it."""

    def __init__(self) -> None:
        self.app = App("memory://")
        self.gates = Gates()
        self.event = self.app.event("event", str)
        app, gates = self.app, self.gates

        @app.step
        async def work(x: int) -> str:
            return await gates.body(x)

        @app.step
        async def undo(x: int) -> None:
            gates.log.append(f"undo {x}")

        @app.step
        async def note(text: str) -> str:
            gates.log.append(text)
            return text

        @app.workflow
        async def fan(n: int) -> list[str]:
            return list(await asyncio.gather(*(work(x).on_rollback(undo, x) for x in range(n))))

        @app.workflow
        async def chain() -> list[str]:
            return [await work(1), await note("after")]

        @app.workflow
        async def careful() -> str:
            try:
                await work(1)
            finally:
                async with cleanup():
                    await note("unlocked")
                await note("too late")
            return "done"

        @app.workflow
        async def waits() -> str:
            first = await self.event.wait("key")
            await note(first)
            return await self.event.wait()

        self.work, self.note, self.fan, self.chain = work, note, fan, chain
        self.careful, self.waits = careful, waits


async def state(run: Run[Any]) -> RunStatus:
    return (await run.status()).state


async def kinds(run: Run[Any]) -> list[str]:
    return [entry["k"] for entry in await run.journal()]
