"""Growth: throughput with many finished runs in the database, against the empty one."""

import time

from benchmarks.databases import Fresh, bytes_of, store_on
from benchmarks.report import heading, line, spread
from benchmarks.workloads import opened, throughput
from stepwell.adapters.ids import new_key
from stepwell.core.starting import new_run
from stepwell.model.change import Change, Patch
from stepwell.model.entry import Finished, Payload, Stepped, encode_entries
from stepwell.model.options import StartOptions
from stepwell.model.run import WorkerRow
from stepwell.model.status import RunStatus

GROUP = 1_000


async def fill(url: str, count: int, over: float = 0.0) -> None:
    """Put finished one-step runs into a database, through the store's own commits; `over` so many seconds up to now."""
    store = store_on(url, durability="normal")
    await store.open()
    heart = await store.heart()
    last = store.clock.now()
    heart.beat(WorkerRow(id="filler", beat_at=last, expires_at=last + 3600))
    for group in range(count // GROUP):
        now = last - over * (1 - group * GROUP / count)
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


async def main(
    fresh: Fresh, sizes: tuple[int, ...] = (100_000, 1_000_000), count: int = 5_000, repeats: int = 3
) -> None:
    """Print runs per second at each size, relative to the empty database measured in turn with it."""
    heading("Growth: throughput with finished runs in the database")
    for size in sizes:
        async with fresh() as full_one:
            began = time.perf_counter()
            await fill(full_one, size)
            filled = time.perf_counter() - began
            ratios, rates = [], []
            for _ in range(repeats):
                async with fresh() as empty_one, opened(empty_one) as app:
                    await throughput(app, "w1", 500)
                    empty, _ = await throughput(app, "w1", count, 500)
                async with opened(full_one) as app:
                    await throughput(app, "w1", 500)
                    full, _ = await throughput(app, "w1", count, 500)
                rates.append(full)
                ratios.append(full / empty)
            per_run = await bytes_of(full_one) / size
        line(f"{size:,} finished runs", spread(rates, " runs/s"))
        line(f"{size:,} finished runs / empty (target 0.9)", spread(ratios, "", 2))
        line("  bytes stored per one-step run", f"{per_run:,.0f} (filled in {filled:,.0f} s)")
