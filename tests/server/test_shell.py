"""The dashboard's page and files, as they are served."""

from pathlib import Path

import pytest

from stepwell.client.version import VERSION
from stepwell.server import shell
from tests.server.conftest import Client, first

pytestmark = pytest.mark.anyio
PAGE = '<!doctype html><meta name="stepwell-base" content=""><script src="__BASE__/static/__VERSION__/app.js"></script>'


@pytest.fixture
def dashboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "static" / "css").mkdir(parents=True)
    (tmp_path / "index.html").write_text(PAGE)
    (tmp_path / "static" / "app.js").write_text("export {}")
    (tmp_path / "static" / "css" / "a.css").write_text("body {}")
    (tmp_path / "static" / "secret.py").write_text("")
    (tmp_path / "outside.txt").write_text("outside")
    monkeypatch.setattr(shell, "DASHBOARD", tmp_path)
    shell.file.cache_clear()
    shell.build.cache_clear()
    return tmp_path


@pytest.fixture(autouse=True)
def forget() -> object:
    yield
    shell.file.cache_clear()
    shell.build.cache_clear()


async def test_every_address_has_the_page_with_its_mount(api: Client, dashboard: Path) -> None:
    assert shell.build().startswith(f"{VERSION}-")
    for path in ("/", "/runs", "/runs/a%2Fb", "/workflows/x", "/start/x", "/queues", "/login"):
        status, headers, body = await first(api.at, "GET", '/m"o' + path, root_path='/m"o')
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8"), path
        assert b'content="/m&quot;o"' in body
        assert f'src="/m&quot;o/static/{shell.build()}/app.js"'.encode() in body
        assert headers["cache-control"] == "no-cache"


async def test_files_are_kept_for_ever_only_under_their_version(api: Client, dashboard: Path) -> None:
    plain = await first(api.at, "GET", "/static/app.js")
    assert (plain[0], plain[1]["content-type"], plain[2]) == (200, "text/javascript; charset=utf-8", b"export {}")
    assert plain[1]["cache-control"] == "no-cache"
    known = await first(api.at, "GET", "/static/app.js", {"if-none-match": plain[1]["etag"]})
    assert known[0] == 304
    kept = await first(api.at, "GET", f"/static/{shell.build()}/css/a.css")
    assert (kept[1]["content-type"], kept[2]) == ("text/css; charset=utf-8", b"body {}")
    assert "immutable" in kept[1]["cache-control"]
    other = await first(api.at, "GET", "/static/9.9.9/app.js")
    assert other[0] == 404


@pytest.mark.parametrize(
    "path",
    ["/static/../outside.txt", "/static/%2e%2e/outside.txt", "/static/..%2foutside.txt",
     "/static/css/../../outside.txt",
     "/static/%2Fetc%2Fpasswd", "/static/..\\outside.txt", "/static/css", "/static/", "/static/secret.py",
     "/static/app.js%00.css", "/static/index.html"],
)  # fmt: skip
async def test_nothing_else_is_served(api: Client, dashboard: Path, path: str) -> None:
    status, headers, _ = await first(api.at, "GET", path)
    assert (status, headers["content-type"]) == (404, "application/problem+json")


async def test_an_address_of_no_page_is_told_to_people_by_the_page(api: Client, dashboard: Path) -> None:
    status, headers, body = await first(api.at, "GET", "/nowhere/at/all", {"accept": "text/html,*/*"})
    assert (status, headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert b"stepwell-base" in body
    others = [("/nowhere", "application/json"), ("/api/v1/nowhere", "text/html"), ("/static/no", "text/html")]
    for path, accept in others:
        status, headers, _ = await first(api.at, "GET", path, {"accept": accept})
        assert (status, headers["content-type"]) == (404, "application/problem+json"), path


async def test_without_a_dashboard_the_page_says_so(
    api: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shell, "DASHBOARD", tmp_path)
    shell.file.cache_clear()
    shell.build.cache_clear()
    status, _, body = await first(api.at, "GET", "/")
    assert status == 404
    assert b"/api/v1" in body
    assert (await first(api.at, "GET", "/favicon.ico"))[0] == 204
