"""Entries as they are shown. Their pages: tests/server/test_reading.py."""

import msgspec

from stepwell.client.journals import shown
from stepwell.client.redact import OPEN, Redactor
from stepwell.model.entry import Attempted, Payload, Started
from stepwell.model.failure import Failure


def test_values_and_failures_hide_what_is_secret() -> None:
    started = Started(at=1.0, input=Payload(v=msgspec.Raw(b'{"token":"t","n":1}')))
    assert shown(started, Redactor())["input"] == {"v": {"token": "••••", "n": 1}}
    assert shown(started, OPEN)["input"] == {"v": {"token": "t", "n": 1}}
    inner = Failure(type="E", fields={"api_key": "k"})
    failed = Attempted(call="c", attempt=1, error=Failure(type="E", details={"secret": 1}, args=["s"], cause=inner))
    told = shown(failed, Redactor())["error"]
    assert (told["details"], told["args"], told["cause"]["fields"]) == ({"secret": "••••"}, None, {"api_key": "••••"})
    open_told = shown(failed, OPEN)["error"]
    assert (open_told["details"], open_told["args"]) == ({"secret": 1}, ["s"])
