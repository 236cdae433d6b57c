"""What a sealed database says, read back as an error."""

import msgspec
import pytest

from stepwell.errors import StoreMoved
from stepwell.store.sql.sealing import Arrival, Seal, arrival_key, moved, refuse, seal_key

TARGET = "postgresql://me:***@host/db?schema=it's"


@pytest.mark.parametrize("done", [False, True])
def test_messages_come_back_as_errors(done: bool) -> None:
    seal = Seal("1", TARGET, done)
    for text in (
        seal.message,
        f"ERROR:  {seal.message}\nCONTEXT:  PL/pgSQL function",
        f"ConstraintError: {seal.message}",
    ):
        error = moved(text)
        assert error is not None
        assert error.target == TARGET
        assert error.retryable is not done
        assert TARGET in str(error)
    assert moved("UNIQUE constraint failed") is None


def test_notes_decide_whether_a_namespace_may_be_opened() -> None:
    refuse("a", None, None)
    for done, said in ((False, "being moved"), (True, "was moved")):
        with pytest.raises(StoreMoved, match=said):
            refuse("a", msgspec.json.encode(Seal("1", TARGET, done)).decode(), None)
    with pytest.raises(StoreMoved, match="still arriving from sqlite:///x") as refused:
        refuse("a", None, msgspec.json.encode(Arrival("1", "sqlite:///x", "m")).decode())
    assert refused.value.retryable
    assert seal_key("a") != arrival_key("a")
