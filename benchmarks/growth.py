"""Growth: throughput with many finished runs in the database, against the empty one."""

import time
from pathlib import Path

from benchmarks.report import heading, line, spread
from benchmarks.workloads import opened, scratch, throughput
from stepwell.adapters.clock import SystemClock
from stepwell.adapters.ids import new_key
from stepwell.core.starting import new_run
from stepwell.model.change import Change, Patch
from stepwell.model.entry import Finished, Payload, Stepped, encode_entries
from stepwell.model.options import StartOptions
from stepwell.model.run import WorkerRow
from stepwell.model.status import RunStatus
from stepwell.store.sqlite import SqliteStore

GROUP = 1_000


async def fill(path: Path, count: int) -> None:
    """Put finished one-step runs into a database, through the store's own commits."""
    store = SqliteStore(str(path), "default", SystemClock(), durability="normal")
    await store.open()
    heart = await store.heart()
    now = SystemClock().now()
    heart.beat(WorkerRow(id="filler", beat_at=now, expires_at=now + 3600))
    for _ in range(count // GROUP):
        news = [new_run("w1", b'{"x":1}', StartOptions(), None, key=new_key(), now=now, worker="filler")
                for _ in range(GROUP)]  # fmt: skip
        await store.commit([Change(run=n.row.key, create=n) for n in news])
        entries = encode_entries([Stepped(at=now, call="one", value=Payload(), opened=1),
                                  Finished(at=now, status="succeeded", value=Payload())])  # fmt: skip
        patch = Patch(status=RunStatus.SUCCEEDED, release=True, finished_at=now, reason="")
        await store.commit([Change(run=n.row.key, epoch=1, seq=1, count=2, data=entries, patch=patch) for n in news])
    heart.stop("filler")
    heart.close()
    await store.close()


async def main(sizes: tuple[int, ...] = (100_000, 1_000_000), count: int = 5_000, repeats: int = 3) -> None:
    """Print runs per second at each size, relative to the empty database measured in turn with it."""
    heading("Growth: throughput with finished runs in the database")
    for size in sizes:
        async with scratch() as folder:
            began = time.perf_counter()
            await fill(folder / "full.db", size)
            filled = time.perf_counter() - began
            ratios, rates = [], []
            for n in range(repeats):
                async with opened(folder / f"empty{n}.db") as app:
                    await throughput(app, "w1", 500)
                    empty, _ = await throughput(app, "w1", count, 500)
                async with opened(folder / "full.db") as app:
                    await throughput(app, "w1", 500)
                    full, _ = await throughput(app, "w1", count, 500)
                rates.append(full)
                ratios.append(full / empty)
            megabytes = (folder / "full.db").stat().st_size / size
        line(f"{size:,} finished runs", spread(rates, " runs/s"))
        line(f"{size:,} finished runs / empty (target 0.9)", spread(ratios, "", 2))
        line("  bytes stored per one-step run", f"{megabytes:,.0f} (filled in {filled:,.0f} s)")
