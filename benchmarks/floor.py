"""The floor: the engine's own stream of commits and claims, played into a store with no engine around it."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from benchmarks.databases import Fresh, store_on
from benchmarks.report import heading, line, spread
from benchmarks.workloads import make_app, opened, throughput
from stepwell.core.kernel import Kernel
from stepwell.model.change import Change, ClaimRequest, Reply
from stepwell.model.entry import Payload, Started, Stepped
from stepwell.model.run import Claimed, RunRow, WorkerRow
from stepwell.ports.definitions import RunFacts
from stepwell.ports.store import Store


class Recorder:
    """A store that remembers what it was asked to write, in order."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.tape: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def commit(self, changes: Sequence[Change]) -> list[Reply]:
        self.tape.append(list(changes))
        return await self.store.commit(changes)

    async def claim(self, request: ClaimRequest, cached: Mapping[bytes, int]) -> list[Claimed]:
        place = len(self.tape)
        self.tape.append((request, {}))
        claimed = await self.store.claim(request, cached)
        self.tape[place] = (request, {c.row.key: c.row.epoch - 1 for c in claimed if c.journal is None})
        return claimed


async def play(url: str, tape: list[Any], worker: str) -> tuple[float, float]:
    """(seconds, CPU seconds) of playing a tape into a new database, as fast as the store takes it."""
    store = store_on(url)
    await store.open()
    heart = await store.heart()
    now = store.clock.now()
    heart.beat(WorkerRow(id=worker, beat_at=now, expires_at=now + 3600))
    at_once = 1 + store.capabilities.lanes  # commits and a claim may overlap, as they do in the engine
    wall, cpu = time.perf_counter(), time.process_time()
    under_way: list[asyncio.Future[Any]] = []
    for item in tape:
        work = store.commit(item) if isinstance(item, list) else store.claim(*item)
        under_way.append(asyncio.ensure_future(work))
        if len(under_way) == at_once:
            await under_way.pop(0)
    await asyncio.gather(*under_way)
    took = time.perf_counter() - wall, time.process_time() - cpu
    heart.close()
    await store.close()
    return took


async def engine(url: str, name: str, count: int) -> tuple[float, float, list[Any], str]:
    """(runs per second, CPU seconds per run, tape, worker) of the engine itself."""
    store = Recorder(store_on(url))
    async with opened(url, store) as app:
        await throughput(app, name, count // 10)
        assert app._opened is not None
        worker = app._opened.engine.workers[0]
        already = worker.finished_count
        # The tape of the warm-up goes into the floor's database, too, but not into its time.
        mark = len(store.tape)
        rate, cpu = await throughput(app, name, count, already)
        return rate, cpu, [store.tape[:mark], store.tape[mark:]], worker.id


async def kernel_cpu(count: int = 5_000) -> float:
    """CPU seconds of the kernel alone for a one-step run: begin, deliver, finish."""
    app = make_app("memory://")
    definition = app.registry.workflow("w1")
    assert definition is not None
    row = RunRow(key=bytes(16), id="x", workflow="w1")
    entry = Stepped(at=2.0, call="one", value=Payload(v=msgspec.Raw(b"2")), opened=1)
    began = time.process_time()
    for n in range(count):
        kernel = Kernel(n.to_bytes(16, "big"), 1)
        kernel.info = RunFacts(row, Started(at=1.0), b'{"x":1}', app.registry)
        kernel.begin(partial(definition.program, kernel, kernel.info), 1.0)
        kernel.at_end()
        kernel.take()
        kernel.deliver(entry)
        assert kernel.outcome is not None
        kernel.close()
    return (time.process_time() - began) / count


async def main(fresh: Fresh, count: int = 10_000, repeats: int = 3) -> None:
    """Print engine, floor, their ratio and the CPU budget for one- and three-step runs."""
    heading("Floor: the engine's own changes, with and without the engine")
    kernel = await kernel_cpu()
    for name, steps in (("w1", 1), ("w3", 3)):
        rates, floors, ratios, cpus, stores = [], [], [], [], []
        for _ in range(repeats):
            async with fresh() as url:
                rate, cpu, (before, tape), worker = await engine(url, name, count)
            async with fresh() as url:
                await play(url, before, worker)
                seconds, store_cpu = await play(url, tape, worker)
            rates.append(rate)
            floors.append(count / seconds)
            ratios.append(rate * seconds / count)
            cpus.append(cpu * 1e6)
            stores.append(store_cpu / count * 1e6)
        line(f"{steps}-step runs: engine", spread(rates, " runs/s"))
        line(f"{steps}-step runs: floor", spread(floors, " runs/s"))
        line(f"{steps}-step runs: engine / floor (target 0.5)", spread(ratios, "", 2))
        line(f"{steps}-step runs: CPU per run", spread(cpus, " us"))
        line(f"{steps}-step runs: of it in the store", spread(stores, " us"))
        if steps == 1:
            line("1-step runs: of it in the kernel (target 20)", f"{kernel * 1e6:,.0f} us")
