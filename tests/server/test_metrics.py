"""Metrics in Prometheus' text form."""

import re

import pytest

from stepwell.server.metrics import metric
from tests.server.conftest import HERE, Client

pytestmark = pytest.mark.anyio


async def test_the_figures_are_told(api: Client) -> None:
    await api.start("echo", 1, id="e")
    await api.start("nap", 3600, queue='od"d\\\n')
    await api.ended("e")
    answer = await api.get(f"{HERE}/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    assert 'stepwell_runs{status="succeeded"} 1' in lines
    assert 'stepwell_queue_waiting{queue="od\\"d\\\\\\n"} 1' in lines
    assert 'stepwell_http_requests_total{method="POST",status="201"} 2' in lines
    assert 'stepwell_workers{state="alive"} 1' in lines
    sample = re.compile(r'[a-z_]+(\{([a-z]+="([^"\\\n]|\\.)*",?)*\})? -?[\d.e+-]+')
    assert [line for line in lines if not line.startswith("#") and not sample.fullmatch(line)] == []


def test_a_metric_is_said_with_its_kind() -> None:
    assert metric("a_b", "gauge", "What.", [({}, 2.0), ({"x": "y"}, 0.5)]) == (
        '# HELP a_b What.\n# TYPE a_b gauge\na_b 2\na_b{x="y"} 0.5\n'
    )
