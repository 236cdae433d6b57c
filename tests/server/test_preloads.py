"""Which modules the page of an address asks for at once."""

import re

import pytest

from stepwell.server.preloads import ENTRY, STATIC, preloads
from stepwell.server.shell import build, shell


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/", "overview"),
        ("/runs", "runs"),
        ("/runs/", "runs"),
        ("/runs/order-1 é", "run"),
        ("/runs/a\ue000b", "run"),
        ("/workflows/x", "workflow"),
        ("/start/x", "start"),
        ("/login", "login"),
    ],
)
def test_a_page_is_told_with_all_it_imports(path: str, page: str) -> None:
    found = preloads(path)
    assert found[:2] == (ENTRY, f"pages/{page}.js")
    assert len(found) == len(set(found)) > 20
    assert {"lib/api.js", "lib/router.js", "shell/palette.js"} <= set(found)
    assert all(STATIC.joinpath(*module.split("/")).is_file() for module in found)


@pytest.mark.parametrize("path", ["", "/nothing", "/runs/a/b", "/start/../runs"])
def test_what_is_no_page_has_only_what_all_have(path: str) -> None:
    assert set(preloads(path)) == set(preloads("/runs")) & set(preloads("/login")) & set(preloads("/"))


def test_the_links_stand_below_the_mount_and_name_the_build() -> None:
    text = shell("/a&b", "/login").decode()
    links = re.findall(r'<link rel="modulepreload" href="([^"]+)">', text)
    assert links == [f"/a&amp;b/static/{build()}/{module}" for module in preloads("/login")]
    assert text.index("modulepreload") < text.index('<script type="module"')
