"""Which changes concern nobody but their run."""

from typing import Any

import pytest
from msgspec.structs import replace

from stepwell.model.change import Change, Expect, Patch, Post, Send, Wait
from stepwell.model.run import InboxItem
from stepwell.model.status import RunStatus
from stepwell.store.sql.hot import is_own

OWN = Change(run=b"r", epoch=1, seq=1, count=1, data=b"[]", took=(1,), closes=True, patch=Patch(release=True))
ITEM = InboxItem(n=1, kind="cancel", at=0.0)


def test_the_entries_and_the_end_of_a_run_are_its_own() -> None:
    assert is_own(OWN)


@pytest.mark.parametrize(
    "fields",
    [
        {"epoch": None},
        {"arm": (Wait("c", "e", "k"),)},
        {"disarm": ("c",)},
        {"put_back": (ITEM,)},
        {"post": (Post(target=b"o", item=ITEM),)},
        {"blobs": (("d", b""),)},
        {"opens": b"[]"},
        {"expect": Expect(1, RunStatus.RUNNING, 1, 0)},
        {"send": Send(event="e")},
    ],
)
def test_whatever_others_see_is_not(fields: dict[str, Any]) -> None:
    assert not is_own(replace(OWN, **fields))
