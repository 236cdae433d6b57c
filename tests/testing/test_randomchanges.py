import pytest

from stepwell.model.change import Change
from stepwell.testing.randomchanges import CHANGES, STARTS, Dice, RandomChanges

NOTHING = {"runs": {}, "journal": [], "inbox": []}


def test_dice_are_the_same_everywhere() -> None:
    dice = Dice(7)
    assert [dice.below(1000) for _ in range(6)] == [487, 804, 346, 203, 674, 305]
    assert [Dice(1).below(1000) for _ in range(3)] == [Dice(1).below(1000)] * 3


def test_dice_are_fair_enough() -> None:
    dice = Dice(3)
    counts = [0] * 10
    for _ in range(10_000):
        counts[dice.below(10)] += 1
    assert max(counts) < 1200
    assert min(counts) > 800
    assert 2000 < sum(dice.chance(25) for _ in range(10_000)) < 3000
    assert set(dice.some("abc", 100)) == {"a", "b", "c"}
    assert dice.some("abc", 0) == ()
    assert dice.pick("a") == "a"


@pytest.mark.parametrize("kind", sorted(set(CHANGES)))
def test_every_kind_can_be_made_or_has_nothing_to_apply_to(kind: str) -> None:
    changes = RandomChanges(Dice(5))
    for _ in range(50):
        made = changes.make(kind, NOTHING, 5.0)
        assert made is None or isinstance(made, Change)
        if kind in STARTS:
            assert made is not None
            assert made.create is not None


def test_a_dead_worker_s_part_is_taken_by_another() -> None:
    changes = RandomChanges(Dice(5))
    changes.succeed("w1")
    assert changes.workers == ["w0", "w1'", "w2"]
