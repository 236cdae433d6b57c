"""Text that every database can keep."""

from stepwell.errors import InvalidOption


def is_keepable(text: str) -> bool:
    """Whether a text can be kept everywhere: PostgreSQL's has no NUL, and nothing has half a character."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_keepable(name: str, value: object) -> None:
    """Raises InvalidOption for a text that cannot be kept everywhere; anything else is for others to check."""
    if isinstance(value, str) and not is_keepable(value):
        raise InvalidOption(f"{name}={value[:40]!r}", expected="text without NUL and half characters")
