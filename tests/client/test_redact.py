"""What views do not show."""

from typing import Annotated, Any

import msgspec
import pytest

from stepwell.adapters.typeplans import schema_of
from stepwell.client.redact import (
    HIDDEN,
    OPEN,
    Redactor,
    Secret,
    is_marked,
    marked_in,
    without_credentials,
    without_values,
)


@pytest.mark.parametrize(
    ("name", "hidden"),
    [("password", True), ("userPassword", True), ("API-KEY", True), ("api_key", True), ("Authorization", True),
     ("refresh_token", True), ("card_number", True), ("Card-Number", True), ("discard", False), ("name", False),
     ("cards", False), ("key", False), ("", False)],
)  # fmt: skip
def test_names_that_tell(name: str, hidden: bool) -> None:
    assert Redactor().hides(name) is hidden
    assert Redactor().hides(name) is hidden


def test_values_at_any_depth_and_nothing_in_place() -> None:
    value = {"a": [{"token": "t", "b": ({"secret": {"deep": 1}},)}], "password": None, "n": 1}
    before = msgspec.json.encode(value)
    assert Redactor().value(value) == {"a": [{"token": HIDDEN, "b": [{"secret": HIDDEN}]}], "password": None, "n": 1}
    assert msgspec.json.encode(value) == before
    assert OPEN.value(value) is value


def test_too_deep_is_hidden_and_not_a_crash() -> None:
    value: Any = {}
    for _ in range(5_000):
        value = {"a": value}
    assert HIDDEN in msgspec.json.encode(Redactor().value(value)).decode()


def test_own_names_and_marked_ones() -> None:
    redactor = Redactor(("ssn",), marked={"pin"})
    assert redactor.value({"ssn": 1, "pin": 2, "spin": 3, "password": 4}) == {
        "ssn": HIDDEN, "pin": HIDDEN, "spin": 3, "password": 4}  # fmt: skip


def test_a_type_can_mark() -> None:
    class Card(msgspec.Struct):
        number: str
        pin: Annotated[str, Secret]
        cvc: Annotated[str | None, Secret] = None

    assert marked_in(msgspec.json.schema(list[Card])) == {"pin", "cvc"}


class Drawer(msgspec.Struct):
    keys: list[Annotated[str, Secret]]
    by_name: dict[str, Annotated[int, Secret] | None]
    pair: tuple[int, Annotated[str, Secret]]
    size: int = 1
    below: "list[Drawer]" = []


Locked = Annotated[Drawer, Secret]


class Room(msgspec.Struct):
    drawer: Drawer
    safe: Locked


def test_what_is_marked_in_lists_and_mappings_has_the_name_of_its_field() -> None:
    assert marked_in([msgspec.json.schema(Drawer), None]) == {"keys", "by_name", "pair"}
    assert marked_in(msgspec.json.schema(Room)) == {"keys", "by_name", "pair", "safe"}


@pytest.mark.parametrize(
    ("type", "marked"),
    [(Annotated[str, Secret], True), (Locked, True), (Annotated[str, Secret] | None, True),
     (list[Locked], True), (dict[Annotated[str, Secret], int], True),
     (tuple[int, Annotated[str, Secret]], True),
     (Drawer, False), (list[Drawer], False), (Room, False), (str, False), (Any, False)],
)  # fmt: skip
def test_what_is_marked_without_a_name(type: Any, marked: bool) -> None:
    assert is_marked(schema_of(type)) is marked


def test_a_definition_that_is_marked_marks_what_refers_to_it() -> None:
    definitions = {"A": {"$ref": "#/$defs/B"}, "B": {"anyOf": [{"$ref": "#/$defs/A"}, {"x-stepwell-secret": True}]}}
    assert is_marked({"$ref": "#/$defs/A", "$defs": definitions})
    fields = {"a": {"$ref": "#/$defs/A"}, "b": {"type": "string", "default": {"x-stepwell-secret": True}}}
    assert marked_in({"properties": fields, "$defs": definitions}) == {"a"}


def test_arguments_of_exceptions_have_no_names() -> None:
    said = ["gone", 7, None, "t0p", ["gone"], {"n": 1}]
    assert Redactor().arguments(said, "gone after 7 tries") == ["gone", 7, None, HIDDEN, HIDDEN, HIDDEN]
    assert Redactor().arguments(None, "") is None
    assert OPEN.arguments(said, "") is said


def test_a_whole_value() -> None:
    assert [Redactor().value(value, whole=True) for value in ("a", 0, [], {"n": 1}, None)] == [HIDDEN] * 4 + [None]
    assert OPEN.value({"n": 1}, whole=True) == {"n": 1}


def test_a_schema_has_no_default_that_is_to_be_hidden() -> None:
    class Card(msgspec.Struct, frozen=True):
        number: str = "4242"
        pin: Annotated[str, Secret] = "1234"
        password: str | None = None
        api_key: str = "k"

    class Wallet(msgspec.Struct):
        size: Annotated[int, msgspec.Meta(examples=[3])] = 1
        card: Card = Card()
        pair: Annotated[tuple[str, str], Secret, msgspec.Meta(examples=[["a", "b"]])] = ("a", "b")
        default: str = "d"

    schema = msgspec.json.schema(Wallet)
    told = without_values(schema, Redactor(marked=marked_in(schema)))
    fields = {name: told["$defs"][name]["properties"] for name in ("Card", "Wallet")}
    assert {name: field.get("default", "-") for name, field in fields["Card"].items()} == {
        "number": "4242", "pin": "-", "password": None, "api_key": "-"}  # fmt: skip
    assert {name: field.get("default", "-") for name, field in fields["Wallet"].items()} == {
        "size": 1, "card": "-", "pair": "-", "default": "d"}  # fmt: skip
    assert fields["Wallet"]["size"]["examples"] == [3]
    assert "examples" not in fields["Wallet"]["pair"]
    assert schema == msgspec.json.schema(Wallet)


def test_lines_of_a_log() -> None:
    assert without_credentials("GET /x Authorization: Bearer swk_abcdefgh123") == f"GET /x Authorization: {HIDDEN}"
    assert without_credentials("key=swk_abcdefgh123&x") == f"key={HIDDEN}&x"
    assert without_credentials("Cookie: stepwell_session=abc") == f"Cookie: {HIDDEN}"
    assert without_credentials("nothing") == "nothing"
