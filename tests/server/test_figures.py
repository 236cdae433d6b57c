"""Figures over REST: overview, histogram, queues, workers, failures, versions."""

import pytest

from tests.server.conftest import Client

pytestmark = pytest.mark.anyio


async def test_the_overview_counts_what_happened(api: Client) -> None:
    for number in range(6):
        await api.start("echo", number, id=f"e{number}")
        await api.start("fail", f"no {number}", id=f"f{number}")
    await api.start("nap", 3600)
    await api.ended("f5")
    told = (await api.get("/overview?window=15m")).json()
    assert told["complete"] is True
    assert told["ended"] == {"succeeded": 6, "failed": 6, "cancelled": 0, "terminated": 0}
    assert told["now"]["by_status"] == {"failed": 6, "succeeded": 6, "waiting": 1}
    assert (told["step"], len(told["throughput"])) == (15.0, 60)
    assert sum(bucket["created"] for bucket in told["throughput"]) == 13
    assert sum(bucket["failed"] for bucket in told["throughput"]) == 6
    run = [bucket for bucket in told["latency"]["run"] if bucket["p50"] is not None]
    assert len(run) == 1
    assert run[0]["p50"] <= run[0]["p95"] <= run[0]["p99"]
    assert (await api.get("/overview?window=2h")).status_code == 422


async def test_the_histogram_is_of_the_filter(api: Client) -> None:
    await api.start("echo", 1, id="e")
    await api.start("fail", "no", id="f")
    await api.ended("f")
    await api.env.advance(1800)
    await api.start("echo", 2, id="later")
    for query, total, failed in (("", 3, 1), ("&workflow=echo", 2, 0), ("&status=failed", 1, 1), ("&id=la", 1, 0)):
        told = (await api.get(f"/runs/histogram?since=1h{query}&buckets=60")).json()
        assert told["complete"] is True
        assert sum(bar["total"] for bar in told["buckets"]) == total, query
        assert sum(bar["failed"] for bar in told["buckets"]) == failed
        assert told["step"] == 60.0
    assert (await api.get("/runs/histogram?since=1h&until=2h")).status_code == 422


async def test_queues_and_workers(api: Client) -> None:
    await api.start("echo", 1, queue="slow", delay="1h")
    queues = {queue["queue"]: queue for queue in (await api.get("/queues")).json()["queues"]}
    assert queues["slow"]["delayed"] == 1
    assert queues["default"]["workers"] == 1
    assert {queue["out_per_minute"] for queue in queues.values()} == {0.0}
    assert (await api.get("/queues?window=2h")).status_code == 422
    (worker,) = (await api.get("/workers")).json()["workers"]
    assert (worker["status"], worker["concurrency"]) == ("alive", 10)
    assert "buy" in worker["offers"]


async def test_failures_come_together_by_cause(api: Client) -> None:
    for number in range(5):
        await api.start("fail", f"order {number} of 'x{number}' is late", id=f"f{number}")
    await api.start("fail", "another thing", id="g")
    await api.ended("g")
    await api.env.settle()
    told = (await api.get("/failures?window=1h")).json()
    assert (told["total"], told["looked_at"]) == (6, 6)
    first, second = told["causes"]
    assert (first["type"], first["count"], first["workflow"]) == ("ValueError", 5, "fail")
    assert first["message"] == [
        {"text": "order "},
        {"hole": "n"},
        {"text": " of "},
        {"hole": "str"},
        {"text": " is late"},
    ]
    assert first["where"].startswith("refuse at shop.py:")
    assert sum(first["spark"]) == 5
    found = (await api.get("/runs", params=first["filter"])).json()["runs"]
    assert len(found) == 5  # the link leads to just these
    assert second["count"] == 1
    assert (await api.get("/failures?window=soon")).status_code == 422


async def test_versions(api: Client) -> None:
    told = (await api.get("/versions?workflow=buy")).json()["versions"]
    assert [(one["name"], one["number"], one["kind"]) for one in told] == [("buy", 1, "workflow")]
    assert (await api.get("/versions?workflow=nothing")).json() == {"versions": []}
