import json
import platform
from collections.abc import Callable

from click.testing import Result

from stepwell import __version__

Invoke = Callable[..., Result]


def test_versions(stepwell: Invoke) -> None:
    shown = stepwell("version").stdout
    assert shown.startswith(f"stepwell {__version__}\n")
    assert f"Python {platform.python_version()}" in shown
    data = json.loads(stepwell("version", "--json").stdout)
    assert data["stepwell"] == __version__
    assert {"python", "apsw", "msgspec"} <= set(data)
