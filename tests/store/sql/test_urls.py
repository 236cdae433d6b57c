import pytest

from stepwell.store.sql.urls import masked


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:hush@db:5432/x", "postgresql://me:***@db:5432/x"),
        ("postgresql://me:hu@sh:a@db/x", "postgresql://me:***@db/x"),
        ("postgresql://me:hu@sh/a@db/x", "postgresql://me:***@db/x"),
        ("postgresql://me@db/x?password=hush&sslmode=require", "postgresql://me@db/x?password=***&sslmode=require"),
        ("postgresql:///x?sslpassword=hush", "postgresql:///x?sslpassword=***"),
        ("postgresql://:hush@db/x", "postgresql://:***@db/x"),
        ("sqlite:////a/b@c:d.db", "sqlite:////a/b@c:d.db"),
        ("memory://", "memory://"),
        ("no url at all", "no url at all"),
    ],
)
def test_no_password_is_shown(url: str, shown: str) -> None:
    assert masked(url) == shown
