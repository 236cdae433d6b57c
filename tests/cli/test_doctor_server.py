from types import SimpleNamespace
from typing import Any

import pytest

from stepwell.cli.doctor_server import server, waited
from stepwell.client.version import VERSION


def client(**said: Any) -> Any:
    session = {"open": False, "authenticated": True, "name": "ci", "scopes": ["execute", "read"],
               "namespace": "default", "database": "PostgreSQL", "version": VERSION, **said}  # fmt: skip
    return SimpleNamespace(session=SimpleNamespace(**session), http=SimpleNamespace(url="http://there"))


def test_the_server_and_the_key() -> None:
    about, key = server(client())
    assert about[:3] == ("server", "ok", f"http://there, Stepwell {VERSION} on PostgreSQL, namespace default")
    assert key[:3] == ("key", "ok", "ci, which may execute, read")


def test_another_version_is_a_warning() -> None:
    about, _ = server(client(version="0.0.9"))
    assert about.level == "warn"
    assert f"Stepwell 0.0.9 on PostgreSQL, namespace default; this is {VERSION}" in about.text


@pytest.mark.parametrize(
    ("said", "level", "text"),
    [({"open": True}, "ok", "none is needed"), ({"authenticated": False}, "fail", "shown none that is valid")],
)
def test_without_a_key(said: dict[str, Any], level: str, text: str) -> None:
    _, key = server(client(**said))
    assert key.level == level
    assert text in key.text


def test_a_run_that_nobody_takes() -> None:
    assert waited(None, any_worker=False).level == "ok"
    assert waited(59.0, any_worker=False).level == "ok"
    late = waited(7200.0, any_worker=False)
    assert (late.level, late.text) == ("warn", "a run has been ready for 2 h and nobody takes it")
    assert "No worker is alive." in late.hint
    assert "they are all busy" in waited(7200.0, any_worker=True).hint
