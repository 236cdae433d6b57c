"""How the databases differ in the text of a statement; everything else in this package is the same for all."""

from collections.abc import Callable, Sequence

import msgspec


class Dialect(msgspec.Struct, frozen=True):
    """The spelling of one database. Statements are written with `?`; `placeholders` makes them the driver's own."""

    name: str
    hex: str
    json_array: str
    json_rows: str
    find: str
    placeholders: Callable[[str], str]

    def array(self, columns: Sequence[str]) -> str:
        """A JSON array of columns, as one value."""
        return f"{self.json_array}({', '.join(columns)})"

    def arrays(self, columns: Sequence[str]) -> str:
        """All rows as one JSON array of arrays, as one value: one row to fetch, however many there are."""
        return f"{self.json_rows}({self.array(columns)})"

    def contains(self, text: str) -> str:
        """A condition: the text has the parameter in it."""
        return f"{self.find}({text}, ?) > 0"

    def as_hex(self, column: str) -> str:
        """Bytes as hexadecimal text, since JSON has no bytes."""
        return f"{self.hex}({column})"


SQLITE = Dialect(
    "sqlite", hex="hex", json_array="json_array", json_rows="json_group_array", find="instr", placeholders=str
)
