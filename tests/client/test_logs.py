import json
import logging
import sys
from collections.abc import Iterator

import pytest

from stepwell.client.logs import Format, JsonLines, TextLines, write_log


def record(message: str, *args: object, error: bool = False, **about: object) -> logging.LogRecord:
    info = None
    if error:
        try:
            raise ValueError("b\x1bad")
        except ValueError:
            info = sys.exc_info()
    made = logging.LogRecord("stepwell.run", logging.WARNING, "f.py", 1, message, args, info)
    for name, value in about.items():
        setattr(made, name, value)
    return made


def test_json_lines() -> None:
    line = JsonLines().format(record("%d\nlines\x9b", 2, run_id="r\x1b", workflow="w", step="s", epoch=3, error=True))
    assert "\n" not in line
    assert "\x9b" not in line
    data = json.loads(line)
    assert data["level"] == "warning"
    assert data["logger"] == "stepwell.run"
    assert data["message"] == "2\nlines\x9b"
    assert (data["run_id"], data["workflow"], data["step"], data["epoch"]) == ("r\x1b", "w", "s", 3)
    assert data["error"]["type"] == "ValueError"
    assert "test_logs" in data["error"]["traceback"]
    assert data["time"].endswith("+00:00")


def test_text_lines() -> None:
    text = TextLines().format(record("one\ntwo\x1b[2J\r", run_id="r\nforged line", epoch=3, error=True))
    first, *rest = text.splitlines()
    assert "warning one" in first
    assert all(line.startswith("    ") for line in rest), "nothing that is stored can begin a line of its own"
    assert "[run_id=r\\nforged line epoch=3]" in text
    assert "\x1b" not in text
    assert "ValueError: b\\x1bad" in text


@pytest.fixture
def loggers() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("stepwell")
    before = root.handlers[:], root.level, own.level
    yield
    root.handlers[:], level, own_level = before
    root.setLevel(level)
    own.setLevel(own_level)
    logging.captureWarnings(False)


@pytest.mark.usefixtures("loggers")
def test_write_log(capsys: pytest.CaptureFixture[str]) -> None:
    write_log("info", Format.JSON)
    logging.getLogger("stepwell.worker").info("ready")
    logging.getLogger("stepwell.worker").debug("details")
    logging.getLogger("other").info("chatter")
    logging.getLogger("other").warning("trouble")
    lines = [json.loads(line)["message"] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["ready", "trouble"]
