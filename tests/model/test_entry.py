"""Entries as they are stored: tags and field names are in every journal, and are never renamed."""

from typing import Any, get_args

import msgspec
import pytest

from stepwell.model.entry import (
    FORMAT,
    AnyEntry,
    Armed,
    Attempted,
    CancelSeen,
    ChildEnded,
    ChildStarted,
    Continued,
    Finished,
    Fired,
    Folded,
    Intended,
    Nested,
    Payload,
    Received,
    Recoded,
    Rewound,
    Started,
    Stepped,
    decode_entries,
    encode_entries,
)
from stepwell.model.failure import Failure

VALUE = Payload(msgspec.Raw(b'{"a":[1,2]}'))
BLOB = Payload(c=1, r="blob-1")
FAILURE = Failure("ValueError", "no", code="c", args=["no", 1])

# Each entry with every field away from its default, and the bytes of it. A field that is added later is added
# here; what is here already never changes.
GOLDEN: list[tuple[AnyEntry, str]] = [
    (
        Started(
            at=1.5,
            held=True,
            input=VALUE,
            attempt=2,
            deadline=9.0,
            queue_timeout=3.0,
            format=2,
            flags=1,
            python="3.11",
            code="0a1b2c3d4e5f",
        ),
        (
            '{"k":"started","input":{"v":{"a":[1,2]}},"attempt":2,"deadline":9.0,"queue_timeout":3.0,'
            '"format":2,"flags":1,"python":"3.11","code":"0a1b2c3d4e5f","at":1.5,"held":true}'
        ),
    ),
    (
        Stepped(at=1.5, held=True, call="a", value=BLOB, error=FAILURE, attempt=2, began=1.25, opened=3, digest="d"),
        (
            '{"k":"step","call":"a","value":{"c":1,"r":"blob-1"},'
            '"error":{"type":"ValueError","message":"no","code":"c","args":["no",1]},'
            '"attempt":2,"began":1.25,"opened":3,"digest":"d","at":1.5,"held":true}'
        ),
    ),
    (
        Attempted(at=1.5, held=True, call="a", attempt=2, error=FAILURE, began=1.25, again=2.5, unknown=True),
        (
            '{"k":"attempt","call":"a","attempt":2,'
            '"error":{"type":"ValueError","message":"no","code":"c","args":["no",1]},'
            '"began":1.25,"again":2.5,"unknown":true,"at":1.5,"held":true}'
        ),
    ),
    (Intended(at=1.5, held=True, call="a", attempt=1), '{"k":"intent","call":"a","attempt":1,"at":1.5,"held":true}'),
    (
        Nested(at=1.5, held=True, call="a/b", value=VALUE, error=FAILURE, began=1.25),
        (
            '{"k":"nested","call":"a/b","value":{"v":{"a":[1,2]}},'
            '"error":{"type":"ValueError","message":"no","code":"c","args":["no",1]},"began":1.25,"at":1.5,"held":true}'
        ),
    ),
    (Fired(at=1.5, held=True, call="sleep", opened=3), '{"k":"timer","call":"sleep","opened":3,"at":1.5,"held":true}'),
    (
        Armed(at=1.5, held=True, call="w", event="e", key="k"),
        '{"k":"armed","call":"w","event":"e","key":"k","at":1.5,"held":true}',
    ),
    (
        Received(at=1.5, held=True, call="w", event="e", key="k", value=VALUE, sent=1.0, id="m-1", opened=3),
        (
            '{"k":"event","call":"w","event":"e","key":"k","value":{"v":{"a":[1,2]}},"sent":1.0,"id":"m-1",'
            '"opened":3,"at":1.5,"held":true}'
        ),
    ),
    (
        ChildStarted(
            at=1.5, held=True, call="c", run="00ff", id="child-1", workflow="ship", detached=True, error=FAILURE
        ),
        (
            '{"k":"child","call":"c","run":"00ff","id":"child-1","workflow":"ship","detached":true,'
            '"error":{"type":"ValueError","message":"no","code":"c","args":["no",1]},"at":1.5,"held":true}'
        ),
    ),
    (
        ChildEnded(at=1.5, held=True, call="c", run="00ff", status="failed", value=VALUE, error=FAILURE, opened=3),
        (
            '{"k":"ended","call":"c","run":"00ff","status":"failed","value":{"v":{"a":[1,2]}},'
            '"error":{"type":"ValueError","message":"no","code":"c","args":["no",1]},"opened":3,"at":1.5,"held":true}'
        ),
    ),
    (CancelSeen(at=1.5, held=True, reason="parent"), '{"k":"cancel","reason":"parent","at":1.5,"held":true}'),
    (Rewound(at=1.5, held=True, void=[3, 4], redo=2), '{"k":"rewind","void":[3,4],"redo":2,"at":1.5,"held":true}'),
    (
        Folded(at=1.5, held=True, call="page 1", void=[3], value=VALUE),
        '{"k":"fold","call":"page 1","void":[3],"value":{"v":{"a":[1,2]}},"at":1.5,"held":true}',
    ),
    (
        Continued(at=1.5, held=True, reason="retry", error=FAILURE),
        (
            '{"k":"continue","reason":"retry",'
            '"error":{"type":"ValueError","message":"no","code":"c","args":["no",1]},"at":1.5,"held":true}'
        ),
    ),
    (Recoded(at=1.5, held=True, code="0a1b2c3d4e5f"), '{"k":"code","code":"0a1b2c3d4e5f","at":1.5,"held":true}'),
    (
        Finished(at=1.5, held=True, status="failed", value=VALUE, error=FAILURE, cause="a", undone=["b"]),
        (
            '{"k":"finish","status":"failed","value":{"v":{"a":[1,2]}},'
            '"error":{"type":"ValueError","message":"no","code":"c","args":["no",1]},"cause":"a","undone":["b"],"at":1.5,"held":true}'
        ),
    ),
]

# The least that each tag was ever stored with.
BARE = [
    '{"k":"started"}',
    '{"k":"step","call":"a"}',
    '{"k":"attempt","call":"a","attempt":1,"error":{"type":"E"}}',
    '{"k":"intent","call":"a","attempt":1}',
    '{"k":"nested","call":"a"}',
    '{"k":"timer","call":"a"}',
    '{"k":"armed","call":"a","event":"e"}',
    '{"k":"event","call":"a","event":"e"}',
    '{"k":"child","call":"a","run":"00","id":"c"}',
    '{"k":"ended","call":"a","run":"00","status":"succeeded"}',
    '{"k":"cancel"}',
    '{"k":"rewind","void":[]}',
    '{"k":"fold","call":"a","void":[]}',
    '{"k":"continue","reason":"restart"}',
    '{"k":"code","code":"0a1b2c3d4e5f"}',
    '{"k":"finish","status":"succeeded"}',
]


def test_every_entry_is_here_with_every_field() -> None:
    assert {type(entry) for entry, _ in GOLDEN} == set(get_args(AnyEntry))
    for entry, stored in GOLDEN:
        told: dict[str, Any] = msgspec.json.decode(stored)
        assert set(told) == {"k", *entry.__struct_fields__}, type(entry)


@pytest.mark.parametrize(("entry", "stored"), GOLDEN, ids=lambda value: type(value).__name__)
def test_the_stored_form_of_each(entry: AnyEntry, stored: str) -> None:
    assert encode_entries([entry]).decode() == f"[{stored}]"
    assert decode_entries(f"[{stored}]") == [entry]
    assert decode_entries(f"[{stored}]".encode()) == [entry]


@pytest.mark.parametrize("stored", BARE)
def test_fields_added_since_have_defaults(stored: str) -> None:
    (entry,) = decode_entries(f"[{stored}]")
    assert msgspec.json.decode(encode_entries([entry]))[0] == msgspec.json.decode(stored)


def test_every_tag_has_its_bare_form() -> None:
    tags = [msgspec.json.decode(stored)["k"] for stored in BARE]
    assert tags == [msgspec.json.decode(stored)["k"] for _, stored in GOLDEN]


def test_one_row_holds_entries_in_their_order() -> None:
    entries = [entry for entry, _ in GOLDEN]
    assert decode_entries(encode_entries(entries)) == entries
    assert decode_entries(encode_entries([])) == []


def test_a_field_from_a_later_version_is_passed_over() -> None:
    assert decode_entries('[{"k":"timer","call":"a","invented":1}]') == [Fired(call="a")]


@pytest.mark.parametrize(
    "stored",
    [
        '[{"k":"nonesuch"}]',
        '[{"call":"a"}]',
        '[{"k":"step"}]',
        '[{"k":"timer","call":7}]',
        '{"k":"timer","call":"a"}',
        '[{"k":"timer","call":"a"}',
        "",
    ],
    ids=["unknown tag", "no tag", "field missing", "field of another type", "not a row", "cut off", "empty"],
)
def test_what_this_format_did_not_write_is_an_error(stored: str) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_entries(stored)


def test_the_format_is_the_first() -> None:
    """A change of the format needs a reader for the old one, and then this number."""
    assert FORMAT == 1
    (started,) = decode_entries('[{"k":"started"}]')
    assert isinstance(started, Started)
    assert (started.format, started.attempt) == (1, 1)
