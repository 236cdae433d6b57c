import json

import pytest

from stepwell.client.printable import printable, printable_json

EVIL = "".join(
    map(chr, [*range(32), *range(0x7F, 0xA0), 0x61C, 0x200B, 0x200E, 0x2028, 0x202E, 0x2066, 0xFEFF, 0xD800])
)


def test_nothing_that_steers_a_terminal_is_left() -> None:
    assert not set(EVIL) & set(printable(EVIL))
    kept = set(EVIL) & set(printable(EVIL, lines=True))
    assert kept == {"\t", "\n"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain – “text” ✓ 漢字 🎉", "plain – “text” ✓ 漢字 🎉"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x9b0m", "\\x9b0m"),
        ("\u202egnp", "\\u202egnp"),
    ],
)
def test_it_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_json_keeps_its_value() -> None:
    value = {"a": EVIL[:-1], "b": ["x\u202ey"]}
    text = printable_json(json.dumps(value, ensure_ascii=False, indent=1))
    assert json.loads(text) == value
    assert "\u202e" not in text
    assert "\x9b" not in text
