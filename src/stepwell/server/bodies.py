"""What requests may say: the shapes of their bodies; a field that is not here is refused."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from stepwell.client.filters import Query

Plain = Annotated[str, Meta(pattern="^[^\\u0000]*$")]
"""Text that every database can keep: PostgreSQL's has no NUL."""
Text = Annotated[str, Meta(min_length=1, max_length=512, pattern="^[^\\u0000]*$")]
Length = Annotated[float, Meta(ge=0)] | Annotated[str, Meta(min_length=1, max_length=100)]
Scope = Literal["read", "operate", "execute", "admin"]
Action = Literal["pause", "resume", "cancel", "terminate", "restart", "retry", "unpin"]


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of all bodies."""


class StartBody(Body, frozen=True, kw_only=True):
    """A run to start. `input`: the only argument, or an object of the arguments by name; left out: no arguments.

    Lengths in seconds or "2h".
    """

    workflow: Text
    input: Any | UnsetType = UNSET
    id: Text | None = None
    name: Text | None = None
    queue: Text | None = None
    priority: Annotated[int, Meta(ge=-1_000_000, le=1_000_000)] | None = None
    delay: Length | None = None
    deadline: Length | None = None
    queue_timeout: Length | None = None
    retries: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    tags: dict[Plain, Plain | int | float | bool] | None = None
    reuse: Literal["never", "after_close"] | None = None


class BatchBody(Body, frozen=True, kw_only=True):
    """Runs to start together; each is answered by its position."""

    runs: Annotated[list[StartBody], Meta(max_length=1000)]


class EventBody(Body, frozen=True, kw_only=True):
    """An event for one run. The same `id` sends it once."""

    event: Text
    payload: Any = None
    id: Text | None = None


class PublishBody(EventBody, frozen=True, kw_only=True):
    """An event for whoever waits with `key`, or without a key for the workflows that it starts."""

    key: Text | None = None


class Login(Body, frozen=True, kw_only=True):
    """The API key that a session is to stand for."""

    key: Annotated[str, Meta(max_length=1000)]


class KeyBody(Body, frozen=True, kw_only=True):
    """A key to make; `expires_in` in seconds or "30d"."""

    name: Annotated[str, Meta(min_length=1, max_length=100, pattern="^[^\\u0000]*$")]
    scopes: Annotated[list[Scope], Meta(min_length=1, max_length=4)]
    expires_in: Length | None = None


class BulkBody(Body, frozen=True, kw_only=True):
    """What to do with many runs: those that a filter finds, or those named. `expect`: refused when more match now."""

    action: Action
    filter: Query | None = None
    ids: Annotated[list[Annotated[str, Meta(max_length=2000)]], Meta(max_length=10_000)] | None = None
    expect: Annotated[int, Meta(ge=0)] | None = None
