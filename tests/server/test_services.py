"""What requests share: it follows the app when that is closed and opened again."""

from typing import Annotated

import msgspec
import pytest

from stepwell.client.redact import Secret
from stepwell.server.document import encoded
from stepwell.server.options import ServerOptions
from stepwell.server.services import Backend
from tests.server.shop import shop

pytestmark = pytest.mark.anyio


async def test_the_app_that_is_open_is_served_and_followed() -> None:
    app = shop(mode="client")
    backend = Backend(app, ServerOptions(), encoded)
    async with app:
        first = await backend.services()
        assert first.app is app
        assert await backend.services() is first
    own = await backend.services()  # the app is closed: a client of the server's own
    assert own.app is not app
    assert own.app.settings.mode == "client"
    assert await backend.services() is own
    async with app:
        again = await backend.services()
        assert again.app is app
        assert again is not first
        assert own.engine.closed
    await backend.close()


async def test_closing_twice_does_no_harm() -> None:
    backend = Backend(shop(), ServerOptions(), encoded)
    await backend.services()
    await backend.close()
    await backend.close()
    await backend.end_streams()


async def test_what_is_defined_later_is_minded() -> None:
    app = shop()
    backend = Backend(app, ServerOptions(redact=("mine",)), encoded)
    services = await backend.services()
    before = services.redactor_for(None)
    assert before is services.redactor_for(None)
    assert [before.hides(name) for name in ("pin", "mine", "puk")] == [True, True, False]
    app.event("locked", msgspec.defstruct("Locked", [("puk", Annotated[str, Secret])]))
    assert services.redactor_for(None).hides("puk")
    await backend.close()
