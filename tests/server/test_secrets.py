"""What is secret, by name, by mark or as a whole, in every answer that a key with the scope "read" can get."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import msgspec
import pytest

from stepwell import App, StepError, fold, run_step
from stepwell.client.keys import Keys
from stepwell.client.redact import HIDDEN, Secret
from stepwell.model.run import RunFilter
from tests.server.conftest import Client, serving

pytestmark = pytest.mark.anyio
HUSH = "hush-"


def made(name: str) -> str:
    """Something secret; put together, so that no line of source around a failure has it."""
    return HUSH + name


class Card(msgspec.Struct):
    number: int
    pin: Annotated[str, Secret]


class Note(msgspec.Struct):
    said: str


class Refused(Exception):
    def __init__(self, message: str, extra: str) -> None:
        super().__init__(message, extra)
        self.api_key = made("attribute")

    def __str__(self) -> str:
        return "refused"


def vault() -> App:
    """An app in whose every place there is something secret."""
    app = App("memory://")
    signed = app.event("signed", Annotated[str, Secret])
    paid = app.event("paid", dict[str, Any])
    app.event("begun", Annotated[Note, Secret] | None)

    @app.step(raises=Refused)
    async def refuse() -> None:
        try:
            raise Refused("no", made("argument"))
        except Refused as error:
            raise StepError("no", details={"password": made("details")}) from error

    @app.step(raises=Refused)
    async def refuse_both() -> None:
        raise ExceptionGroup("both", [Refused("no", made("in-group"))])

    @app.step
    async def inner() -> Annotated[str, Secret]:
        return made("nested")

    @app.step
    async def sign(code: Annotated[str, Secret]) -> Annotated[str, Secret]:
        await inner()
        return made(f"step-{code}")

    @app.step
    async def cards() -> list[Card]:
        return [Card(4, made("field"))]

    async def inline() -> Annotated[str, Secret]:
        return made("inline")

    async def part() -> Annotated[str, Secret]:
        return made("folded")

    @app.workflow
    async def child() -> Annotated[Note, Secret] | None:
        return Note(made("struct"))

    @app.workflow
    async def whole(code: Annotated[str, Secret], note: Annotated[Note, Secret] | None = None,
                    api_token: str = made("default")) -> dict[str, Annotated[str, Secret]]:  # fmt: skip
        await sign(code)
        await sign.options(name="under-another-name")(code)
        await cards()
        await run_step("inline", inline)
        await fold("part", part)
        await child.options(id="kid")()
        await paid.wait(key="k")
        await signed.wait(key="k")
        return {"n": made("result")}

    @app.workflow
    async def fails() -> None:
        await refuse()

    @app.workflow
    async def fails_twice() -> None:
        await refuse_both()

    @app.workflow(on="begun")
    async def begins(payload: Note | None) -> str:
        return "shown"

    return app


PATHS = ("/runs", "/runs/count", "/runs/{0}", "/runs/{0}/journal", "/runs/{0}/timeline", "/runs/{0}/children",
         "/runs/{0}/events", "/runs/{0}/logs", "/runs/{0}/result", "/failures", "/overview", "/workflows",
         "/workflows/whole", "/event-types")  # fmt: skip
RUNS = ("w", "kid", "f", "g", "positions", "b")


@asynccontextmanager
async def opened() -> AsyncGenerator[tuple[Client, dict[str, dict[str, str]]]]:
    async with serving(vault()) as api:
        card = {"code": "hush-input", "note": {"said": "hush-param"}}
        await api.start("whole", card, id="w")
        await api.start("whole", ["hush-position"], id="positions")
        await api.start("fails", {}, id="f")
        await api.start("fails_twice", {}, id="g")
        await api.env.settle()
        for event in ({"event": "paid", "payload": {"token": "hush-token", "pin": "hush-pin", "n": 5}},
                      {"event": "signed", "payload": "hush-payload"}):  # fmt: skip
            assert (await api.post("/events", json=event | {"key": "k"})).status_code == 202
            await api.env.settle()
        published = await api.post("/events", json={"event": "begun", "payload": {"said": "hush-published"}})
        begun = published.json()["runs"][0]["id"]
        await api.env.settle()
        keys = Keys(api.app._engine().store, api.app._engine().clock)
        headers = {scope: {"authorization": f"Bearer {(await keys.create(scope, [scope]))[1]}"}
                   for scope in ("read", "admin")}  # fmt: skip
        await api.env.advance(2)
        headers["begun"] = {"id": begun}
        yield api, headers


async def answers(api: Client, headers: dict[str, str], begun: str) -> dict[str, str]:
    """All that a key can read, by path."""
    found = {}
    for path in PATHS:
        for run in RUNS if "{0}" in path else ("",):
            place = path.format(begun if run == "b" else run)
            options = {"timeout": 0} if path.endswith("/result") else None
            answer = await api.get(place, headers=headers, params=options)
            assert answer.status_code in (200, 202), (place, answer.text)
            found[f"{path} {run}"] = answer.text
    for run in ("w", "kid", "b"):
        entries = (await api.get(f"/runs/{begun if run == 'b' else run}/journal", headers=headers)).json()["entries"]
        for entry in entries:
            if "value" in entry or "input" in entry:
                place = f"/runs/{begun if run == 'b' else run}/calls/{entry['seq']}/value"
                found[f"{place} {run}"] = (await api.get(place, headers=headers)).text
    return found


async def test_nothing_secret_is_read_without_admin() -> None:
    async with opened() as (api, headers):
        for place, text in (await answers(api, headers["read"], headers["begun"]["id"])).items():
            assert HUSH not in text, (place, text)
        whole = await answers(api, headers["admin"], headers["begun"]["id"])
        told = "".join(whole.values())
        for canary in ("hush-input", "hush-param", "hush-position", "hush-step-", "hush-nested", "hush-inline",
                       "hush-folded", "hush-field", "hush-struct", "hush-token", "hush-pin", "hush-payload",
                       "hush-result", "hush-published", "hush-details", "hush-argument", "hush-attribute",
                       "hush-in-group"):  # fmt: skip
            assert canary in told, canary
        assert "hush-default" not in told  # a schema has none of it for anybody
        for place, text in whole.items():
            assert HUSH not in text or not place.startswith("/runs "), "lists hide it from everybody"


async def test_what_is_hidden_says_so_and_the_rest_is_shown() -> None:
    async with opened() as (api, headers):

        async def read(path: str, **params: Any) -> Any:
            return (await api.get(path, headers=headers["read"], params=params)).json()

        run = await read("/runs/w")
        assert (run["status"], run["input"], run["result"], run["brief"]) == (
            "succeeded", {"code": HIDDEN, "note": HIDDEN}, HIDDEN, f'"{HIDDEN}"')  # fmt: skip
        assert (await read("/runs/positions"))["input"] == {"code": HIDDEN}
        assert (await read("/runs/w/result"))["result"] == HIDDEN
        (kid,) = (await read("/runs/w/children"))["runs"]
        assert kid["brief"] == f'"{HIDDEN}"'
        calls = {call["id"].partition(":")[0]: call.get("value") for call in (await read("/runs/w/timeline"))["calls"]}
        assert calls == {
            "sign": HIDDEN, "sign/inner": HIDDEN, "under-another-name": HIDDEN, "under-another-name/inner": HIDDEN,
            "cards": [{"number": 4, "pin": HIDDEN}], "inline": HIDDEN, "part": HIDDEN, "child": HIDDEN,
            "paid": {"token": HIDDEN, "pin": HIDDEN, "n": 5}, "signed": HIDDEN}  # fmt: skip
        events = await read("/runs/w/events")
        assert [event["value"] for event in events["received"]] == [calls["paid"], HIDDEN]
        values = [entry.get("value", entry.get("input"))["v"] for entry in (await read("/runs/w/journal"))["entries"]
                  if "value" in entry or "input" in entry]  # fmt: skip
        assert values[0] == {"code": HIDDEN, "note": HIDDEN}
        assert values[-1] == HIDDEN
        assert len([value for value in values if value == HIDDEN]) == 9
        begun = await read(f"/runs/{headers['begun']['id']}")
        assert (begun["input"], begun["result"]) == (HIDDEN, "shown")
        error = (await read("/runs/f"))["error"]
        assert (error["details"], error["cause"]["args"]) == ({"password": HIDDEN}, [HIDDEN, HIDDEN])
        assert error["cause"]["fields"] == {"api_key": HIDDEN}


async def test_who_may_start_runs_gets_results_whole() -> None:
    async with opened() as (api, _):
        _, secret = await Keys(api.app._engine().store, api.app._engine().clock).create("both", ["read", "execute"])
        own = {"authorization": f"Bearer {secret}"}
        assert (await api.get("/runs/w/result", headers=own)).json()["result"] == {"n": "hush-result"}
        assert (await api.get("/runs/w", headers=own)).json()["result"] == HIDDEN


async def test_streams() -> None:
    async with opened() as (api, headers):
        services = api.at.backend._services
        listener, _ = services.broadcaster.listen(RunFilter())
        await services.broadcaster.look()
        await api.app.runs.start("child", id="kid-2")
        await api.env.settle()
        assert await services.broadcaster.look() > 0
        told = (await listener.get(0) or b"").decode()
        assert f'"brief":"\\"{HIDDEN}\\""' in told
        assert HUSH not in told
        for run in ("w", "f", "g"):
            for scope in ("read", "admin"):
                seen = (await api.get(f"/runs/{run}/stream", headers=headers[scope])).text  # ends, as the run has
                assert "event: timeline" in seen
                assert (HUSH in seen) is (scope == "admin"), seen


async def test_the_audit_has_no_payloads() -> None:
    async with opened() as (api, headers):
        audit = (await api.get("/audit", headers=headers["admin"])).text
        assert '"after":{"event":"signed"}' in audit
        assert HUSH not in audit
        assert (await api.get("/audit", headers=headers["read"])).status_code == 403
