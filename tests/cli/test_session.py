import asyncio
from pathlib import Path
from typing import Any

import pytest

from stepwell import App
from stepwell.cli.options import Target
from stepwell.cli.session import client_of, opened, talk
from stepwell.errors import AppClosed, SchemaMissing


def test_a_client_knows_runs_by_name_alone(url: str) -> None:
    app = client_of(Target(url, "other"))
    assert app.settings.mode == "client"
    assert app.settings.namespace == "other"
    assert app.registry.workflow_names() == ()


def test_with_code_it_has_the_definitions_and_no_worker(url: str, shop: Any) -> None:
    async def work(app: App) -> int:
        assert "hello" in app.registry.workflow_names()
        return len((await app.status()).workers)

    assert talk(Target(url, None, shop.__file__), work, create=True) == 0


def test_only_who_may_create_creates(url: str, tmp_path: Path) -> None:
    async def nothing(app: App) -> None: ...

    with pytest.raises(SchemaMissing):
        talk(Target(url), nothing)
    assert list(tmp_path.iterdir()) == []
    talk(Target(url), nothing, create=True)
    talk(Target(url), nothing)


def test_it_is_closed_afterwards(url: str) -> None:
    async def main() -> App:
        async with opened(Target(url), create=True) as app:
            await app.runs.list()
        with pytest.raises(AppClosed):
            await app.runs.list()
        return app

    asyncio.run(main())
