"""Why a queued run is not taken."""

from typing import Any

import pytest

from stepwell.client.serving import unserved
from stepwell.model.run import WorkerRow
from stepwell.model.status import RunStatus
from tests.client.test_phrases import row

NOW = 100.0


def worker(**fields: Any) -> WorkerRow:
    given: dict[str, Any] = {"id": "w", "expires_at": 130.0, "offers": {"order": "c1"}, **fields}
    return WorkerRow(**given)


@pytest.mark.parametrize(
    ("fields", "workers", "why"),
    [
        ({}, [worker()], None),
        ({}, [], "no worker is alive"),
        ({}, [worker(expires_at=NOW)], "no worker is alive"),
        ({}, [worker(draining=True)], "no worker is alive"),
        ({"queue": "slow"}, [worker(queues=("fast",))], "no live worker serves queue slow"),
        ({"queue": "slow"}, [worker(queues=("fast", "slow"))], None),
        ({}, [worker(offers={"other": "c1"})], "no live worker of queue default has workflow order"),
        ({}, [worker(offers={}), worker(queues=("x",))], "no live worker of queue default has workflow order"),
        ({"pin": "c1"}, [worker(offers={"order": "c2"}), worker()], None),
        (
            {"pin": "c1"},
            [worker(offers={"order": "c2"})],
            "it is pinned to code c1, which no live worker of queue default has",
        ),
        ({"due": NOW + 1}, [], None),
        ({"due": NOW}, [], "no worker is alive"),
    ],
)
def test_why_nobody_takes_it(fields: dict[str, Any], workers: list[WorkerRow], why: str | None) -> None:
    assert unserved(row(RunStatus.QUEUED, workflow="order", **fields), workers, NOW) == why


@pytest.mark.parametrize("status", [status for status in RunStatus if status is not RunStatus.QUEUED])
def test_it_concerns_queued_runs_alone(status: RunStatus) -> None:
    assert unserved(row(status), [], NOW) is None
