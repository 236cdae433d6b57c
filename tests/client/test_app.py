"""The app as people hold it: modes, sharing definitions, publishing, bad input."""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import stepwell
from stepwell import App, Cron, StepwellError, sleep, sleep_until
from stepwell.errors import AppClosed, DuplicateName, UnknownWorkflow
from stepwell.testing.environment import Environment


class Shop(App):
    """An app that carries its definitions along."""

    job: Any
    echo: Any


def make_app(url: str = "memory://") -> Shop:
    app = Shop(url)

    @app.step
    async def echo(x: int) -> int:
        return x

    @app.workflow
    async def job(x: int) -> int:
        return await echo(x)

    app.job, app.echo = job, echo
    return app


def test_an_app_is_open_once_and_closed_once() -> None:
    app = make_app()

    async def main() -> None:
        with pytest.raises(AppClosed):
            await app.job.start(1)
        async with app:
            with pytest.raises(AppClosed):
                await app.open()
            run = await app.job.start(1)
            assert await run.result(60) == 1
        with pytest.raises(AppClosed):
            await run.status()
        async with app:
            assert await (await app.job.start(2)).result(60) == 2

    asyncio.run(main())


def test_a_client_never_works(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    app = make_app(url)
    client = App(mode="client", like=app)

    async def main() -> None:
        async with client:
            run = await app.job.start(1)
            with pytest.raises(TimeoutError):
                await run.result(timeout=0.2)
            assert (await client.status()).workers == []
            async with client.worker(workflows=[app.job], concurrency=2):
                assert await run.result(60) == 1
            with pytest.raises(UnknownWorkflow):
                async with client.worker(workflows=["nonesuch"]):
                    pass

    asyncio.run(main())


def test_publishing_to_nobody_is_said(caplog: pytest.LogCaptureFixture) -> None:
    app = make_app()
    lonely = app.event("lonely", int)

    async def main() -> None:
        async with Environment(app):
            with caplog.at_level(logging.WARNING, "stepwell.client"):
                assert await app.send(lonely, 1) == []
            assert "no workflow" in caplog.text

    asyncio.run(main())


def test_public_names_all_resolve() -> None:
    for name in stepwell.__all__:
        assert getattr(stepwell, name) is not None
    with pytest.raises(AttributeError):
        _ = stepwell.nonesuch
    assert stepwell.__version__


def test_two_functions_of_one_name_are_refused() -> None:
    app = make_app()
    with pytest.raises(DuplicateName) as refused:

        @app.step(name="job")
        async def other() -> None: ...

    assert refused.value.code == "duplicate_name"


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: App("memory://", lease="5 parsecs"), "invalid_duration"),
        (lambda: Cron("61 * * * *"), "invalid_cron"),
        (lambda: Cron("0 9 * * *", "Mars/Olympus"), "invalid_cron"),
        (lambda: make_app().job.options(delay="soon"), "invalid_duration"),
        (lambda: make_app().job.options(speed=3), "invalid_option"),
        (lambda: make_app().echo.options(retries=-1), "invalid_option"),
        (lambda: sleep(1), "wrong_context"),
        (lambda: sleep_until(datetime(2030, 1, 1)), "naive_datetime"),  # noqa: DTZ001 - the point
        (lambda: make_app().job(1), "wrong_context"),
    ],
)
def test_bad_input_gets_its_code(make: Callable[[], object], code: str) -> None:
    with pytest.raises(StepwellError) as refused:
        make()
    assert refused.value.code == code
