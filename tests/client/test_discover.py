import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stepwell import App
from stepwell.client.discover import AppAmbiguous, AppBroken, AppNotFound, load, parse, reference_of

ONE = """
from dataclasses import dataclass
from stepwell import App
app = App("memory://")
same = app
@dataclass
class Order: id: str
@app.workflow
async def place(order: Order) -> str: return order.id
"""


@pytest.fixture(autouse=True)
def clean_imports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if is_below(sys.modules[name], tmp_path):  # what else was imported meanwhile is in use
            del sys.modules[name]


def is_below(module: object, folder: Path) -> bool:
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
    return any(place is not None and Path(place).is_relative_to(folder) for place in places)


def write(path: Path, text: str = ONE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    "reference", ["flow_a.py", "flow_a.py:app", "./flow_a.py", "flow_a:app", "flow_a", "{tmp}/flow_a.py:same"]
)
def test_every_form(tmp_path: Path, reference: str) -> None:
    write(tmp_path / "flow_a.py")
    app = load(reference.format(tmp=tmp_path))
    assert app.registry.workflow_names() == ("place",)
    definition = app.registry.workflow("place")
    assert definition is not None
    assert definition.signature.parameters == ("order",), "its annotations can be resolved"
    assert load(reference.format(tmp=tmp_path)) is app


def test_a_file_in_a_package_belongs_to_it(tmp_path: Path) -> None:
    write(tmp_path / "proj" / "shop_b" / "__init__.py", "")
    write(tmp_path / "proj" / "shop_b" / "apps.py", "from stepwell import App\napp = App('memory://')\n")
    file = write(tmp_path / "proj" / "shop_b" / "flows.py", "from .apps import app\n")
    app = load(str(file))
    assert sys.modules["shop_b.flows"].app is app
    assert load("shop_b.flows:app") is app


def test_a_name_that_is_taken_is_no_obstacle(tmp_path: Path) -> None:
    app = load(str(write(tmp_path / "json.py")))
    assert isinstance(app, App)
    assert sys.modules["json"].loads("1") == 1


@pytest.mark.parametrize(
    ("reference", "source", "error", "said"),
    [
        ("gone.py", None, AppNotFound, "there is no file 'gone.py'; expected module:app"),
        ("no_such.module:app", None, AppNotFound, "there is no module 'no_such.module'"),
        ("not a reference!", None, AppNotFound, "names no app"),
        ("", None, AppNotFound, "names no app"),
        ("flow_c.py", "x = 1", AppNotFound, "there is no App in .*flow_c.py. It needs `app = App\\(\\)`"),
        ("flow_c.py:ap", ONE, AppNotFound, "has no 'ap'. It has app, same"),
        ("flow_c.py:place", ONE, AppNotFound, "is of type Workflow; expected an App"),
        ("flow_c.py", ONE + "other = App('memory://')\n", AppAmbiguous, "several apps: app, same, other. Name one"),
        ("flow_c.py", "import no_such_thing", AppBroken, "ModuleNotFoundError: No module named 'no_such_thing'"),
        ("flow_c.py", "raise SystemExit(3)", AppBroken, "if __name__ == '__main__'"),
    ],
)
def test_errors(tmp_path: Path, reference: str, source: str | None, error: type[Exception], said: str) -> None:
    if source is not None:
        write(tmp_path / "flow_c.py", source)
    with pytest.raises(error, match=said):
        load(reference)


def test_the_traceback_of_a_broken_import_is_the_users_own(tmp_path: Path) -> None:
    write(tmp_path / "flow_d.py", "def prepare():\n    1 / 0\n\nprepare()\n")
    with pytest.raises(AppBroken) as caught:
        load("flow_d.py")
    trace = caught.value.traceback
    assert trace.splitlines()[0] == "Traceback (most recent call last):"
    assert "flow_d.py" in trace.splitlines()[1]
    assert "ZeroDivisionError" in trace
    assert "importlib" not in trace
    assert "discover.py" not in trace
    write(tmp_path / "flow_d.py", ONE)
    assert isinstance(load("flow_d.py"), App), "a second try starts afresh"


def test_parse_knows_files_and_modules(tmp_path: Path) -> None:
    file = write(tmp_path / "flow_e.py")
    assert str(parse("flow_e.py:app")) == f"{file}:app"
    assert str(parse("pkg.mod:app.inner")) == "pkg.mod:app.inner"
    assert parse("pkg.mod").name is None


# -- the way back ----------------------------------------------------------------------------------


def test_an_app_of_a_module_has_a_reference(tmp_path: Path) -> None:
    file = write(tmp_path / "flow_f.py")
    app = load(str(file))
    reference = reference_of(app)
    assert reference == f"{file}:app"
    assert load(reference) is app
    assert reference_of(App(mode="client", like=app)) == reference, "the definitions count"


def test_an_app_of_a_package_is_found_by_its_module(tmp_path: Path) -> None:
    write(tmp_path / "shop_g" / "__init__.py", "")
    write(tmp_path / "shop_g" / "flows.py")
    assert reference_of(load("shop_g.flows")) == "shop_g.flows:app"


def test_an_app_of_a_function_has_none() -> None:
    assert reference_of(App("memory://")) is None


SCRIPT = f"""{ONE}
if __name__ == "__main__":
    from stepwell.client.discover import reference_of

    print(reference_of(app))
"""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(["script_h.py"], "{tmp}/script_h.py:app"), (["-m", "script_h"], "script_h:app"), (["-c", SCRIPT], "None")],
)
def test_a_script_refers_to_itself(tmp_path: Path, arguments: list[str], expected: str) -> None:
    write(tmp_path / "script_h.py", SCRIPT)
    said = subprocess.run([sys.executable, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said.strip() == expected.format(tmp=tmp_path)
    if "None" not in expected:
        assert load(said.strip()).registry.workflow_names() == ("place",)


def test_the_traceback_of_what_we_refuse_ends_in_the_users_file(tmp_path: Path) -> None:
    write(tmp_path / "flow_g.py", ONE + "\n@app.step\ndef twice() -> None: ...\n@app.step\ndef twice() -> None: ...\n")
    with pytest.raises(AppBroken) as caught:
        load("flow_g.py")
    trace = caught.value.traceback
    assert "flow_g.py" in trace
    assert "authoring" not in trace
