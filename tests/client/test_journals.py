"""Entries as they are shown. Their pages: tests/server/test_reading.py."""

from typing import Any

import msgspec

from stepwell import App
from stepwell.client.journals import shown
from stepwell.client.marks import Marks
from stepwell.client.redact import OPEN, Redactor
from stepwell.client.values import Reader
from stepwell.model.entry import AnyEntry, Attempted, Payload, Started
from stepwell.model.failure import Failure


def told_of(entry: AnyEntry, redactor: Redactor) -> dict[str, Any]:
    return shown(entry, Reader(Marks(App("memory://").registry), redactor, "any", {}), redactor)


def test_values_and_failures_hide_what_is_secret() -> None:
    started = Started(at=1.0, input=Payload(v=msgspec.Raw(b'{"token":"t","n":1}')))
    assert told_of(started, Redactor())["input"] == {"v": {"token": "••••", "n": 1}}
    assert told_of(started, OPEN)["input"] == {"v": {"token": "t", "n": 1}}
    inner = Failure(type="E", fields={"api_key": "k"})
    failed = Attempted(call="c", attempt=1, error=Failure(type="E", details={"secret": 1}, args=["s"], cause=inner,
                                                            group=[inner]))  # fmt: skip
    told = told_of(failed, Redactor())["error"]
    assert (told["details"], told["args"]) == ({"secret": "••••"}, ["••••"])
    assert told["cause"]["fields"] == told["group"][0]["fields"] == {"api_key": "••••"}
    open_told = told_of(failed, OPEN)["error"]
    assert (open_told["details"], open_told["args"]) == ({"secret": 1}, ["s"])
