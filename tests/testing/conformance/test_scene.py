import pytest

from stepwell.model.status import RunStatus
from stepwell.store.memory import MemoryBase, MemoryStore
from stepwell.testing.conformance.scene import Database, Scene, Suite


def _database() -> Database:
    base = MemoryBase()
    return lambda namespace, clock: MemoryStore(namespace, clock, base)


def test_coroutine_tests_become_plain_ones() -> None:
    played = []

    class Example(Suite):
        async def test_it(self, scene: Scene) -> None:
            """What it says."""
            played.append(await scene.store.row((await scene.queued()).key))

        def helper(self) -> int:
            return 5

    assert Example.test_it.__doc__ == "What it says."
    assert Example().test_it(_database()) is None  # type: ignore[arg-type]
    assert played[0] is not None
    assert Example().helper() == 5


def test_a_failed_test_fails_and_the_stores_are_closed() -> None:
    base = MemoryBase()

    class Example(Suite):
        async def test_it(self, scene: Scene) -> None:
            assert len(base.listeners) == 2
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Example().test_it(lambda namespace, clock: MemoryStore(namespace, clock, base))  # type: ignore[arg-type, unused-coroutine]
    assert not base.listeners


def test_words_for_common_states() -> None:
    class Example(Suite):
        async def test_it(self, scene: Scene) -> None:
            assert (await scene.row(await scene.running())).status is RunStatus.RUNNING
            assert (await scene.waiting()).status is RunStatus.WAITING
            assert (await scene.armed()).status is RunStatus.WAITING
            assert (await scene.ended()).status is RunStatus.SUCCEEDED
            scene.pass_time(1.5)
            assert (await scene.queued()).created_at == scene.now

    Example().test_it(_database())  # type: ignore[arg-type, unused-coroutine]
