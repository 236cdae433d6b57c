"""A path of call identity, with its counters of names, of tasks and of objects made in it."""

from zlib import crc32

_ESCAPES = str.maketrans({"/": "%2F", "#": "%23", "@": "%40", "%": "%25"})
_BITS = (1 << 48) - 1


class Scope:
    """Where a call is made: an asyncio task, a named group, a folded part.

    `base` and `made` number the tasks, futures and calls made here. They hash by that number, so that sets of
    them iterate alike on replay; a range per scope keeps the numbers outside of a folded part the same when the
    part is not executed again. `cleanup` and `undo` let steps run though the run is being cancelled.
    """

    __slots__ = ("base", "children", "cleanup", "ended", "made", "names", "outer", "part", "path", "undo")

    def __init__(self, path: str, base: int, within: "Scope | None" = None) -> None:
        self.path = path
        self.base = base
        self.made = 0
        self.children = 0
        self.names: dict[str, int] | None = None
        self.ended = False
        self.outer: Scope | None = None
        if within is None:
            self.cleanup = self.undo = False
            self.part: Scope | None = None
        else:
            self.cleanup = within.cleanup
            self.undo = within.undo
            self.part = within.part

    def child(self) -> "Scope":
        """The scope of the next asyncio task created in this one."""
        self.children = n = self.children + 1
        return Scope(f"{self.path}@{n}/", (self.base * 1_000_003 + n * 8_191) & _BITS, self)

    def named(self, name: str) -> "Scope":
        """The scope of a group of calls."""
        path = self.identify(name) + "/"
        return Scope(path, (self.base * 1_000_003 + crc32(path.encode())) & _BITS, self)

    def folded(self, call: str) -> "Scope":
        """The scope of a folded part that was called here: it ends as a whole, with everything begun in it."""
        part = Scope(call + "/", (self.base * 1_000_003 + crc32(call.encode())) & _BITS, self)
        part.outer = self.part
        part.part = part
        return part

    def identify(self, name: str) -> str:
        """The identity of the next call of this name: path, name, and from the second on "#n"."""
        if not name.isidentifier():
            name = name.translate(_ESCAPES)
        names = self.names
        if names is None:
            names = self.names = {}
        n = names.get(name, 0) + 1
        names[name] = n
        return self.path + name if n == 1 else f"{self.path}{name}#{n}"

    def number(self) -> int:
        """The next number of something made here."""
        self.made = n = self.made + 1
        return self.base + n

    def inside(self, part: "Scope") -> bool:
        """Whether this scope belongs to a folded part, however deep."""
        mine = self.part
        while mine is not None and mine is not part:
            mine = mine.outer
        return mine is part

    @property
    def over(self) -> bool:
        """Whether a folded part around this scope has ended: what is still asked for here comes too late."""
        mine = self.part
        while mine is not None:
            if mine.ended:
                return True
            mine = mine.outer
        return False
