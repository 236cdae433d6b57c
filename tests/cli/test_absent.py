import os
from pathlib import Path

import pytest

from stepwell.cli.absent import INIT, creation, how_to_create, in_the_way


def test_what_is_in_the_way_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    assert in_the_way(f"sqlite:///{tmp_path}/new.db") is None
    assert in_the_way(f"sqlite:///{tmp_path}/file") is None
    assert in_the_way(f"sqlite:///{tmp_path}/no/x.db") == f"the folder {tmp_path}/no does not exist"
    assert in_the_way(f"sqlite:///{tmp_path}/file/x.db") == f"{tmp_path}/file is no folder"
    assert in_the_way(f"sqlite:///{tmp_path}") == f"{tmp_path} is a folder"
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    assert in_the_way(f"sqlite:///{tmp_path}/new.db") == f"nothing may be written in the folder {tmp_path}"
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) == tmp_path)
    assert in_the_way(f"sqlite:///{tmp_path}/file") == f"{tmp_path}/file may not be read and written"


@pytest.mark.parametrize("url", ["postgresql://127.0.0.1:1/db", "memory://", "sqlite://", "bogus://x", ""])
def test_a_server_may_only_be_away(url: str) -> None:
    assert in_the_way(url) is None


def test_the_command_that_creates_names_the_database(tmp_path: Path) -> None:
    assert creation(None) == "stepwell db init"
    assert creation("sqlite:///a b.db") == "stepwell db init --url 'sqlite:///a b.db'"
    assert "hush" not in creation("postgresql://me:hush@host/db")
    assert how_to_create(f"Create them: {INIT}", None) == "Create them: stepwell db init"
    there = f"sqlite:///{tmp_path}/x.db"
    assert how_to_create(f"Create them: {INIT}", there) == f"Create them: stepwell db init --url {there}"
    nowhere = f"sqlite:///{tmp_path}/no/x.db"
    assert how_to_create(f"Create them: {INIT}", nowhere) == (
        f"The folder {tmp_path}/no does not exist: mend that, then: stepwell db init --url {nowhere}"
    )
    assert how_to_create("Wait.", nowhere) == "Wait."
