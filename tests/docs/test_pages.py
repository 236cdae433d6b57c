"""Everything in the documentation that can be executed is executed."""

import asyncio
import inspect
import shlex
from pathlib import Path

import click
import pytest

from stepwell.store.postgres import upgrade
from tests.docs.checks import check_of
from tests.docs.pages import DOCS, ROOT, blocks, commands, executed, name, pages
from tests.postgres import private_server

LANGUAGES = {"python", "console", "mermaid", "text", "toml", "json", "sql"}


@pytest.mark.parametrize("page", pages(), ids=name)
def test_code_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("builtins.print", lambda *_, **__: None)
    names = executed(page)
    check = check_of(page.stem)
    if "app" in names:
        assert inspect.iscoroutinefunction(check), f"tests/docs/checks.py says nothing of {name(page)}"
        asyncio.run(check(names))


@pytest.mark.parametrize("page", pages(), ids=name)
def test_blocks_say_what_they_are(page: Path) -> None:
    wrong = [
        f"line {block.line}: {block.language or 'no language'}"
        for block in blocks(page)
        if block.language not in LANGUAGES
    ]
    assert not wrong, f"{name(page)}: name one of {sorted(LANGUAGES)}, or mark the block as a fragment: {wrong}"


def test_the_readme_example_is_short() -> None:
    (example, *_) = [block for block in blocks(ROOT / "README.md") if block.language == "python"]
    assert len([line for line in example.code.splitlines() if line.strip()]) <= 30


@pytest.mark.parametrize("page", pages(), ids=name)
def test_commands_exist(page: Path) -> None:
    """Each `stepwell …` is a command with these options; each `python …` and `make …` has its file or target."""
    for command in commands(page):
        words = shlex.split(command.partition("#")[0])
        if words[0] == "stepwell":
            understand(words[1:], command)
        elif words[0] == "python" and "/" in words[1]:
            assert (ROOT / words[1]).is_file(), command
        elif words[0] == "make":
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            assert f"\n{words[1]}:" in makefile, command
        elif words[0] not in ("pip", "python", "sqlite3", "curl", "git", "cd", "export"):
            raise AssertionError(f"{name(page)}: nothing is known of {command!r}")


def test_sql_is_accepted() -> None:
    """By a database `app` with our tables in it, on a server that is thrown away."""
    statements = [one for page in pages() for block in blocks(page) if block.language == "sql"
                  for one in block.code.split(";") if one.strip()]  # fmt: skip
    assert statements
    with private_server() as server:
        server.psql("CREATE DATABASE app")
        url = server.url.rpartition("/")[0] + "/app"
        asyncio.run(upgrade(url))
        server.psql(*statements, database="app")


def understand(words: list[str], command: str) -> None:
    """Let click read a command line as far as it goes without carrying it out."""
    from stepwell.cli.main import cli

    context = click.Context(cli, info_name="stepwell")
    node: click.Command = cli
    while isinstance(node, click.Group) and words and not words[0].startswith("-"):
        found = node.get_command(context, words[0])
        assert found is not None, f"{command}: there is no {words[0]!r}"
        node, words = found, words[1:]
        context = click.Context(node, info_name=node.name, parent=context)
    options = {option for parameter in node.params for option in (*parameter.opts, *parameter.secondary_opts)}
    options |= {"--help", "-h", "--version"}
    wrong = [word for word in words if word.startswith("-") and word.partition("=")[0] not in options]
    assert not wrong, f"{command}: unknown {wrong}"


def test_every_link_of_llms_txt_leads_somewhere() -> None:
    text = (ROOT / "llms.txt").read_text(encoding="utf-8")
    links = [part.partition(")")[0] for part in text.split("](")[1:]]
    assert links
    missing = [link for link in links if not (ROOT / link).is_file()]
    assert not missing


def test_links_between_pages_lead_somewhere() -> None:
    wrong = []
    for page in pages():
        if page.suffix != ".md":
            continue
        for part in page.read_text(encoding="utf-8").split("](")[1:]:
            link = part.partition(")")[0].partition("#")[0]
            if link and "://" not in link and not (page.parent / link).is_file():
                wrong.append(f"{name(page)}: {link}")
    assert not wrong
    assert DOCS.is_dir()
