"""One use of a step or wait: lazy, with its identity fixed when made, the same result however often asked."""

import asyncio
import threading
from typing import Any

import pytest

from stepwell import App, Call, RunParked, sleep
from stepwell.errors import WrongContext
from stepwell.testing.environment import Environment


class Bench(App):
    work: Any
    log: list[int]


def make_app() -> Bench:
    app = Bench("memory://")
    log: list[int] = []

    @app.step
    async def work(x: int) -> int:
        log.append(x)
        if x < 0:
            raise ValueError(f"no {x}")
        return x * 10

    app.work, app.log = work, log
    return app


async def steps_of(run: Any) -> list[str]:
    return [e["call"] for e in await run.journal() if e["k"] == "step"]


def play(app: App, flow: Any, *args: Any, replay: bool = False) -> tuple[Any, list[str]]:
    """The result of a run, and the calls of its steps in the order of the journal."""

    async def main() -> tuple[Any, list[str]]:
        async with Environment(app, replay=replay):
            run = await flow.start(*args)
            return await run.result(), await steps_of(run)

    return asyncio.run(main())


@pytest.mark.parametrize("replay", [False, True])
def test_identity_is_fixed_when_the_call_is_made_not_when_it_is_awaited(replay: bool) -> None:
    app = make_app()

    @app.workflow
    async def flow() -> list[Any]:
        one, two = app.work(1), app.work(2)
        assert (one.id, two.id) == ("work", "work#2")
        assert isinstance(one, Call)
        return [await two, await one, repr(one)]

    assert play(app, flow, replay=replay) == ([20, 10, "<Call work begun>"], ["work#2", "work"])
    assert app.log == [2, 1]  # a recorded step does not run again


def test_a_call_is_lazy() -> None:
    app = make_app()

    @app.workflow
    async def flow() -> int:
        call = app.work(1)
        assert repr(call) == "<Call work new>"
        await sleep("1h")
        assert app.log == []
        return await call  # type: ignore[no-any-return]

    assert play(app, flow) == (10, ["work"])


def test_awaiting_again_gives_the_same_result_or_error() -> None:
    app = make_app()

    @app.workflow
    async def flow() -> list[Any]:
        good, bad = app.work(1), app.work(-1)
        said: list[Any] = [await good, await good]
        for _ in range(2):
            with pytest.raises(ValueError, match="no -1"):
                await bad
        return said

    assert play(app, flow)[0] == [10, 10]
    assert app.log == [1, -1]


def test_started_calls_run_beside_each_other() -> None:
    app = App("memory://")
    there: list[int] = []

    @app.step
    async def meet(x: int) -> int:
        there.append(x)
        while len(there) < 3:
            await asyncio.sleep(0)
        return x

    @app.workflow
    async def flow() -> list[int]:
        calls = [meet(x).start() for x in range(3)]
        assert calls[0].start() is calls[0]
        return [await call for call in calls]

    assert play(app, flow)[0] == [0, 1, 2]
    assert sorted(there) == [0, 1, 2]


def test_a_def_workflow_asks_for_results() -> None:
    app = make_app()

    @app.workflow
    def flow() -> list[Any]:
        late = app.work(1).start()
        said = [app.work(2).result(), late.result(), late.result()]
        with pytest.raises(ValueError, match="no -1"):
            app.work(-1).result()
        sleep("1h").result()
        return said

    assert play(app, flow, replay=True)[0] == [20, 10, 10]
    assert app.log == [1, 2, -1]


def test_a_result_is_refused_in_async_code() -> None:
    app = make_app()

    @app.workflow
    async def flow() -> int:
        call = app.work(1)
        with pytest.raises(WrongContext, match=r"`.result\(\)` of 'work' in an async workflow. `await` it"):
            call.result()
        return await call  # type: ignore[no-any-return]

    assert play(app, flow)[0] == 10


def test_asyncio_takes_calls_as_coroutines() -> None:
    app = make_app()

    @app.workflow
    async def flow() -> list[int]:
        both = await asyncio.gather(app.work(1), app.work(2))
        task = asyncio.create_task(app.work(3))
        async with asyncio.TaskGroup() as group:
            grouped = [group.create_task(app.work(x)) for x in (4, 5)]
        return [*both, await task, *(t.result() for t in grouped)]

    result, steps = play(app, flow, replay=True)
    assert result == [10, 20, 30, 40, 50]
    assert sorted(steps) == ["work", *(f"work#{n}" for n in range(2, 6))]
    assert sorted(app.log) == [1, 2, 3, 4, 5]


def test_a_task_cancelled_before_its_first_step_does_not_begin_the_call() -> None:
    app = make_app()

    @app.workflow
    async def flow() -> int:
        task = asyncio.create_task(app.work(1))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await app.work(2)  # type: ignore[no-any-return]

    assert play(app, flow) == (20, ["work#2"])
    assert app.log == [2]


def test_calls_are_equal_only_to_themselves() -> None:
    app = make_app()

    @app.workflow
    async def flow() -> list[int]:
        one, two = app.work(1), app.work(1)
        assert one != two
        assert len({one, two, one}) == 2
        return [await call for call in {one, two}]

    assert play(app, flow, replay=True)[0] == [10, 10]


def test_a_call_given_to_a_thread_parks_the_run() -> None:
    app = make_app()
    codes: list[str] = []

    @app.workflow
    async def flow() -> int:
        call = app.work(1)

        def begin() -> None:
            try:
                call.start()
            except WrongContext as error:
                codes.append(error.code)

        thread = threading.Thread(target=begin)
        thread.start()
        thread.join()
        await sleep(1)
        return 1

    async def main() -> None:
        async with Environment(app):
            run = await flow.start()
            with pytest.raises(RunParked):
                await run.result()
            assert (await run.status()).state == "parked"

    asyncio.run(main())
    assert set(codes) == {"wrong_context"}
    assert app.log == []


# --- outside of any run -------------------------------------------------------------------------------------


def test_outside_a_call_runs_once_and_keeps_its_outcome() -> None:
    app = make_app()
    call, bad = app.work(1), app.work(-1)
    assert app.log == []
    assert [call.result(), call.result()] == [10, 10]
    for _ in range(2):
        with pytest.raises(ValueError, match="no -1"):
            bad.result()
    assert app.log == [1, -1]

    async def main() -> None:
        call = app.work(2)
        assert await asyncio.gather(call, app.work(3)) == [20, 30]
        assert await call == 20

    asyncio.run(main())
    assert app.log == [1, -1, 2, 3]


def test_outside_a_call_is_not_started() -> None:
    app = make_app()
    call = app.work(1)
    with pytest.raises(WrongContext, match=r"call 'work' was started outside of any run.*a queued task of its own"):
        call.start()
    assert call.result() == 10


def test_a_closed_call_does_not_warn() -> None:
    call = make_app().work(1)
    call.close()
    assert repr(call) == "<Call work begun>"
