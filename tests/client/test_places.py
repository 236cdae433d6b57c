"""Which database or server is meant: option, profile, environment, profile of the environment, project, default."""

from pathlib import Path
from typing import Any

import pytest

from stepwell.client.places import database_only, place_of
from stepwell.errors import InvalidOption, NeedsDatabase

FILES = """
[tool.stepwell]
server = "https://project.example"
namespace = "of-project"

[tool.stepwell.profiles.live]
server = "https://live.example"
key_env = "LIVE_KEY"

[tool.stepwell.profiles.disk]
url = "sqlite:///disk.db"
namespace = "of-disk"

[tool.stepwell.profiles.both]
server = "https://x.example"
url = "sqlite:///disk.db"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text(FILES)
    return tmp_path


def at(folder: Path, url: str | None = None, server: str | None = None, profile: str | None = None,
       **environment: str) -> Any:  # fmt: skip
    found = place_of(url, server, profile=profile, folder=folder,
                     environment={"XDG_CONFIG_HOME": str(folder), **environment})  # fmt: skip
    return found.server or found.settings.database_url, found.origin.partition(" in ")[0]


API, DB = {"STEPWELL_API_URL": "https://env.example"}, {"STEPWELL_DATABASE_URL": "sqlite:///env.db"}


def test_the_order(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert at(tmp_path_factory.mktemp("bare")) == ("sqlite:///stepwell.db", "default")
    assert at(folder) == ("https://project.example", "[tool.stepwell]")
    assert at(folder, STEPWELL_PROFILE="disk") == ("sqlite:///disk.db", "profile disk")
    assert at(folder, STEPWELL_PROFILE="live", **DB) == ("sqlite:///env.db", "STEPWELL_DATABASE_URL")
    assert at(folder, **DB, **API) == ("https://env.example", "STEPWELL_API_URL")
    assert at(folder, profile="disk", STEPWELL_PROFILE="live", **API) == ("sqlite:///disk.db", "profile disk")
    assert at(folder, profile="live", **DB) == ("https://live.example", "profile live")
    assert at(folder, url="sqlite:///o.db", profile="live", **API) == ("sqlite:///o.db", "argument")
    assert at(folder, server="http://o", profile="disk", **API) == ("http://o", "argument")


def test_contradictions_are_refused(folder: Path) -> None:
    with pytest.raises(InvalidOption, match="one of --url and --server"):
        at(folder, url="sqlite:///x.db", server="http://x")
    with pytest.raises(InvalidOption, match=r"profile both in .* names a database and a server"):
        at(folder, profile="both")


def test_the_namespace_comes_from_the_same_places(folder: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(folder)}
    assert place_of(folder=folder, environment=environment).settings.namespace == "of-project"
    assert place_of(profile="disk", folder=folder, environment=environment).settings.namespace == "of-disk"
    given = place_of(namespace="mine", profile="disk", folder=folder, environment=environment)
    assert given.settings.namespace == "mine"


def test_the_key_belongs_to_the_server(folder: Path) -> None:
    environment = {"XDG_CONFIG_HOME": str(folder), "STEPWELL_API_KEY": "swk_env", "LIVE_KEY": "swk_live"}
    assert place_of(profile="live", folder=folder, environment=environment).key() == "swk_live"
    assert place_of(folder=folder, environment=environment).key() == "swk_env"
    # The profile's key is not for another server.
    assert place_of(server="http://o", profile="live", folder=folder, environment=environment).key() == "swk_env"
    with pytest.raises(InvalidOption, match="LIVE_KEY is not set"):
        place_of(profile="live", folder=folder, environment={"XDG_CONFIG_HOME": str(folder)}).key()


def test_what_works_on_databases_alone(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    environment = {"XDG_CONFIG_HOME": str(folder)}

    def settings(**options: Any) -> str:
        return database_only("worker", place_of(folder=folder, **options)).database_url

    with pytest.raises(NeedsDatabase, match=r"`stepwell worker` works on a database .*https://project\.example"):
        settings(environment=environment)
    assert database_only("dev", place_of(folder=folder, environment=environment), code=True).namespace == "of-project"
    assert settings(environment=environment | DB) == "sqlite:///env.db"
    assert settings(environment=environment | DB | API) == "sqlite:///env.db"
    assert settings(environment=environment | API, url="sqlite:///o.db") == "sqlite:///o.db"
    assert settings(environment=environment | DB | {"STEPWELL_PROFILE": "live"}) == "sqlite:///env.db"
    with pytest.raises(NeedsDatabase):
        settings(environment=environment | DB, server="http://x")
    with pytest.raises(NeedsDatabase):
        settings(environment=environment | DB, profile="live")
