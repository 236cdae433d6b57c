import pytest

from stepwell.model.change import Patch
from stepwell.model.status import RunStatus
from stepwell.store.sql.patches import RELEASE, assignments, is_plain_release, release_values


def test_what_suspending_and_finishing_say_is_plain() -> None:
    plain = Patch(status=RunStatus.FAILED, release=True, due=1.0, rank=2.0, seen=3, finished_at=4.0, expires_at=5.0,
                  progress=0.5, note="n", reason="r")  # fmt: skip
    assert is_plain_release(plain)
    values = dict(zip(RELEASE, release_values(b"k", plain, 1), strict=True))
    assert values == {"key": b"k", "status": 11, "due": 1.0, "rank": 2.0, "finished_at": 4.0, "expires_at": 5.0,
                      "progress": 0.5, "note": "n", "reason": "r"}  # fmt: skip
    assert release_values(b"k", Patch(release=True), 1)[1] == 1


@pytest.mark.parametrize(
    "patch",
    [
        Patch(),
        Patch(progress=0.5),
        Patch(release=True, bump=True),
        Patch(release=True, reopen=True),
        Patch(release=True, generation=2),
        Patch(release=True, deaths=0),
        Patch(release=True, cancelling=False),
        Patch(release=True, digest=""),
        Patch(release=True, pin=""),
    ],
)
def test_everything_else_is_not(patch: Patch) -> None:
    assert not is_plain_release(patch)


def test_every_field_is_plain_or_not() -> None:
    """A new field of `Patch` has to be thought of in both ways of writing one."""
    known = {"status", "release", "due", "rank", "seen", "bump", "generation", "finished_at", "reopen", "expires_at",
             "progress", "note", "reason", "deaths", "cancelling", "digest", "pin"}  # fmt: skip
    assert set(Patch.__struct_fields__) == known


@pytest.mark.parametrize(
    ("patch", "released", "sets", "values"),
    [
        (Patch(), False, [], []),
        (Patch(progress=0.0, cancelling=False), False, ["progress = ?", "cancelling = ?"], [0.0, False]),
        (Patch(note="", reason="why"), False, ["note = ?", "reason = ?"], [None, "why"]),
        (Patch(pin=""), False, ["pin = ?"], [None]),
        (Patch(release=True, status=RunStatus.WAITING, due=1.0), False, [], []),
        (
            Patch(release=True, status=RunStatus.WAITING, due=1.0),
            True,
            ["worker = NULL, due = ?", "status = ?"],
            [1.0, 2],
        ),
        (Patch(release=True, rank=2.0), True, ["worker = NULL, due = ?", "rank = ?"], [None, 2.0]),
        (Patch(generation=2, bump=True), False, ["generation = ?", "claimed_seq = 0", "epoch = epoch + 1"], [2]),
        (Patch(reopen=True, finished_at=1.0), False, ["finished_at = NULL, expires_at = NULL"], []),
    ],
)
def test_assignments(patch: Patch, released: bool, sets: list[str], values: list[object]) -> None:
    assert assignments(patch, released) == (sets, values)
