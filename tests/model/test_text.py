import pytest

from stepwell.errors import InvalidOption
from stepwell.model.text import check_keepable, is_keepable


@pytest.mark.parametrize("text", ["", "a", "\x01\n", "größe ✓ 🙂"])
def test_what_can_be_kept(text: str) -> None:
    assert is_keepable(text)


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "a\udfff"])
def test_what_cannot(text: str) -> None:
    assert not is_keepable(text)


def test_the_refusal_names_what_it_is_about() -> None:
    with pytest.raises(InvalidOption, match=r"key='a\\x00b'; expected text without NUL"):
        check_keepable("key", "a\0b")
    for value in ("a", None, 5):
        check_keepable("key", value)
