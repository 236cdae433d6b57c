from typing import Any

import pytest

from stepwell.cli.options import Target
from stepwell.cli.session import talk
from stepwell.cli.snapshot import snapshot
from stepwell.errors import NotFound
from tests.cli.conftest import Invoke


def test_a_run_at_one_moment(filled: str) -> None:
    seen = talk(Target(filled), lambda app: snapshot(app, "good"))
    assert (seen.row.id, seen.generation, len(seen.entries)) == ("good", 1, 3)
    assert [node.name for node in seen.view.roots] == ["greet"]
    assert seen.now > seen.row.created_at


def test_a_generation_that_never_was(filled: str) -> None:
    with pytest.raises(NotFound, match="run 'good' has no generation 7; expected 1"):
        talk(Target(filled), lambda app: snapshot(app, "good", 7))


def test_a_replay_adds_what_is_open(filled: str, shop: Any) -> None:
    without = talk(Target(filled), lambda app: snapshot(app, "asks"))
    assert without.view.nodes["approved"].due is None
    seen = talk(Target(filled, None, shop.__file__), lambda app: snapshot(app, "asks", replay=True))
    assert seen.view.nodes["approved"].due is not None
    ended = talk(Target(filled, None, shop.__file__), lambda app: snapshot(app, "good", replay=True))
    assert [node.state for node in ended.view.roots] == ["done"]


def test_why_nobody_takes_a_run(url: str, stepwell: Invoke) -> None:
    assert stepwell("start", "hello", '"ann"', "--id", "ready", "--url", url).exit_code == 0
    assert stepwell("start", "hello", '"ann"', "--id", "later", "--delay", "1h", "--url", url).exit_code == 0
    assert talk(Target(url), lambda app: snapshot(app, "ready")).unserved == "no worker is alive"
    assert talk(Target(url), lambda app: snapshot(app, "later")).unserved is None


def test_nobody(filled: str) -> None:
    with pytest.raises(NotFound):
        talk(Target(filled), lambda app: snapshot(app, "nobody"))
