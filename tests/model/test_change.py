"""Changes as values."""

from stepwell.model.change import NewRun
from stepwell.model.run import RunRow


def test_a_run_without_an_id_of_its_own_goes_by_its_key() -> None:
    key = bytes(range(16))
    new = NewRun(RunRow(key=key, id="p/1/child", workflow="w"), b"[]", named=True, blobs=(("a", b"1"),), yields=True)
    nameless = new.nameless()
    assert (nameless.row.id, nameless.row.key, nameless.named, nameless.yields) == (key.hex(), key, False, False)
    assert (nameless.started, nameless.blobs) == (new.started, new.blobs)
