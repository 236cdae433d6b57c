"""Keys, administered over a server as beside the database."""

import asyncio
from pathlib import Path

import pytest

from stepwell import App
from stepwell.client.keys import Keys
from stepwell.client.remote import RemoteClient
from stepwell.client.remote_keys import RemoteKeys
from stepwell.errors import NotFound, StepwellError
from tests.client.serving import served


def test_a_key_is_made_listed_and_revoked(tmp_path: Path) -> None:
    async def main() -> None:
        app = App(f"sqlite:///{tmp_path / 'keys.db'}", mode="client")
        async with app, served(app) as url:
            engine = app._engine()
            beside = Keys(engine.store, engine.clock)
            _, root = await beside.create("root", ["admin"])
            async with RemoteClient(url, key=root, environment={}) as client:
                keys = RemoteKeys(client.http)
                made, secret = await keys.create("reader", ["read"], 3600.0)
                assert (made.kept.name, made.kept.scopes, secret.startswith("swk_")) == ("reader", ("read",), True)
                assert made.kept.expires_at == pytest.approx(made.created_at + 3600.0, abs=1.0)
                assert [key.id for key in await keys.list()] == [key.id for key in await beside.list()]
                async with RemoteClient(url, key=secret, environment={}) as reader:
                    assert await reader.runs.count() == {}
                    with pytest.raises(StepwellError, match="admin"):
                        await RemoteKeys(reader.http).list()
                revoked = await keys.revoke(made.id)
                assert revoked.kept.revoked_at is not None
                with pytest.raises(NotFound):
                    await keys.revoke("nonesuch")

    asyncio.run(main())
