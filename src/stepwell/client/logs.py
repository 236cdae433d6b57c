"""How the engine's log is written to standard error: as lines for people, or as one JSON object a line."""

import logging
import os
import sys
import traceback
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

import msgspec

from stepwell.client.printable import printable, printable_json


class Format(StrEnum):
    """How a line is written."""

    TEXT = "text"
    JSON = "json"


FIELDS: Final = ("run_id", "run", "workflow", "step", "attempt", "epoch", "worker", "code")
"""What the engine says of a line besides its text (`extra=`), in the order in which it is shown."""


def write_log(level: str, form: Format = Format.TEXT) -> None:
    """Write everything under the logger `stepwell`, and warnings of any other, to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form is Format.JSON else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("stepwell").setLevel(level.upper())
    logging.captureWarnings(True)


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """The engine's facts that a record carries."""
    return {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}


class JsonLines(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, `pid`, the engine's fields, `error`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "pid": record.process or os.getpid(),
            **fields(record),
        }
        if record.exc_info is not None and record.exc_info[1] is not None:
            line["error"] = _error(record.exc_info[1])
        return printable_json(msgspec.json.encode(line, enc_hook=str).decode())


class TextLines(logging.Formatter):
    """A line for people: local time, level, message, then the engine's fields as `name=value`."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created).astimezone()
        about = " ".join(f"{name}={printable(value)}" for name, value in fields(record).items())
        text = printable(record.getMessage(), lines=True).replace("\n", "\n    ")
        line = f"{at:%H:%M:%S}.{at.microsecond // 1000:03d} {record.levelname.lower():<7} {text}"
        if about:
            line += f"  [{about}]"
        if record.exc_info is not None and record.exc_info[1] is not None:
            trace = "".join(traceback.format_exception(record.exc_info[1]))
            line += "\n    " + printable(trace.rstrip(), lines=True).replace("\n", "\n    ")
        return line


def _error(error: BaseException) -> dict[str, str]:
    trace = "".join(traceback.format_exception(error)).rstrip()
    return {"type": type(error).__name__, "message": str(error), "traceback": trace}
