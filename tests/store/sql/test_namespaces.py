"""A namespace that is not there."""

from stepwell.store.sql.namespaces import no_namespace


def test_it_is_named_with_its_place() -> None:
    assert "no namespace 'shop' in runs.db" in str(no_namespace("shop", "runs.db"))
    assert no_namespace("shop", "runs.db").code == "not_found"
