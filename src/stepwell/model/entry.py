"""The entries of a journal: what happened in a run, in the order in which it was delivered.

Entries are JSON objects tagged by `k`. Field names and tags are stored for ever: add fields with
defaults, never rename. `at` is the holder's stamp (epoch seconds, never decreasing within a run).
"""

import msgspec

from stepwell.model.failure import Failure

FORMAT = 1
"""Journal format written by this version; kept with every generation."""

NULL = msgspec.Raw(b"null")


class Payload(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A stored value: inline JSON in `v`, or a reference `r` to a blob of the same run.

    `c` is the codec number: 0 is plain JSON; others (compressed, encrypted) come with their codecs.
    """

    v: msgspec.Raw = NULL
    c: int = 0
    r: str = ""


NOTHING = Payload()


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="k", kw_only=True):
    """What every entry has: its stamp, in epoch seconds.

    `held`: recorded while the run was held back (pause, hand-over), so its holder did not deliver it; what the body
    asks for in answer is still to be carried out by the next one.
    """

    at: float = 0.0
    held: bool = False


class Started(Entry, frozen=True, tag="started"):
    """A generation begins with this input. `attempt` counts run-level tries from 1.

    `code`: the fingerprint of the workflow's code, where whoever began the generation had it.
    """

    input: Payload = NOTHING
    attempt: int = 1
    deadline: float | None = None
    queue_timeout: float | None = None
    format: int = FORMAT
    flags: int = 0
    python: str = ""
    code: str = ""


class Stepped(Entry, frozen=True, tag="step"):
    """A step's outcome is decided: `value`, or `error` after the last attempt.

    `began` is when the deciding attempt started; `opened` the position at which the call was made.
    """

    call: str
    value: Payload | None = None
    error: Failure | None = None
    attempt: int = 1
    began: float = 0.0
    opened: int = 0
    digest: str = ""


class Attempted(Entry, frozen=True, tag="attempt"):
    """An attempt of a step failed and another one is due at `again`."""

    call: str
    attempt: int
    error: Failure
    began: float = 0.0
    again: float = 0.0
    unknown: bool = False


class Intended(Entry, frozen=True, tag="intent"):
    """A body that must not start twice unseen is about to start; committed before it does.

    Attempt 0 takes that back: the body was not started.
    """

    call: str
    attempt: int


class Nested(Entry, frozen=True, tag="nested"):
    """A step called inside a step is decided; the workflow body never sees it."""

    call: str
    value: Payload | None = None
    error: Failure | None = None
    began: float = 0.0


class Fired(Entry, frozen=True, tag="timer"):
    """A timer came due and fired."""

    call: str
    opened: int = 0


class Armed(Entry, frozen=True, tag="armed"):
    """A wait was placed: in the mailbox of (event, key), or in the run's own when `key` is None."""

    call: str
    event: str
    key: str | None = None


class Received(Entry, frozen=True, tag="event"):
    """A wait took a message."""

    call: str
    event: str
    key: str | None = None
    value: Payload = NOTHING
    sent: float = 0.0
    id: str | None = None
    opened: int = 0


class ChildStarted(Entry, frozen=True, tag="child"):
    """A child run was created, in the same commit or before. Detached children are never heard of again.

    A detached start that failed has `error`, and no id.
    """

    call: str
    run: str
    id: str
    workflow: str = ""
    detached: bool = False
    error: Failure | None = None


class ChildEnded(Entry, frozen=True, tag="ended"):
    """A child run ended and its parent was told."""

    call: str
    run: str
    status: str
    value: Payload | None = None
    error: Failure | None = None
    opened: int = 0


class CancelSeen(Entry, frozen=True, tag="cancel"):
    """The holder saw a request to cancel; `reason` is "operator", "parent" or "deadline"."""

    reason: str = "operator"


class Rewound(Entry, frozen=True, tag="rewind"):
    """An operator's retry: the entries numbered in `void` count no longer."""

    void: list[int]
    redo: int = 1


class Folded(Entry, frozen=True, tag="fold"):
    """A folded part closed with this value; the entries inside it are not replayed again."""

    call: str
    void: list[int]
    value: Payload = NOTHING


class Continued(Entry, frozen=True, tag="continue"):
    """This generation ends and the next begins: by `continue_as_new`, run-level retry or restart."""

    reason: str
    error: Failure | None = None


class Recoded(Entry, frozen=True, tag="code"):
    """From here on the run went on by other code of its workflow, with this fingerprint."""

    code: str


class Finished(Entry, frozen=True, tag="finish"):
    """The run ended. `cause` is the call whose error it ended with, if it was one's; `undone` what rollbacks undid."""

    status: str
    value: Payload | None = None
    error: Failure | None = None
    cause: str | None = None
    undone: list[str] = []


AnyEntry = (
    Started
    | Stepped
    | Attempted
    | Intended
    | Nested
    | Fired
    | Armed
    | Received
    | ChildStarted
    | ChildEnded
    | CancelSeen
    | Rewound
    | Folded
    | Continued
    | Recoded
    | Finished
)

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(list[AnyEntry])


def encode_entries(entries: list[AnyEntry]) -> bytes:
    """The stored form of consecutive entries: one JSON array, one row."""
    return _encoder.encode(entries)


def decode_entries(data: bytes | str) -> list[AnyEntry]:
    """The entries of one stored row.

    Raises:
        msgspec.DecodeError: the row was not written by this format; the caller parks the run.
    """
    return _decoder.decode(data)
