from stepwell.store.sql.dialect import SQLITE


def test_sqlite_s_spelling() -> None:
    assert SQLITE.array(["a", "b"]) == "json_array(a, b)"
    assert SQLITE.arrays(["a"]) == "json_group_array(json_array(a))"
    assert SQLITE.as_hex("r.key") == "hex(r.key)"
    assert SQLITE.placeholders("a = ?") == "a = ?"
