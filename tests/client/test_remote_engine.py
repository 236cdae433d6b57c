"""What the engine of a server's client sends and reads; that it fits the real server is in test_protocol.py."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest

from stepwell.adapters.clock import SystemClock
from stepwell.adapters.failures import ErrorRegistry
from stepwell.adapters.ids import new_key
from stepwell.adapters.jsoncodec import JsonCodec
from stepwell.authoring.registry import Registry
from stepwell.client import remote_engine as module
from stepwell.client import shapes
from stepwell.client.filters import Query, filter_from
from stepwell.client.http import OUTLAST_S
from stepwell.client.remote_engine import RemoteEngine, query_of, row_of
from stepwell.errors import Conflict, InvalidOption, NotFound, ServerUnavailable, StepError, WorldError
from stepwell.model.options import StartOptions
from stepwell.model.policy import Retention
from stepwell.model.run import RunFilter, RunRow
from stepwell.model.status import RunStatus
from stepwell.ports.engine import StartOrder

KEY = bytes(range(16))
FULL = RunRow(
    key=KEY, id="r", workflow="w", queue="q", status=RunStatus.RUNNING, priority=5, epoch=3, generation=2, worker="w1",
    deaths=1, due=1_700_000_003.25, created_at=1_700_000_000.5, started_at=1_700_000_001.125,
    expires_at=1_800_000_000.0, parent=b"p" * 16, parent_call="c#1", progress=0.5, note="half", reason="why",
    cancelling=True, pin="abc", tags={"n": 1, "b": True})  # fmt: skip


class Http:
    """Answers by a script, and takes down what was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, Any, dict[str, Any]]] = []
        self.patience: list[float] = []

    def next(self, kind: Any) -> Any:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return msgspec.json.decode(msgspec.json.encode(answer), type=kind)

    async def get(self, path: str, kind: Any, *, params: Any = None, wait: float = 0.0, patience: float = 0.0) -> Any:
        self.asked.append((path, params, {}))
        self.patience.append(patience)
        return self.next(kind)

    async def post(self, path: str, kind: Any, body: Any = None, **options: Any) -> Any:
        self.asked.append((path, body, options))
        return self.next(kind)

    async def send(self, method: str, path: str, *, body: Any = None, **options: Any) -> Any:
        self.asked.append((path, body, options))

    @asynccontextmanager
    async def stream(self, path: str, *, last: str | None) -> AsyncGenerator[Any]:
        self.asked.append((path, last, {}))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer

        async def lines() -> AsyncGenerator[str]:
            for line in answer:
                if isinstance(line, Exception):
                    raise line
                yield line

        yield lines()


def engine(*answers: Any) -> tuple[RemoteEngine, Http]:
    http: Any = Http(*answers)
    return RemoteEngine(http, Registry(JsonCodec(), ErrorRegistry()), SystemClock(), new_key), http


def said(row: RunRow = FULL, **changes: Any) -> shapes.Run:
    return shapes.run_of(msgspec.structs.replace(row, **changes))


def test_a_row_there_and_back() -> None:
    assert row_of(shapes.run_of(FULL)) == FULL
    bare = RunRow(key=KEY, id="r", workflow="w", created_at=1_700_000_000.0)
    assert row_of(shapes.run_of(bare)) == bare
    assert row_of(shapes.run_of(FULL, parent="mine")).parent == b"p" * 16  # the parent's id is its user's


@pytest.mark.parametrize(
    "which",
    [
        RunFilter(),
        RunFilter(status=(RunStatus.FAILED, RunStatus.PARKED), workflow=("a", "b"), queue=("q",), id_prefix="x"),
        RunFilter(tags={"n": 1, "s": "1", "t": "a,b=c", "b": True, "f": 1.5}),
        RunFilter(since=1_700_000_000.125, until=1_700_000_001.5, text="a,b", reason="ValueError"),
    ],
)
def test_a_filter_means_the_same_there(which: RunFilter) -> None:
    params = query_of(which)
    assert filter_from(msgspec.convert(params, Query, strict=False), now=0.0) == which


def test_a_start_has_a_key_to_be_repeated_by() -> None:
    mine, http = engine(said(), said())
    options = StartOptions(id="r", priority=3, delay=2.5, tags={"a": 1}, reuse="after_close", queue_timeout=9.0)
    asyncio.run(mine.start([StartOrder("w", b'{"x":1.0}', options)]))
    asyncio.run(mine.start([StartOrder("w", b"[]", StartOptions())]))
    (path, body, sent), (_, bare, without) = http.asked
    assert path == "/runs"
    assert msgspec.json.encode(body).startswith(b'{"workflow":"w","input":{"x":1.0},')
    rest = {name: value for name, value in body.items() if name not in ("workflow", "input", "tags")}
    assert rest == {"id": "r", "priority": 3, "delay": 2.5, "reuse": "after_close", "queue_timeout": 9.0}
    assert body["tags"] == {"a": 1}
    assert (sent["repeatable"], sent["headers"]) == (True, {})
    assert set(bare) == {"workflow", "input"}
    assert len(without["headers"]["Idempotency-Key"]) == 32


def test_a_batch_is_cut_and_answered_by_position(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH", 2)
    problem = {"code": "conflict", "title": "Conflict", "status": 409, "detail": "taken"}
    first, second = [{"run": said()}, {"problem": problem}], [{"problem": {"title": "?"}}]
    mine, http = engine({"results": first}, {"results": second})
    answers = asyncio.run(mine.start([StartOrder("w", b"1", StartOptions())] * 3))
    assert [type(answer) for answer in answers] == [RunRow, Conflict, WorldError]
    assert [len(body["runs"]) for _, body, _ in http.asked] == [2, 1]
    ids = [run["id"] for _, body, _ in http.asked for run in body["runs"]]
    assert len(set(ids)) == 3


@pytest.mark.parametrize("options", [StartOptions(conn=object()), StartOptions(retention=Retention(succeeded=1))])
def test_what_a_server_cannot_do_is_refused(options: StartOptions) -> None:
    mine, http = engine()
    with pytest.raises(InvalidOption, match="with a server"):
        asyncio.run(mine.start([StartOrder("w", b"1", options)]))
    assert http.asked == []


def test_what_may_be_repeated_is_said_of_every_write() -> None:
    mine, http = engine(*[said()] * 6, {"runs": []}, {"runs": []})

    async def main() -> None:
        for verb in ("pause", "resume", "cancel", "terminate", "restart", "retry"):
            await mine.control(KEY, verb)
        await mine.publish("e", b"1", id="x")
        await mine.publish("e", b"1", id=None)
        await mine.send("e", b"1", key="k", target=None, id=None)
        await mine.send("e", b"1", key=None, target=KEY, id="m")

    asyncio.run(main())
    repeatable = [options["repeatable"] for _, _, options in http.asked]
    assert repeatable == [True] * 4 + [False] * 2 + [True, False] + [True] * 2
    assert http.asked[4][0] == f"/runs/{KEY.hex()}/restart"
    keyed, own = http.asked[-2:]
    assert (keyed[0], keyed[1]["key"], len(keyed[1]["id"])) == ("/events", "k", 32)
    assert (own[0], own[1]["id"], "key" in own[1]) == (f"/runs/{KEY.hex()}/events", "m", False)


def test_a_journal_is_read_page_by_page() -> None:
    entry = {"generation": 2, "seq": 0, "k": "timer", "at": 1.0, "call": "t#1"}
    mine, http = engine(said(), {"entries": [entry], "after": 0}, {"entries": [entry | {"seq": 1}], "after": None})
    entries = asyncio.run(mine.entries(KEY))
    assert [getattr(e, "call", "") for e in entries] == ["t#1", "t#1"]
    assert [params["after"] for _, params, _ in http.asked[1:]] == [None, 0]
    assert http.asked[1][1]["generation"] == 2


def test_a_stream_that_is_cut_goes_on_behind_its_last_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECONNECT_S", 0.0)

    def event(name: str, data: Any, number: int) -> list[str]:
        return [f"event: {name}", f"id: {number}", f"data: {msgspec.json.encode(data).decode()}", ""]

    ended = said(status=RunStatus.SUCCEEDED)
    mine, http = engine(
        [*event("run", said(), 1), *event("ping", {}, 2), *event("timeline", {}, 3), ServerUnavailable("cut")],
        said(progress=0.75),  # asked for by the event of the timeline
        said(progress=0.9),  # looked at after the cut
        [*event("end", ended, 4), *event("run", said(), 5)],
    )

    async def main() -> list[RunRow]:
        return [row async for row in mine.watch(KEY, 0.5)]

    rows = asyncio.run(main())
    assert [(row.status.value, row.progress) for row in rows] == [
        ("running", 0.5), ("running", 0.75), ("running", 0.9), ("succeeded", 0.5)]  # fmt: skip
    assert [last for path, last, _ in http.asked if path.endswith("/stream")] == [None, "3"]
    assert http.patience == [OUTLAST_S, OUTLAST_S], "a restart of the server does not end the watching"


@pytest.mark.parametrize(("timeout", "patience"), [(None, OUTLAST_S), (500.0, OUTLAST_S), (0.0, 0.0)])
def test_who_waits_for_a_result_outlasts_a_restart_but_not_its_own_timeout(
    timeout: float | None, patience: float
) -> None:
    mine, http = engine()
    answers: Any = http
    told = {"status": "succeeded", "result": 5, "run": msgspec.to_builtins(said(status=RunStatus.SUCCEEDED))}

    async def send(method: str, path: str, **options: Any) -> Any:
        http.patience.append(options["patience"])
        return httpx.Response(200, json=told)

    answers.send = send
    answers.decoded = lambda response, kind: msgspec.json.decode(response.content, type=kind)
    ended = asyncio.run(mine.ended(KEY, timeout))
    assert (ended.value, ended.row.id, ended.row.status) == (b"5", "r", "succeeded")
    assert http.patience == [pytest.approx(patience)]
    assert http.asked == []  # the run came along: whoever may only start runs cannot ask for it


def test_only_waiting_is_so_patient() -> None:
    mine, http = engine(said())
    asyncio.run(mine.find("r"))
    assert http.patience == [0.0]


def test_a_run_that_has_gone_ends_the_watching(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RECONNECT_S", 0.0)
    mine, _ = engine([], NotFound("gone"))

    async def main() -> None:
        async for _ in mine.watch(KEY, 0.5):
            pass

    with pytest.raises(NotFound):
        asyncio.run(main())


def test_a_result_of_which_a_part_is_hidden_is_asked_for_itself() -> None:
    whole = {"status": "succeeded", "result": {"token": "t0p"}}
    detail = msgspec.json.decode(msgspec.json.encode(shapes.run_of(FULL))) | {"input": {}}
    mine, http = engine(detail | {"result": {"token": "••••"}}, whole)
    assert asyncio.run(mine.standing(KEY)).value == b'{"token":"t0p"}'
    assert [path for path, _, _ in http.asked] == [f"/runs/{KEY.hex()}", f"/runs/{KEY.hex()}/result"]
    mine, http = engine(detail | {"result": {"token": "t0p"}})
    assert asyncio.run(mine.standing(KEY)).value == b'{"token":"t0p"}'
    assert len(http.asked) == 1


def test_so_is_a_failure_with_an_argument_that_is_hidden() -> None:
    error = {"type": "KeyError", "message": "gone", "args": ["t0p"]}
    detail = msgspec.json.decode(msgspec.json.encode(shapes.run_of(FULL))) | {"input": {}, "status": "failed"}
    mine, http = engine(detail | {"error": error | {"args": ["••••"]}}, {"status": "failed", "error": error})
    raised = asyncio.run(mine.standing(KEY)).error
    assert isinstance(raised, KeyError)
    assert raised.args == ("t0p",)
    assert len(http.asked) == 2


def test_failures_are_raised_as_what_they_were() -> None:
    mine, _ = engine()
    rebuilt = mine._exception(shapes.Failure(type="KeyError", message="'x'", args=["x"], cause=shapes.Failure(
        type="NotFound", message="no run", code="not_found")))  # fmt: skip
    assert isinstance(rebuilt, KeyError)
    assert rebuilt.args == ("x",)
    assert isinstance(rebuilt.__cause__, NotFound)
    group = mine._exception(shapes.Failure(type="ExceptionGroup", message="two", group=[
        shapes.Failure(type="ValueError", message="a"), shapes.Failure(type="shop.Own", message="b")]))  # fmt: skip
    assert isinstance(group, ExceptionGroup)
    assert [type(member).__name__ for member in group.exceptions] == ["ValueError", "StepError"]
    own = mine._exception(shapes.Failure(type="Conflict", module="shop", message="b"))
    assert isinstance(own, StepError)
    assert own.type_name == "Conflict"  # not ours of the same name
    unknown = mine._exception(shapes.Failure(type="TimeoutError", message="b", fields={"type_name": "TimeoutError"}))
    assert isinstance(unknown, StepError)
    assert unknown.type_name == "TimeoutError"  # not Python's
    ours = mine._exception(shapes.Failure(type="NotFound", module="stepwell", message="gone", code="not_found"))
    assert isinstance(ours, NotFound)


def test_it_knows_the_types_of_whom_it_works_for() -> None:
    mine, _ = engine()
    assert mine.knowing(mine.definitions) is mine
    other = Registry(JsonCodec(), ErrorRegistry())
    assert mine.knowing(other).errors is other.errors
