"""`make bench-peers`: DBOS and Absurd beside Stepwell on one PostgreSQL server, in turn; prints ratios.

The peers come from PyPI into environments of their own under build/peers, and run as their documentation recommends for
throughput; of several ways the fastest counts. One process each, which starts the runs and works on them.
"""

import argparse
import asyncio
import json
import subprocess
import venv
from pathlib import Path
from statistics import median

import msgspec

from benchmarks import report
from benchmarks.databases import Fresh, postgres_on
from benchmarks.report import heading, line, spread
from benchmarks.workloads import opened, throughput

HERE = Path(__file__).parent
PLACE = Path("build/peers")


class Peer(msgspec.Struct, frozen=True):
    """Another system: what to install, its script, the ways to run it, what prepares its database."""

    name: str
    packages: tuple[str, ...]
    script: str
    ways: tuple[str, ...]
    prepare: tuple[str, ...] = ()
    target: float | None = None


PEERS = (
    Peer("DBOS", ("dbos==3.4.0",), "dbos_runs.py", ("direct", "queue"), target=50.0),
    Peer(
        "Absurd",
        ("absurd-sdk==0.5.1", "absurdctl==0.5.1"),
        "absurd_runs.py",
        ("20", "100"),
        ("absurdctl", "init", "-d"),
    ),
)


def installed(peer: Peer) -> Path:
    """The folder of the peer's programs; made at the first call."""
    folder = PLACE / peer.name.lower()
    if not (folder / "made").exists():
        print(f"installing {', '.join(peer.packages)} into {folder}", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        command = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*command, *peer.packages], check=True, stderr=subprocess.DEVNULL)
        (folder / "made").touch()
    return folder / "bin"


def run(peer: Peer, url: str, count: int, steps: int, way: str) -> dict[str, float]:
    """One measurement of a peer in its own process."""
    programs = installed(peer)
    if peer.prepare:
        program, *arguments = peer.prepare
        subprocess.run([programs / program, *arguments, url], check=True, stdout=subprocess.DEVNULL)
    command = [str(programs / "python"), str(HERE / peer.script), url, str(count), str(steps), way]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=600, check=True)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


async def ours(fresh: Fresh, name: str, count: int) -> tuple[float, float]:
    """(runs per second, CPU seconds per run) of Stepwell."""
    async with fresh() as url, opened(url) as app:
        await throughput(app, name, 1_000)
        return await throughput(app, name, count, 1_000)


async def compare(fresh: Fresh, name: str, steps: int, count: int, repeats: int) -> None:
    """Measure all in turn, several times, and print the median ratios."""
    heading(f"Peers: {steps}-step runs on one PostgreSQL server")
    rates: list[float] = []
    theirs: dict[str, list[float]] = {peer.name: [] for peer in PEERS}
    costs: dict[str, list[float]] = {"Stepwell": [], **{peer.name: [] for peer in PEERS}}
    for _ in range(repeats):
        rate, cpu = await ours(fresh, name, count)
        rates.append(rate)
        costs["Stepwell"].append(cpu * 1e3)
        for peer in PEERS:
            tried = []
            for way in peer.ways:
                async with fresh() as url:
                    tried.append(await asyncio.to_thread(run, peer, url, max(100, count // 40), steps, way))
            best = max(tried, key=lambda one: one["rate"])
            theirs[peer.name].append(best["rate"])
            costs[peer.name].append(best["cpu"] * 1e3)
    line("Stepwell", f"{spread(rates, ' runs/s')}, {median(costs['Stepwell']):.2f} ms CPU a run")
    for peer in PEERS:
        line(peer.name, f"{spread(theirs[peer.name], ' runs/s')}, {median(costs[peer.name]):.2f} ms CPU a run")
        ratios = [a / b for a, b in zip(rates, theirs[peer.name], strict=True)]
        goal = f" (target {peer.target:.0f})" if peer.target else ""
        line(f"Stepwell / {peer.name}{goal}", spread(ratios, "", 1))


def main() -> None:
    """Parse the command line, start a server, compare."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000, help="runs of ours; the peers get a fortieth")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args()
    from tests.postgres import benchmark_server

    report.machine()
    for peer in PEERS:
        installed(peer)
    with benchmark_server() as server:
        report.server(server.url)
        fresh = postgres_on(server.url)
        for name, steps in (("w1", 1), ("w3", 3)):
            asyncio.run(compare(fresh, name, steps, given.count, given.repeats))


if __name__ == "__main__":
    main()
