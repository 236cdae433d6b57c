"""The dashboard's files, read as text: nothing of data becomes markup, every import resolves, modules stay small."""

import re
from pathlib import Path

import pytest

DASHBOARD = Path(__file__).parents[2] / "src" / "stepwell" / "server" / "dashboard"
STATIC = DASHBOARD / "static"
MODULES = sorted(STATIC.rglob("*.js"))
SHEETS = sorted(STATIC.rglob("*.css"))
MOST_LINES = 400
MOST_STYLES = 250
FORBIDDEN = re.compile(
    r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write(ln)?|createContextualFragment|DOMParser|srcdoc"
    r"|eval\(|new Function|setTimeout\(\s*[\"'`]|setInterval\(\s*[\"'`]|import\(\s*[^\"'`\s])"
)
IMPORTS = re.compile(
    r"""(?:^|\s)(?:import|export)\s[^;]*?from\s+"([^"]+)"|import\("([^"]+)"\)|^import\s+"([^"]+)";""", re.MULTILINE
)
NAMED = re.compile(r'^import \{([^}]*)\} from "([^"]+)";', re.MULTILINE)


def name_of(path: Path) -> str:
    return str(path.relative_to(STATIC))


def without_comments(text: str) -> str:
    return re.sub(r"^\s*//.*$", "", re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL), flags=re.MULTILINE)


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_no_module_makes_markup_or_code_of_text(module: Path) -> None:
    found = FORBIDDEN.search(without_comments(module.read_text()))
    assert found is None, found


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_every_import_resolves(module: Path) -> None:
    text = without_comments(module.read_text())
    for groups in IMPORTS.findall(text):
        target = next(filter(None, groups))
        assert target.startswith("."), f"{target}: only files of the dashboard are imported"
        assert (module.parent / target).resolve().is_file(), target
    for names, target in NAMED.findall(text):
        exported = without_comments((module.parent / target).resolve().read_text())
        for each in filter(None, (part.split(" as ")[0].strip() for part in names.split(","))):
            assert re.search(
                rf"export (async )?(function|const|let|class) {each}\b|export \{{[^}}]*\b{each}\b", exported
            ), f"{target} does not export {each}"


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_every_module_says_what_it_is_for_and_is_small(module: Path) -> None:
    lines = module.read_text().splitlines()
    assert re.match(r"// .{20,}", lines[0]), "a module begins with a sentence"
    assert len(lines) <= MOST_LINES


@pytest.mark.parametrize("sheet", SHEETS, ids=name_of)
def test_every_sheet_says_what_it_is_for_and_is_small(sheet: Path) -> None:
    lines = sheet.read_text().splitlines()
    assert re.match(r"/\* .{20,} \*/$", lines[0]), "a sheet begins with a sentence"
    assert len(lines) <= MOST_STYLES


def test_every_module_is_used() -> None:
    reached: set[Path] = set()
    left = [STATIC / "app.js", STATIC / "first.js"]
    while left:
        module = left.pop()
        if module in reached:
            continue
        reached.add(module)
        found = IMPORTS.findall(without_comments(module.read_text()))
        left += [(module.parent / next(filter(None, groups))).resolve() for groups in found]
    assert reached == set(MODULES)


def test_the_page_has_nothing_inline_and_names_its_files() -> None:
    text = (DASHBOARD / "index.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", text)
    paths = re.findall(r'(?:src|href)="__BASE__/static/(?:__VERSION__/)?([^"]+)"', text)
    assert len(paths) == len(re.findall(r'\s(?:src|href)="', text))
    for path in paths:
        assert (STATIC / path).is_file(), path
    linked = {STATIC / path for path in paths if path.endswith(".css")}
    assert linked == set(SHEETS)


@pytest.mark.parametrize("sheet", SHEETS, ids=name_of)
def test_styles_load_nothing_and_take_colours_from_the_tokens(sheet: Path) -> None:
    text = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)
    assert not re.search(r"url\(|@import|https?:", text)
    if sheet.name != "tokens.css":
        assert not re.search(r"#[0-9a-fA-F]{3,8}\b(?![^{]*\{)", text), "colours are tokens"
    used = set(re.findall(r"var\((--[\w-]+)\)", text))
    defined = set(re.findall(r"(--[\w-]+)\s*:", "".join(each.read_text() for each in SHEETS)))
    defined |= set(re.findall(r'"(--[\w-]+)"', "".join(each.read_text() for each in MODULES)))
    assert used <= defined, used - defined
