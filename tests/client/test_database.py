from pathlib import Path

import pytest

from stepwell.adapters.clock import SystemClock
from stepwell.client import stores
from stepwell.client.config import Settings, settings
from stepwell.client.database import health, schema_report, sqlite_version, upgrade, upgrade_sql
from stepwell.errors import InvalidOption, MissingExtra, StoreCorrupt
from tests import postgres

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
    with pytest.raises(InvalidOption, match=r":\*\*\*@"):
        schema_report(settings({"database_url": "mysql://me:secret@host/db"}, {}))


def test_postgres_from_nothing_to_up_to_date() -> None:
    place = settings({"database_url": f"{postgres.shared().url}?schema={postgres.fresh()}"}, {})
    assert (schema_report(place).schema, schema_report(place).usable) == (0, False)
    assert "CREATE TABLE" in upgrade_sql(place)
    assert upgrade(place, CLOCK).usable
    assert schema_report(place).pending == ()
    assert "CREATE TABLE" not in upgrade_sql(place)
    findings = {finding.what: finding.level for finding in health(place)}
    assert findings["grants"] == "ok"
    assert "fail" not in findings.values()


def test_a_driver_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "find_spec", lambda name: None)
    place = settings({"database_url": "postgresql://me:secret@host/db"}, {})
    for look in (schema_report, upgrade_sql, health):
        with pytest.raises(MissingExtra, match=r":\*\*\*@"):
            look(place)
