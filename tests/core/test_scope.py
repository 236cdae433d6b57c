"""Call identity: paths, names, occurrences, and the numbers that sets go by."""

import pytest

from stepwell.core.scope import Scope


def test_the_first_of_a_name_is_bare_and_the_others_are_counted() -> None:
    scope = Scope("", 0)
    assert [scope.identify(name) for name in ("a", "b", "a", "a", "b")] == ["a", "b", "a#2", "a#3", "b#2"]


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a/b", "a%2Fb"),
        ("a#2", "a%232"),
        ("a@1", "a%401"),
        ("100%", "100%25"),
        ("a b.c-d", "a b.c-d"),
        ("naïve", "naïve"),
    ],
)
def test_what_has_a_meaning_in_a_path_is_escaped(name: str, written: str) -> None:
    assert Scope("", 0).identify(name) == written


def test_escaped_names_cannot_be_taken_for_others() -> None:
    scope = Scope("", 0)
    found = [scope.identify(name) for name in ("a", "a", "a#2", "a%232", "b/c")]
    found += [scope.named("b").identify("c"), scope.child().identify("c"), scope.identify("@1/c")]
    assert len(set(found)) == len(found)


def test_tasks_are_scopes_in_the_order_of_their_creation() -> None:
    root = Scope("", 0)
    first, second = root.child(), root.child()
    assert (first.path, second.path, second.child().path) == ("@1/", "@2/", "@2/@1/")
    assert second.identify("a") == "@2/a"
    assert root.named("page").path == "page/"
    assert root.named("page").path == "page#2/"
    assert root.identify("page") == "page#3"


def test_clean_up_and_undo_are_handed_down() -> None:
    root = Scope("", 0)
    root.cleanup = True
    child = root.child()
    root.undo = True
    assert (child.cleanup, child.undo) == (True, False)
    assert (root.named("x").cleanup, root.named("x").undo) == (True, True)


def test_a_folded_part_ends_with_everything_in_it() -> None:
    root = Scope("", 0)
    part = root.folded("part")
    inner = part.child().folded("part/@1/inner").named("x")
    beside = root.child()
    assert inner.inside(part)
    assert not beside.inside(part)
    assert not part.over
    part.ended = True
    assert part.over
    assert inner.over
    assert not beside.over
    assert not root.over


def test_an_inner_part_ends_alone() -> None:
    part = Scope("", 0).folded("part")
    inner = part.folded("part/inner")
    inner.ended = True
    assert inner.child().over
    assert not part.child().over


def test_numbers_are_the_same_each_time_and_apart_from_each_other() -> None:
    def numbers() -> list[int]:
        root = Scope("", 4096)
        found = [root.number(), root.number()]
        for scope in (root.child(), root.child(), root.named("a"), root.folded("b")):
            found += [scope.number(), scope.number(), scope.child().number()]
        return found

    assert numbers() == numbers()
    assert len(set(numbers())) == len(numbers())
