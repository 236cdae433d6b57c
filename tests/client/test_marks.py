"""Which names and which whole values an app's types mark. Over REST: tests/server/test_secrets.py."""

from typing import Annotated, Any, NamedTuple

import msgspec
import pytest

from stepwell import App
from stepwell.client.marks import Marks
from stepwell.client.redact import OPEN, Redactor, Secret
from stepwell.model.entry import AnyEntry, Attempted, ChildEnded, Finished, Folded, Nested, Received, Started, Stepped
from stepwell.model.failure import Failure


class Card(msgspec.Struct):
    number: int
    pin: Annotated[str, Secret] = ""


class Pair(NamedTuple):
    left: int
    right: Annotated[str, Secret]


def vault() -> App:
    app = App("memory://")
    app.event("signed", Annotated[str, Secret])
    app.event("paid", Card)

    @app.step
    async def fetch() -> Annotated[Card, Secret] | None:
        return None

    @app.step
    async def look(card: Card) -> Card:
        return card

    @app.workflow
    async def whole() -> list[Annotated[Card, Secret] | None]:
        return []

    @app.workflow
    async def positions() -> Pair:
        return Pair(1, "")

    @app.workflow
    async def plain(text: str, code: Annotated[str, Secret] = "") -> Card:
        return Card(1)

    @app.workflow(on="signed")
    async def begun(payload: str) -> None: ...

    return app


REDACTOR = Redactor(("number",), {"pin", "code"})


def test_names() -> None:
    app = vault()
    marks = Marks(app.registry)
    assert marks.names() == {"pin", "code"}
    assert marks.names() is marks.names()
    app.event("late", msgspec.defstruct("Late", [("puk", Annotated[str, Secret])]))
    assert marks.names() == {"pin", "code", "puk"}


def test_what_is_marked_whole() -> None:
    marks = Marks(vault().registry)
    found = {name for name in ("fetch", "look", "whole", "positions", "plain", "begun", "none") if marks.result(name)}
    assert found == {"fetch", "whole", "positions"}
    assert [marks.payload(name) for name in ("signed", "paid", "none")] == [True, False, False]


@pytest.mark.parametrize(
    ("workflow", "value", "hidden"),
    [
        ("plain", {"text": "a", "code": "b"}, False),  # by its name
        ("plain", {}, False),
        ("plain", ["a", "b"], True),
        ("plain", "a", True),
        ("plain", {"text": "a", "other": "b"}, True),
        ("look", {"card": {"pin": "1"}}, False),
        ("look", [{"pin": "1"}], False),  # which has its name
        ("begun", {"payload": "a"}, True),  # as its event says
        ("nowhere", ["a"], False),
    ],
)
def test_inputs(workflow: str, value: Any, hidden: bool) -> None:
    assert Marks(vault().registry).arguments(workflow, value, REDACTOR) is hidden


@pytest.mark.parametrize(
    ("entry", "hidden"),
    [
        (Started(), True),
        (Finished(status="succeeded"), False),
        (Received(call="x", event="signed"), True),
        (Received(call="signed", event="paid"), False),
        (Stepped(call="fetch"), True),
        (Stepped(call="rollback/@1/fetch#2"), True),
        (Stepped(call="look"), False),
        (Stepped(call="other-name"), True),
        (Nested(call="look/fetch:0123456789abcdef"), True),
        (Nested(call="fetch/look:0123456789abcdef#2"), False),
        (Nested(call="look/inline:0123456789abcdef"), True),
        (ChildEnded(call="kid", run="", status="succeeded"), True),
        (ChildEnded(call="fetch", run="", status="succeeded"), False),
        (ChildEnded(call="unknown", run="", status="succeeded"), True),
        (Folded(call="page", void=[]), True),
        (Attempted(call="fetch", attempt=1, error=Failure(type="E")), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_entries(entry: AnyEntry, hidden: bool) -> None:
    marks = Marks(vault().registry)
    children = {"kid": "whole", "fetch": "plain"}
    assert marks.whole(entry, [1], REDACTOR, workflow="plain", children=children) is hidden
    assert not Marks(App("memory://").registry).whole(entry, [1], REDACTOR, workflow="plain", children=children)


def test_without_marks_nothing_is_hidden_and_with_one_what_nobody_knows() -> None:
    app = App("memory://")

    @app.workflow
    async def any(value: Any = None) -> Any: ...

    marks = Marks(app.registry)
    ask: Any = {"workflow": "any", "children": {}}
    assert not marks.whole(Folded(call="page", void=[]), 1, REDACTOR, **ask)
    app.event("signed", Annotated[str, Secret])
    assert marks.whole(Folded(call="page", void=[]), 1, REDACTOR, **ask)
    assert not marks.whole(Folded(call="page", void=[]), 1, REDACTOR, workflow="elsewhere", children={})


def test_what_has_no_schema_is_hidden_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    app = vault()
    definition = app.registry.workflow("plain")
    assert definition is not None

    class Plan:
        def schema(self) -> Any:
            raise TypeError("a default that is no JSON")

    broken = msgspec.structs.replace(definition, result=Plan())  # type: ignore[arg-type]
    monkeypatch.setitem(app.registry._workflows, "plain", lambda: broken)
    assert Marks(app.registry).result("plain")
    assert OPEN.value("shown", whole=True) == "shown"
