"""The generated parts of the documentation are current, and complete."""

import importlib.util
import sys
from types import ModuleType

import pytest

from stepwell.client.config import Settings
from stepwell.core.transitions import MOVES
from stepwell.errors import ERRORS
from stepwell.model.status import RunStatus
from tests.docs.pages import DOCS, name


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_part_is_current(generate: ModuleType) -> None:
    stale = [name(page) for page, there, wanted in generate.pages() if there != wanted]
    assert not stale, f"python docs/generate.py rewrites {stale}"


def test_every_part_is_used(generate: ModuleType) -> None:
    used = {part[2] for page in DOCS.rglob("*.md") for part in generate.PART.finditer(page.read_text(encoding="utf-8"))}
    assert used == set(generate.PARTS)


def test_the_diagram_has_every_move(generate: ModuleType) -> None:
    diagram = generate.states()
    for state, moves in MOVES.items():
        for what, to in moves.items():
            assert f"{state} --> {to}: {what}" in diagram
    assert all(state in diagram for state in RunStatus)


def test_the_tables_leave_nothing_out(generate: ModuleType) -> None:
    assert set(generate.MEANING) == set(Settings.__struct_fields__) - {"origin"}
    listed = generate.errors()
    missing = [code for code in ERRORS if f"| `{code}` |" not in listed]
    assert missing == ["error"]  # the common base of all
