"""Text from anywhere, made safe to be shown in a terminal or in a line of a log."""

import re
from typing import Final

# C0 and C1 controls, DEL, and the marks that reorder or split lines: what could move the cursor, hide text, ring,
# answer back, or make one line of a log look like two.
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\ud800-\udfff]"
)
_UNSAFE_BUT_LINES: Final = re.compile(_UNSAFE.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f", 1))


def printable(text: object, *, lines: bool = False) -> str:
    """The text with everything that steers a terminal written out (`\\x1b`); `lines` keeps newlines and tabs."""
    pattern = _UNSAFE_BUT_LINES if lines else _UNSAFE
    return pattern.sub(_written_out, str(text))


def _written_out(match: re.Match[str]) -> str:
    code = ord(match[0])
    short = {9: "\\t", 10: "\\n", 13: "\\r"}.get(code)
    return short or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def printable_json(text: str) -> str:
    """JSON with the same characters as escapes of JSON: still the same value."""
    return _UNSAFE_BUT_LINES.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
