"""Changes as values."""

import msgspec

from stepwell.model.change import NewRun
from stepwell.model.run import RunRow

KEY = bytes(range(16))
NEW = NewRun(RunRow(key=KEY, id="p/1/child", workflow="w"), b"[]", named=True, blobs=(("a", b"1"),), yields=True)


def test_an_id_that_yields_is_left_to_another_run() -> None:
    made = NEW.beside(bytes(16))
    assert (made.row.id, made.row.key, made.named, made.yields) == (KEY.hex(), KEY, False, False)
    assert (made.started, made.blobs) == (NEW.started, NEW.blobs)


def test_otherwise_it_is_created_as_it_is() -> None:
    chosen = msgspec.structs.replace(NEW, yields=False)
    assert NEW.beside(None) is NEW
    assert NEW.beside(KEY) is NEW, "its own, when it is told again"
    assert chosen.beside(bytes(16)) is chosen
