"""The REST API, live streams and the dashboard over an app: `asgi(app)` makes them one ASGI application.

Nothing here is imported by the rest of the package: the web framework is loaded by whoever serves.
"""

from typing import Any

from stepwell.client.app import App
from stepwell.server.document import encoded
from stepwell.server.front import Front
from stepwell.server.options import ServerOptions
from stepwell.server.routes import make
from stepwell.server.services import Backend

__all__ = ["ServerOptions", "asgi"]


def asgi(app: App, *, options: ServerOptions | None = None, **given: Any) -> Front:
    """An ASGI application: REST under /api/v1, health, metrics, the dashboard. It may be mounted under any path.

    It serves the app that is open in this process, and opens it as a client when it is not. `given` are fields of
    `ServerOptions`: `asgi(app, open=False, deadline=10)`.
    """
    chosen = options or ServerOptions()
    if given:
        chosen = ServerOptions(**{name: getattr(chosen, name) for name in ServerOptions.__struct_fields__} | given)
    return Front(Backend(app, chosen, encoded), make(), chosen)
