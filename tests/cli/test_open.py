"""Which page is opened, and what happens where no browser has a screen."""

import webbrowser
from collections.abc import Callable

import pytest
from click.testing import Result

from stepwell.cli.open import has_display, page_of

Invoke = Callable[..., Result]


@pytest.fixture(autouse=True)
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the browser was given; without a display at first."""
    urls: list[str] = []

    def opens(url: str) -> bool:
        urls.append(url)
        return True

    monkeypatch.setattr(webbrowser, "open", opens)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    return urls


def test_without_a_display_the_url_is_printed(stepwell: Invoke, opened: list[str]) -> None:
    assert stepwell("open", "--server", "https://wells.example/").stdout == "https://wells.example/\n"
    assert stepwell("open", "a/b c", "--server", "https://x.example/m").stdout == "https://x.example/m/runs/a%2Fb%20c\n"
    assert opened == []


def test_with_a_display_the_browser_opens_it(
    stepwell: Invoke, opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("STEPWELL_API_URL", "http://127.0.0.1:9999")
    result = stepwell("open", "r1")
    assert (opened, result.stdout) == (["http://127.0.0.1:9999/runs/r1"], "")
    assert "Opening http://127.0.0.1:9999/runs/r1" in result.stderr
    stepwell("open", "--print")
    assert len(opened) == 1


def test_a_browser_that_does_not_start_leaves_the_url(stepwell: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    assert stepwell("open", "--server", "http://x").stdout == "http://x/\n"


def test_without_a_server_it_is_the_one_of_this_machine(stepwell: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    assert stepwell("open").stdout == "http://127.0.0.1:8765/\n"
    monkeypatch.setenv("STEPWELL_PORT", "1234")
    assert stepwell("open").stdout == "http://127.0.0.1:1234/\n"


def test_a_database_has_no_pages(stepwell: Invoke) -> None:
    result = stepwell("open", "--url", "sqlite:///x.db")
    assert result.exit_code == 2
    assert "error[invalid_option]" in result.stderr
    assert "stepwell server" in result.stderr


def test_a_url_that_is_none_is_refused(stepwell: Invoke) -> None:
    result = stepwell("open", "--server", "ftp://x")
    assert (result.exit_code, result.stdout) == (2, "")


def test_displays(monkeypatch: pytest.MonkeyPatch) -> None:
    assert has_display("darwin")
    assert not has_display("linux")
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    assert has_display("linux")
    monkeypatch.setenv("SSH_CONNECTION", "1 2 3 4")
    assert not has_display("darwin")


def test_pages() -> None:
    assert page_of("http://x", None) == "http://x/"
    assert page_of("http://x", "ä/#") == "http://x/runs/%C3%A4%2F%23"
