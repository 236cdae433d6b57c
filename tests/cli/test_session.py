import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from stepwell import App
from stepwell.cli.options import Target
from stepwell.cli.session import PATIENCE, client_of, opened, talk
from stepwell.client.remote import RemoteClient
from stepwell.errors import AppClosed, SchemaMissing


def test_a_client_knows_runs_by_name_alone(url: str) -> None:
    app = client_of(Target(url, "other"))
    assert isinstance(app, App)
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


def test_a_missing_database_is_named_in_what_makes_it(url: str, tmp_path: Path) -> None:
    async def nothing(app: App) -> None: ...

    with pytest.raises(SchemaMissing, match=re.escape(f"Create them: stepwell db init --url {url}")):
        talk(Target(url), nothing)
    nowhere = f"sqlite:///{tmp_path / 'no' / 'x.db'}"
    with pytest.raises(SchemaMissing, match="does not exist: mend that, then: stepwell db init --url"):
        talk(Target(nowhere), nothing)


def test_without_a_name_it_is_made_by_the_plain_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    async def nothing(app: App) -> None: ...

    monkeypatch.chdir(tmp_path)
    with pytest.raises(SchemaMissing, match=r"Create them: stepwell db init$"):
        talk(Target(), nothing)


def test_it_is_closed_afterwards(url: str) -> None:
    async def main() -> Any:
        async with opened(Target(url), create=True) as app:
            await app.runs.list()
        with pytest.raises(AppClosed):
            await app.runs.list()
        return app

    asyncio.run(main())


def test_a_server_is_talked_to_by_its_own_client(shop: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    client = client_of(Target(server="http://127.0.0.1:9", app=shop.__file__))
    assert isinstance(client, RemoteClient)
    assert client.http.url == "http://127.0.0.1:9"
    assert "hello" in client.registry.workflow_names()
    monkeypatch.setenv("STEPWELL_API_URL", "http://127.0.0.1:8")
    assert isinstance(client_of(Target()), RemoteClient)
    local = client_of(Target("sqlite:///x.db"))
    assert isinstance(local, App)
    assert local.parts.patience == PATIENCE, "who waits in front of it is to see the error"
    assert isinstance(client_of(Target(local=True)), App)


def test_a_lost_server_is_spoken_of_on_standard_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    client = client_of(Target(server="http://127.0.0.1:9"))
    assert isinstance(client, RemoteClient)
    client.http.tell("the connection is lost")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "the connection is lost\n")


def test_a_profile_names_the_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "pyproject.toml").write_text('[tool.stepwell.profiles.copy]\nurl = "sqlite:///c.db"\nnamespace = "n"\n')
    app = client_of(Target(profile="copy"))
    assert isinstance(app, App)
    assert (app.settings.database_url, app.settings.namespace) == ("sqlite:///c.db", "n")
