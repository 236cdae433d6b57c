"""Where the calling code runs."""

import asyncio
from typing import Any

import pytest

from stepwell import now, progress, random, rollback, run_info, scope, sleep, step_info, uuid4
from stepwell.authoring.ambient import body_kernel, kernel_here, step_here
from stepwell.errors import WrongContext
from stepwell.ports.definitions import step_scope
from tests.core.driver import Held, House

house = House()


@house.step
async def work() -> Any: ...


@house.workflow
async def body() -> list[bool]:
    kernel = kernel_here()
    assert kernel is not None
    assert body_kernel("it") is kernel
    await work()
    inside = await asyncio.create_task(task())
    return [inside, kernel_here() is kernel, step_here() is None]


async def task() -> bool:
    await asyncio.sleep(0)
    return kernel_here() is not None


def test_in_a_body() -> None:
    token = step_scope.set(object())  # type: ignore[arg-type]
    try:
        assert Held(body).done("work").result == [True, True, True]
        assert kernel_here() is None
    finally:
        step_scope.reset(token)


BODY_ONLY = [now, random, uuid4, lambda: sleep(1), rollback, run_info, lambda: progress(0.5),
             lambda: scope("x").__enter__()]  # fmt: skip


@pytest.mark.parametrize("only", BODY_ONLY)
def test_what_only_a_body_can_do_is_refused_elsewhere(only: Any) -> None:
    with pytest.raises(WrongContext, match="was called outside of any run"):
        only()
    token = step_scope.set(object())  # type: ignore[arg-type]
    try:
        with pytest.raises(WrongContext, match="was called inside a step"):
            only()
    finally:
        step_scope.reset(token)


def test_step_info_belongs_to_steps() -> None:
    with pytest.raises(WrongContext, match="outside of a step"):
        step_info()
