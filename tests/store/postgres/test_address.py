from pathlib import Path

import pytest

from stepwell.errors import InvalidOption
from stepwell.store.postgres.address import DEADLINE, LANES, address, refused


def test_ours_and_theirs() -> None:
    url = (
        "postgres://me:s%40e@db:5433/x?sslmode=verify-full&schema=flows&lanes=4&listen=off&prepared=off&deadline=2.5"
        "&target_session_attrs=read-write"
    )
    read = address(url)
    assert read.dsn == "postgresql://me:s%40e@db:5433/x?sslmode=verify-full&target_session_attrs=read-write"
    assert (read.schema, read.lanes, read.listen, read.prepared, read.deadline) == ("flows", 4, False, False, 2.5)
    assert "s%40e" not in read.shown
    assert not read.named


def test_what_is_not_said() -> None:
    read = address("postgresql:///x?host=/run/pg&application_name=mine")
    assert read.dsn == "postgresql:///x?host=%2Frun%2Fpg&application_name=mine"
    assert (read.schema, read.lanes, read.listen, read.prepared) == ("stepwell", LANES, True, True)
    assert read.deadline == DEADLINE
    assert read.named


@pytest.mark.parametrize(
    "url",
    [
        "mysql://db/x",
        "postgresql://[::1/x",
        "postgresql://db/x?schema=",
        "postgresql://db/x?schema=Flows",
        "postgresql://db/x?schema=pg_flows",
        'postgresql://db/x?schema=a"b',
        "postgresql://db/x?schema=" + "a" * 49,
        "postgresql://db/x?schema=information_schema",
        "postgresql://db/x?lanes=0",
        "postgresql://db/x?lanes=33",
        "postgresql://db/x?lanes=two",
        "postgresql://db/x?lanes=²",
        "postgresql://db/x?listen=yes",
        "postgresql://db/x?prepared=",
        "postgresql://db/x?deadline=0",
        "postgresql://db/x?deadline=nan",
        "postgresql://db/x?deadline=soon",
    ],
)
def test_refusals(url: str) -> None:
    with pytest.raises(InvalidOption, match="expected"):
        address(url)


def test_no_refusal_shows_the_password() -> None:
    with pytest.raises(InvalidOption) as refused:
        address("mysql://me:hush@db/x?password=hush")
    assert "hush" not in str(refused.value)


def test_the_files_that_it_names_are_there(tmp_path: Path) -> None:
    paper = tmp_path / "ours.crt"
    url = f"postgresql://me@db/x?sslmode=verify-full&sslrootcert={paper}"
    with pytest.raises(InvalidOption, match=r"sslrootcert=.*ours\.crt.*a file that can be read"):
        address(url)
    paper.touch()
    assert address(url).dsn == url.replace(str(paper), str(paper).replace("/", "%2F"))


@pytest.mark.parametrize(
    "told",
    [
        'unrecognized configuration parameter "shcema"',
        "nicht erkannter Konfigurationsparameter »shcema«",
        "paramètre de configuration « shcema » non reconnu",
    ],
)
def test_what_the_server_does_not_know_is_named_beside_what_there_is(told: str) -> None:
    wrong = refused(address("postgresql://me:hush@db/x?shcema=a"), told, known=False)
    assert isinstance(wrong, InvalidOption)
    assert str(wrong).startswith(f"shcema in the database URL 'postgresql://me:***@db/x?shcema=a': {told}; expected")
    for name in ("schema", "deadline", "sslmode", "sslrootcert", "target_session_attrs", "options"):
        assert f" {name}" in str(wrong).replace("(", " ")
    assert wrong.hint == "Did you mean schema?"


def test_a_parameter_that_other_drivers_have() -> None:
    given = address("postgresql://db/x?connect_timeout=5")
    wrong = refused(given, 'unrecognized configuration parameter "connect_timeout"', known=False)
    assert wrong is not None
    assert wrong.hint == "Did you mean deadline?"


def test_what_the_server_says_of_other_things_is_not_the_url_s() -> None:
    given = address("postgresql://db/x?options=-c%20bogus%3D1")
    assert str(refused(given, 'no "bogus"', known=True)).startswith("options in the database URL")
    assert refused(given, 'type "other" does not exist', known=False) is None
    assert refused(given, "something is missing", known=False) is None
