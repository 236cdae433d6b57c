"""What belongs to one request."""

import pytest

from stepwell.client.redact import OPEN
from stepwell.server.context import KEY, Context, context_of
from stepwell.server.identity import Identity
from tests.server.conftest import Client

pytestmark = pytest.mark.anyio


async def test_a_context_notes_and_redacts(api: Client) -> None:
    services = await api.at.backend.services()
    admin = Identity(name="a", scopes=frozenset({"admin"}))
    context = Context(services=services, request="1", base="", secure=False, client="x", identity=admin)
    assert context_of({KEY: context}) is context
    assert context.redactor is OPEN
    context.identity = Identity(name="r", scopes=frozenset({"read"}))
    assert context.redactor.value({"token": 1}) == {"token": "••••"}
    context.note(target="a")
    context.note(after=1)
    assert context.noted == {"target": "a", "after": 1}
