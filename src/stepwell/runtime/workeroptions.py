"""How a worker works: the options of one, with their defaults."""

import msgspec


class WorkerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker works; durations in seconds.

    `concurrency`: step bodies at once. `hot`: suspended kernels kept in memory. `grace`: how long a stopping
    worker lets running steps finish. `only`: one run (its key), for a run that must be alone.
    """

    concurrency: int = 10
    queues: tuple[str, ...] = ()
    workflows: tuple[str, ...] = ()
    lease_s: float = 15.0
    poll_s: float | None = 1.0
    hot: int = 2_000
    grace_s: float = 30.0
    heart_thread: bool = True
    strict: bool = False
    only: bytes | None = None
    version: str = ""
