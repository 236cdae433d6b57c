"""How files are shown."""

import sys
from pathlib import Path

import pytest

from stepwell.client.sources import package_of, shown


@pytest.mark.parametrize(
    ("file", "package", "text"),
    [
        ("/srv/venv/lib/python3.12/site-packages/httpx/_api.py", "httpx", "httpx/_api.py"),
        ("/usr/lib/python3/dist-packages/six.py", "six", "six.py"),
        ("/opt/python/lib/python3.13/smtplib.py", "smtplib", "smtplib.py"),
        ("C:\\venv\\Lib\\site-packages\\httpx\\_api.py", "httpx", "httpx/_api.py"),
        ("<frozen importlib._bootstrap>", "importlib", "importlib._bootstrap"),
        ("<string>", "python", "<string>"),
        ("/srv/lib/stepwell/core/kernel.py", "stepwell", "stepwell/core/kernel.py"),
        ("/srv/elsewhere/billing.py", None, "/srv/elsewhere/billing.py"),
    ],
)
def test_libraries_by_package_and_what_is_elsewhere_whole(file: str, package: str | None, text: str) -> None:
    assert (package_of(file), shown(file)) == (package, text)


def test_the_users_own_begin_where_imports_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = tmp_path / "app"
    app.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["/usr/lib"])
    assert shown(str(app / "shop.py")) == "app/shop.py"  # from the working directory on
    monkeypatch.setattr(sys, "path", ["", str(app), "/usr/lib"])
    assert shown(str(app / "orders" / "steps.py")) == "orders/steps.py"
    assert shown(f"{app}2/steps.py") == "app2/steps.py"
    assert package_of(str(app / "shop.py")) is None
