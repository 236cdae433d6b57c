"""Settings in files: which are found, what they may say, and where keys come from without being shown."""

import sys
from pathlib import Path

import pytest

from stepwell.client.profiles import Layer, key_from, profile, project, user_file
from stepwell.errors import InvalidOption

SECRET = "swk_1234567890abcdef"


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def own(folder: Path, text: str) -> dict[str, str]:
    write(folder / "stepwell" / "config.toml", text)
    return {"XDG_CONFIG_HOME": str(folder)}


def test_the_nearest_project_counts(tmp_path: Path) -> None:
    assert project(tmp_path) is None
    write(tmp_path / "pyproject.toml", '[tool.stepwell]\nnamespace = "outer"\n')
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    found = project(inner)
    assert found is not None
    assert (found.values, found.origin) == ({"namespace": "outer"}, f"[tool.stepwell] in {tmp_path / 'pyproject.toml'}")
    write(tmp_path / "a" / "pyproject.toml", "[project]\nname = 'x'\n")
    assert project(inner) is None  # it is another project


@pytest.mark.parametrize("text", ["[tool.stepwell\n", "[tool]\nstepwell = 5\n# tool.stepwell"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    file = write(tmp_path / "pyproject.toml", text)
    with pytest.raises(InvalidOption, match=r"cannot be read|a table") as refused:
        project(tmp_path)
    assert str(file) in str(refused.value)


def test_profiles_are_found_in_both_places_the_user_s_own_first(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", '[tool.stepwell.profiles.a]\nserver = "https://p.example"\n'
                                       '[tool.stepwell.profiles.b]\nserver = "https://b.example"\n')  # fmt: skip
    environment = own(tmp_path / "home", '[profiles.a]\nserver = "https://own.example"\n')
    assert profile("a", environment, tmp_path).text("server") == "https://own.example"
    assert profile("a", environment, tmp_path).trusted
    assert profile("b", environment, tmp_path).text("server") == "https://b.example"
    assert not profile("b", environment, tmp_path).trusted
    with pytest.raises(InvalidOption, match=r"no profile 'c'; expected one of a, b") as refused:
        profile("c", environment, tmp_path)
    assert str(user_file(environment)) in str(refused.value)


def test_without_any_file_it_says_where_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidOption, match=r"\[profiles\.prod\]"):
        profile("prod", {"XDG_CONFIG_HOME": str(tmp_path)}, tmp_path)
    assert user_file({}) == Path.home() / ".config" / "stepwell" / "config.toml"


@pytest.mark.parametrize("text", ["profiles = 5\n", "[profiles]\na = 5\n"])
def test_a_profile_is_a_table(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidOption, match="table"):
        profile("a", own(tmp_path, text), tmp_path)


def test_a_setting_that_is_no_text_is_refused(tmp_path: Path) -> None:
    layer = Layer("profile a", tmp_path / "x.toml", {"server": 5, "empty": ""})
    for name in ("server", "empty"):
        with pytest.raises(InvalidOption, match=f"{name} of profile a in"):
            layer.text(name)
    assert layer.text("url") is None


def layer(folder: Path, *, trusted: bool = True, **values: object) -> Layer:
    return Layer("profile a", folder / "config.toml", values, trusted)


def test_a_key_from_the_environment_a_file_or_a_command(tmp_path: Path) -> None:
    assert layer(tmp_path).key({}) is None
    assert layer(tmp_path, key_env="MINE").key({"MINE": f" {SECRET}\n"}) == SECRET
    write(tmp_path / "key", f"{SECRET}\n")
    assert layer(tmp_path, key_file="key").key({}) == SECRET  # beside the file that says so
    command = [sys.executable, "-c", f"print('{SECRET}')"]
    assert layer(tmp_path, key_command=command).key({}) == SECRET


def test_a_repository_runs_no_commands(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    command = [sys.executable, "-c", f"open({str(marker)!r}, 'w')"]
    with pytest.raises(InvalidOption, match="must not run commands"):
        layer(tmp_path, trusted=False, key_command=command).key({})
    assert not marker.exists()


def test_keys_that_cannot_be_had_are_never_shown(tmp_path: Path) -> None:
    write(tmp_path / "key", f"{SECRET}\n{SECRET}\n")
    wrong = [
        layer(tmp_path, key_env="MINE"),
        layer(tmp_path, key_env="BAD"),
        layer(tmp_path, key_file="nonesuch"),
        layer(tmp_path, key_file="key"),
        layer(tmp_path, key_command="echo"),
        layer(tmp_path, key_command=[]),
        layer(tmp_path, key_command=["nonesuch-command"]),
        layer(tmp_path, key_command=[sys.executable, "-c", f"print('{SECRET}'); raise SystemExit(1)"]),
        layer(tmp_path, key_command=[sys.executable, "-c", "print()"]),
        layer(tmp_path, key_env="BAD", key_file="key"),
    ]
    for one in wrong:
        with pytest.raises(InvalidOption) as refused:
            one.key({"BAD": f"{SECRET} and more"})
        assert SECRET not in str(refused.value)


def test_the_environment_s_own_key(tmp_path: Path) -> None:
    file = write(tmp_path / "key", SECRET)
    assert key_from({}) is None
    assert key_from({"STEPWELL_API_KEY": "", "STEPWELL_API_KEY_FILE": ""}) is None
    assert key_from({"STEPWELL_API_KEY_FILE": str(file)}) == SECRET
    assert key_from({"STEPWELL_API_KEY": "swk_b", "STEPWELL_API_KEY_FILE": str(file)}) == "swk_b"
    for name, wrong in (("_KEY", f"{SECRET}\nX: y"), ("_KEY", "ä"), ("_KEY_FILE", "/none")):
        with pytest.raises(InvalidOption) as refused:
            key_from({f"STEPWELL_API{name}": wrong})
        assert SECRET not in str(refused.value)
