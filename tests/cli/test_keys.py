"""`stepwell keys`."""

import json
from pathlib import Path

from tests.cli.conftest import Invoke


def test_a_key_is_made_listed_and_revoked(stepwell: Invoke, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'k.db'}"
    made = stepwell("keys", "create", "ops", "--scope", "read", "-s", "operate", "--expires-in", "30d", "--url", url)
    assert made.exit_code == 0, made.output
    secret = made.stdout.strip()
    assert secret.startswith("swk_")
    assert len(secret) > 40
    told = json.loads(stepwell("keys", "list", "--json", "--url", url).stdout)["keys"]
    assert (told[0]["name"], told[0]["scopes"], told[0]["revoked_at"]) == ("ops", ["read", "operate"], None)
    assert secret not in json.dumps(told)
    listed = stepwell("keys", "list", "--url", url)
    assert "ops" in listed.stdout
    assert "valid" in listed.stdout
    revoked = stepwell("keys", "revoke", told[0]["id"], "--url", url)
    assert revoked.exit_code == 0
    assert "revoked" in stepwell("keys", "list", "--url", url).stdout
    assert stepwell("keys", "revoke", "0000000000000000", "--url", url).exit_code == 3


def test_as_json_and_none(stepwell: Invoke, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'k.db'}"
    assert "No keys" in stepwell("keys", "list", "--url", url).output
    made = json.loads(stepwell("keys", "create", "a", "-s", "admin", "--json", "--url", url).stdout)
    assert made["secret"].startswith("swk_")


def test_a_scope_is_required_and_known(stepwell: Invoke) -> None:
    assert stepwell("keys", "create", "a").exit_code == 2
    assert stepwell("keys", "create", "a", "--scope", "root").exit_code == 2
