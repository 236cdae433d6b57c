"""A failure as it is stored: its field names are in every journal, and it comes back as it was."""

import msgspec

from stepwell.model.failure import Failure

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
