"""The numbered steps of each database's schema, as `.sql` files beside this module.

`0001_initial.sql` brings schema 1, and so on. A step is never changed once released. It expands, so that a binary one
version older goes on working, or contracts what no supported binary reads any more; it then names the oldest
schema that may still read and write in a comment: `-- min_reader: 3`.
"""

import re
from functools import cache
from importlib.resources import files

import msgspec

_NAME = re.compile(r"(\d{4})_(\w+)\.sql")
_MIN_READER = re.compile(r"^-- min_reader: (\d+)$", re.MULTILINE)


class Migration(msgspec.Struct, frozen=True):
    """One step: its number is the schema that it leads to."""

    number: int
    name: str
    min_reader: int
    sql: str


@cache
def migrations(dialect: str) -> tuple[Migration, ...]:
    """All steps of a dialect ("sqlite"), in order."""
    found: list[Migration] = []
    for file in files(__name__).joinpath(dialect).iterdir():
        match = _NAME.fullmatch(file.name)
        if match is None:
            continue
        sql = file.read_text(encoding="utf-8")
        reader = _MIN_READER.search(sql)
        assert reader is not None, f"{file.name} does not say who may still read"
        found.append(Migration(int(match[1]), match[2], int(reader[1]), sql))
    found.sort(key=lambda m: m.number)
    assert [m.number for m in found] == list(range(1, len(found) + 1)), f"migrations of {dialect} have gaps"
    return tuple(found)
