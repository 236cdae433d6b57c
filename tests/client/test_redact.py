"""What views do not show."""

from typing import Annotated, Any

import msgspec
import pytest

from stepwell.client.redact import HIDDEN, OPEN, Redactor, Secret, marked_in, without_credentials


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


def test_lines_of_a_log() -> None:
    assert without_credentials("GET /x Authorization: Bearer swk_abcdefgh123") == f"GET /x Authorization: {HIDDEN}"
    assert without_credentials("key=swk_abcdefgh123&x") == f"key={HIDDEN}&x"
    assert without_credentials("Cookie: stepwell_session=abc") == f"Cookie: {HIDDEN}"
    assert without_credentials("nothing") == "nothing"
