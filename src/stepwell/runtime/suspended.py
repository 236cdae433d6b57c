"""Kernels kept in memory while their runs wait: bounded, oldest out first."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping

from stepwell.runtime.activation import Activation


class Suspended(Mapping[bytes, int]):
    """Key → epoch under which the run was suspended, as the claim wants it; the runs themselves beside.

    The store looks keys up from a thread of its own; everything else happens in the loop.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._runs: OrderedDict[bytes, Activation] = OrderedDict()

    def keep(self, run: Activation) -> None:
        """Keep a run that has been released; the oldest makes room."""
        self._runs[run.key] = run
        while len(self._runs) > self._most:
            self._runs.popitem(last=False)[1].close()

    def take(self, key: bytes) -> Activation | None:
        """Give a run out, if it is still here."""
        return self._runs.pop(key, None)

    def get_run(self, key: bytes) -> Activation | None:
        """Look at a run that is here."""
        return self._runs.get(key)

    def close(self) -> None:
        """Let go of all."""
        while self._runs:
            self._runs.popitem()[1].close()

    def __getitem__(self, key: bytes) -> int:
        return self._runs[key].epoch

    def __iter__(self) -> Iterator[bytes]:
        return iter(list(self._runs))

    def __len__(self) -> int:
        return len(self._runs)
