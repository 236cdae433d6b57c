"""What belongs to one request: who asks, under which id, on which server."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from stepwell.client.redact import Redactor
from stepwell.server.identity import Identity
from stepwell.server.services import Services

KEY: Final = "stepwell.context"


class Context(msgspec.Struct, kw_only=True):
    """One request. `base` is where the server is mounted; what handlers note goes to the audit.

    `after`: what is done when the request is over, however it ends.
    """

    services: Services
    request: str
    base: str
    secure: bool
    client: str
    identity: Identity | None = None
    refused: Exception | None = None
    noted: dict[str, Any] = {}
    action: str | None = None
    after: list[Callable[[], None]] = []

    @property
    def redactor(self) -> Redactor:
        """What hides, or does not hide, from whoever asks."""
        return self.services.redactor_for(self.identity)

    def note(self, **facts: Any) -> None:
        """What the audit is to say of this request: target, before, after."""
        self.noted = self.noted | facts


def context_of(scope: Mapping[str, Any]) -> Context:
    """The context of a request's scope."""
    context = scope[KEY]
    assert isinstance(context, Context)
    return context
