from pathlib import Path

import pytest

from stepwell.adapters.clock import SystemClock
from stepwell.client.config import Settings, settings
from stepwell.client.database import health, schema_report, sqlite_version, upgrade, upgrade_sql
from stepwell.errors import InvalidOption, MissingExtra, StoreCorrupt

CLOCK = SystemClock()


def of(path: Path) -> Settings:
    return settings({"database_url": f"sqlite:///{path}"}, {})


def test_from_nothing_to_up_to_date(tmp_path: Path) -> None:
    place = of(tmp_path / "new.db")
    before = schema_report(place)
    assert (before.schema, before.usable) == (0, False)
    assert before.pending
    assert not (tmp_path / "new.db").exists(), "looking makes nothing"
    assert "CREATE TABLE" in upgrade_sql(place)
    assert not (tmp_path / "new.db").exists()
    after = upgrade(place, CLOCK)
    assert after.usable
    assert after.pending == ()
    assert after.schema == after.newest
    assert upgrade(place, CLOCK) == after
    assert "CREATE TABLE" not in upgrade_sql(place)


def test_health(tmp_path: Path) -> None:
    place = of(tmp_path / "new.db")
    upgrade(place, CLOCK)
    findings = {finding.what: finding for finding in health(place)}
    assert set(findings) == {"file system", "disk", "journal mode", "integrity"}
    assert findings["journal mode"].text == "wal"
    assert all(finding.level in ("ok", "warn") for finding in findings.values())


def test_damage_is_found(tmp_path: Path) -> None:
    file = tmp_path / "bad.db"
    file.write_bytes(b"this is no database" * 1000)
    with pytest.raises(StoreCorrupt):
        schema_report(of(file))


def test_the_library_is_new_enough() -> None:
    assert tuple(map(int, sqlite_version().split("."))) >= (3, 51, 3)


def test_other_urls_are_refused() -> None:
    with pytest.raises(InvalidOption, match="memory://"):
        schema_report(settings({"database_url": "memory://"}, {}))
    with pytest.raises(MissingExtra, match=r":\*\*\*@"):
        schema_report(settings({"database_url": "postgresql://me:secret@host/db"}, {}))
