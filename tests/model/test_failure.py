"""A failure as it is stored: its field names are in every journal, and it comes back as it was."""

import msgspec

from stepwell.model.failure import Failure, class_of, head_of

FULL = Failure(
    "shop.Declined",
    "no money",
    code="declined",
    retryable=False,
    details={"balance": 3},
    args=["no money", 3],
    fields={"card": "4242"},
    retry_after=2.5,
    traceback="Traceback …",
    notes=["while paying"],
    cause=Failure("OSError"),
    group=[Failure("KeyError", "'a'")],
    hidden=2,
)
STORED = (
    '{"type":"shop.Declined","message":"no money","code":"declined","retryable":false,"details":{"balance":3},'
    '"args":["no money",3],"fields":{"card":"4242"},"retry_after":2.5,"traceback":"Traceback …",'
    '"notes":["while paying"],"cause":{"type":"OSError"},"group":[{"type":"KeyError","message":"\'a\'"}],"hidden":2}'
)


def test_the_stored_form() -> None:
    assert msgspec.json.encode(FULL).decode() == STORED
    assert msgspec.json.decode(STORED, type=Failure) == FULL
    assert set(msgspec.json.decode(STORED)) == set(Failure.__struct_fields__)


def test_what_is_not_said_takes_no_room() -> None:
    assert msgspec.json.encode(Failure("ValueError")) == b'{"type":"ValueError"}'
    assert msgspec.json.decode(b'{"type":"ValueError"}', type=Failure).retryable is True


def test_the_class_that_was_raised() -> None:
    assert class_of(Failure("shop.make.<locals>.Declined")) == "Declined"
    assert class_of(Failure("stepwell.StepError", fields={"type_name": "Declined"})) == "Declined"
    assert class_of(Failure("stepwell.StepError")) == "StepError"
    assert class_of(Failure("stepwell.StepError", fields={"type_name": 5})) == "StepError"
    assert class_of(Failure("shop.Declined", fields={"type_name": "Other"})) == "Declined"  # an attribute of theirs


def test_a_group_of_one_is_told_as_its_member() -> None:
    one = Failure("shop.Declined")
    assert head_of(Failure("ExceptionGroup", group=[Failure("ExceptionGroup", group=[one])])) is one
    for group in (Failure("ExceptionGroup", group=[one, one]), Failure("ExceptionGroup", group=[one], hidden=3), one):
        assert head_of(group) is group
