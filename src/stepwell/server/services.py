"""What all requests of one server share, over an app that is open, or is opened as a client when first asked."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from stepwell.client.app import App
from stepwell.client.audit import Audit
from stepwell.client.bulk import Bulks
from stepwell.client.catalog import Catalog
from stepwell.client.fresh import Fresh
from stepwell.client.histogram import Histograms
from stepwell.client.keys import Keys, Sessions
from stepwell.client.overview import Overview
from stepwell.client.redact import OPEN, Redactor
from stepwell.client.runstream import RunWatches
from stepwell.client.stream import Broadcaster
from stepwell.client.versions import Pinned, pinned
from stepwell.client.views import Views
from stepwell.errors import Unauthenticated
from stepwell.server.identity import Identity
from stepwell.server.options import ServerOptions
from stepwell.server.throttle import Throttle
from stepwell.server.visits import Visits

Describe = Callable[[], bytes]
"""Tells the API's own description, as JSON."""
LOGINS_EACH, LOGINS_ALL, LOGINS_WITHIN = 10, 100, 60.0
LAST_MOMENT = 1.0
"""Seconds that a request which waits for something is given when the server is to close."""


class Services:
    """The services over one open engine."""

    def __init__(self, app: App, options: ServerOptions, describe: Describe) -> None:
        self.app = app
        self.options = options
        self.describe = describe
        self.engine = app._engine()
        store, clock = self.engine.store, self.engine.clock
        self.clock = clock
        self.views = Views(self.engine, lambda: self.redactor_for(None))
        self.keys = Keys(store, clock)
        self.sessions = Sessions(store, clock, self.keys, options.session)
        self.audit = Audit(store, clock.now, self.engine.new_key)
        self.throttle = Throttle(clock, LOGINS_EACH, LOGINS_ALL, LOGINS_WITHIN)
        self.broadcaster = Broadcaster(self.views, self.engine.new_key().hex()[-12:])
        self.watches = RunWatches(self.views)
        self.overview = Overview(app, self.views)
        self.catalog = Catalog(app, self.overview.day, lambda: self.redactor_for(None))
        self.histograms = Histograms(store, clock)
        self.pins: Fresh[list[Pinned]] = Fresh(lambda: pinned(store, clock.now()), clock, 0.5)
        self.bulks = Bulks(self.engine)
        self.answered: dict[tuple[str, int], int] = {}
        self._redactor: tuple[frozenset[str], Redactor] | None = None
        self.visits = Visits(self.keys, self.sessions)
        self._waits: set[asyncio.Timeout] = set()

    @asynccontextmanager
    async def waiting(self, identity: Identity | None) -> AsyncGenerator[None]:
        """Around what a request waits for. Raises TimeoutError when the server is to close.

        Raises Unauthenticated when whoever asks would not be let in any more.
        """
        refused = False
        limit = asyncio.timeout(None)

        def refuse() -> None:
            nonlocal refused
            refused = True
            _expire(limit, 0.0)

        try:
            async with limit:
                self._waits.add(limit)
                leave = self.visits.begin(identity, refuse)
                try:
                    yield
                finally:
                    self._waits.discard(limit)
                    leave()
        except TimeoutError:
            if not refused:
                raise
            raise Unauthenticated("the API key is unknown, expired or revoked") from None

    def redactor_for(self, identity: Identity | None) -> Redactor:
        """Shows everything to the scopes that may see it; hides named and marked fields from everybody else."""
        if identity is not None and not identity.scopes.isdisjoint(self.options.shown_to):
            return OPEN
        names = self.views.marks.names()
        if self._redactor is None or self._redactor[0] is not names:
            self._redactor = (names, Redactor(self.options.redact, names))
        return self._redactor[1]

    async def close(self) -> None:
        """Stop what runs by itself."""
        await self.end_streams()
        await self.keys.noted(LAST_MOMENT)
        await self.bulks.close()
        self.overview.close()
        self.pins.close()

    async def end_streams(self) -> None:
        """End the streams that are open, and in a moment all waiting."""
        for limit in self._waits:
            _expire(limit, LAST_MOMENT)
        await self.visits.close()
        await self.broadcaster.close()
        await self.watches.close()


def _expire(limit: asyncio.Timeout, after: float) -> None:
    if not limit.expired():
        limit.reschedule(asyncio.get_running_loop().time() + after)


class Backend:
    """The app behind a server. Its services follow it: they are made anew when it has been closed and opened."""

    def __init__(self, app: App, options: ServerOptions, describe: Describe) -> None:
        self.app = app
        self.options = options
        self._describe = describe
        self._own: App | None = None
        self._services: Services | None = None
        self._turn = asyncio.Lock()

    async def services(self) -> Services:
        """The services over the app as it is open now. Raises WorldError when its database cannot be opened."""
        found = self._services
        if found is not None and not found.engine.closed and (found.app is self.app or self.app._opened is None):
            return found
        async with self._turn:
            return await self._renewed()

    async def _renewed(self) -> Services:
        if self.app._opened is not None and not self.app._opened.engine.closed:
            app = self.app
            await self._let_go()
        else:
            if self._own is None:
                own = App(like=self.app, mode="client")
                own.parts = self.app.parts
                before = self.app.registry.engine
                await own.open()
                # The app's own verbs keep talking to its own engine, which its owner opens.
                self.app.registry.engine = before
                self._own = own
            app = self._own
        found = self._services
        if found is None or found.app is not app or found.engine.closed:
            if found is not None:
                await found.close()
            found = self._services = Services(app, self.options, self._describe)
        return found

    async def end_streams(self) -> None:
        """End the streams that are open, so that the server can close."""
        if self._services is not None:
            await self._services.end_streams()

    async def close(self) -> None:
        """Stop what runs by itself, and close the app if it was opened here."""
        found, self._services = self._services, None
        if found is not None:
            await found.close()
        await self._let_go()

    async def _let_go(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            await own.close()
