"""The contrasts of the colours, computed from the stylesheet: text needs 4.5, shapes and borders of controls 3."""

import re
from pathlib import Path

import pytest

TOKENS = Path(__file__).parents[2] / "src" / "stepwell" / "server" / "dashboard" / "static" / "css" / "tokens.css"
PAIRS = re.findall(r"--([\w]+): light-dark\((#\w{6}), (#\w{6})\)", TOKENS.read_text())
FOUND = {name: (light, dark) for name, light, dark in PAIRS}
SURFACES = ("bg", "surface", "sunken", "hover", "watertint")
STATES = ("queued", "running", "waiting", "succeeded", "failed", "paused", "parked", "cancelled", "terminated")
TEXT, SHAPE = 4.5, 3.0


def brightness(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def ratio(one: str, other: str) -> float:
    high, low = sorted((brightness(one), brightness(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def worst(name: str, surfaces: tuple[str, ...], theme: int) -> float:
    return min(ratio(FOUND[name][theme], FOUND[surface][theme]) for surface in surfaces)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["ink", "ink2", "ink3", "water", *STATES])
def test_words_can_be_read_on_every_surface(name: str, theme: int) -> None:
    assert worst(name, SURFACES, theme) >= TEXT


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["waiting", "succeeded", "failed", "paused", "parked"])
def test_badges_can_be_read_on_their_tint(name: str, theme: int) -> None:
    assert ratio(FOUND[name][theme], FOUND[f"{name}tint"][theme]) >= TEXT


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("text", "surface"),
    [
        ("ink3", "failedtint"),
        ("ink3", "pausedtint"),
        ("ink2", "failedtint"),
        ("water", "failedtint"),
        ("succeeded", "code"),
        ("onwater", "water"),
        ("ink", "pausedtint"),
        ("surface", "failed"),
        ("surface", "parked"),
        ("ink3", "code"),
        ("bg", "ink"),
    ],
)
def test_other_pairs_that_are_used(text: str, surface: str, theme: int) -> None:
    assert ratio(FOUND[text][theme], FOUND[surface][theme]) >= TEXT


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_borders_of_controls_can_be_seen(theme: int) -> None:
    assert worst("edge", ("bg", "surface", "sunken"), theme) >= SHAPE


def test_the_table_has_the_colours_of_the_reference() -> None:
    assert FOUND["water"] == ("#0A6A92", "#56B8E0")
    assert FOUND["failed"] == ("#BF3415", "#FF8062")
    assert len(FOUND) == 13 + 9 + 5
