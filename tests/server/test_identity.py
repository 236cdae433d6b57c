"""Who asks, and what they may."""

from stepwell.server.identity import ALL, Identity


def test_scopes_are_flags_and_admin_is_all() -> None:
    reader = Identity(name="r", scopes=frozenset({"read"}))
    assert reader.may("read")
    assert not any(reader.may(scope) for scope in ALL - {"read"})
    assert all(Identity(name="a", scopes=frozenset({"admin"})).may(scope) for scope in ALL)
    assert not any(Identity(name="n", scopes=frozenset()).may(scope) for scope in ALL)
