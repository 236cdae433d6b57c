"""One worker process of `stepwell worker` and `stepwell dev`: its program, with its orders on standard input."""

import asyncio
import logging
import sys
from typing import TYPE_CHECKING, Any, Final

import msgspec

from stepwell.authoring.step import Step
from stepwell.cli.absent import in_the_way
from stepwell.cli.moments import counted
from stepwell.cli.session import refuse_memory
from stepwell.cli.warned import plain_warnings
from stepwell.client.app import App
from stepwell.client.discover import load
from stepwell.client.isolated import Isolation
from stepwell.client.leash import orders
from stepwell.client.logs import Format, write_log
from stepwell.client.stopping import Stopping
from stepwell.client.stores import masked
from stepwell.errors import InvalidOption, StepwellError, WorldError
from stepwell.runtime.hooks import EVENTS, HookEvent

if TYPE_CHECKING:
    from stepwell.server.serving import Serving

log = logging.getLogger("stepwell.worker")
USELESS: Final = 2
"""Exit code: the app cannot be loaded, or cannot work like this; another start would not help."""
UNUSABLE: Final = 5
"""Exit code: the database cannot be used; another start would not help."""
AGAIN: Final = 75
"""Exit code: the database does not answer, or has declared this worker dead; another start may help."""
LOOK: Final = 1.0


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker process is to do; None where the app's own settings decide.

    `port`: serve the API and the dashboard there, too, on this machine's own address. `probe`: only see whether the app
    can be loaded, and work on nothing.
    """

    reference: str
    url: str | None = None
    namespace: str | None = None
    concurrency: int | None = None
    grace: float | None = None
    queues: tuple[str, ...] = ()
    workflows: tuple[str, ...] = ()
    level: str = "info"
    form: Format = Format.TEXT
    banner: str = ""
    verbose: bool = False
    port: int | None = None
    probe: bool = False


def main() -> int:
    """Work until asked to stop; the exit code says why it ended."""
    service = orders(Service)
    plain_warnings()
    write_log(service.level, service.form)
    url = ""
    try:
        given = load(service.reference)
        app = App(service.url, namespace=service.namespace, concurrency=service.concurrency, grace=service.grace,
                  retention=given.retention, like=given)  # fmt: skip
        refuse_memory(app.settings.database_url)
        url = app.settings.database_url
        if service.probe:
            return 0
        return asyncio.run(_serve(app, service))
    except StepwellError as error:
        _show(error, service.form)
        if isinstance(error, WorldError):
            return AGAIN if error.retryable and in_the_way(url) is None else UNUSABLE
        return USELESS


def _show(error: StepwellError, form: Format) -> None:
    if form is Format.JSON:
        log.error("%s", error, extra={"code": error.code})
        return
    from stepwell.cli.failures import Shown, shown

    failure = shown(error)
    assert isinstance(failure, Shown)
    failure.show()


async def _serve(app: App, service: Service) -> int:
    stopping = Stopping(at_once=True).listen()
    _tell_events(app, service.verbose)
    async with app.worker(
        concurrency=service.concurrency, queues=service.queues, workflows=service.workflows, isolate=False
    ) as worker:
        isolation = Isolation(
            app, service.reference, workflows=service.workflows, level=service.level, form=service.form
        )
        isolation.start()
        serving = await _face(app, service)
        if service.banner:
            sys.stdout.write(_banner(app, service, None if serving is None else serving.url))
            sys.stdout.flush()
        where = masked(app.settings.database_url)
        names, slots = len(worker.names), worker.options.concurrency
        log.info("worker ready: %d workflows and steps, %d slots, %s", names, slots, where, extra={"worker": worker.id})
        while not worker.dead and not await stopping.within(LOOK):
            pass
        if serving is not None:
            await serving.stop()
        log.info("worker stops; it holds %s", counted(len(worker.runs), "run"), extra={"worker": worker.id})
        alone = asyncio.ensure_future(isolation.stop())  # beside our own draining, which begins now
    await alone
    if worker.moved:
        return UNUSABLE
    return AGAIN if worker.dead else 0


async def _face(app: App, service: Service) -> "Serving | None":
    """The API and the dashboard of this worker; a port that is lost is no reason not to work."""
    if service.port is None:
        return None
    from stepwell.server.serving import serve

    try:
        return await serve(app, port=service.port)
    except InvalidOption as error:
        log.error("%s", error)  # noqa: TRY400 - it says all
        return None


# -- what it tells ---------------------------------------------------------------------------------


def _tell_events(app: App, verbose: bool) -> None:
    """Log what happens to runs: everything in `dev`; in production only what needs attention, for speed."""
    for name in EVENTS:
        if name.startswith("worker."):
            continue
        if verbose or name in ("run.failed", "run.parked"):
            app.on(name)(_logged)


def _logged(event: HookEvent) -> None:
    subject, _, verb = event.name.partition(".")
    what = subject if event.call is None else f"{subject} {event.call}"
    about = {"run_id": event.run_id, "workflow": event.workflow, "step": event.call, "attempt": event.attempt}
    level = logging.WARNING if verb in ("failed", "parked", "retrying") else logging.INFO
    # The reason of a failed run is its error's first line, under the name that its class had where it was raised.
    error = None if event.error is None else f"{type(event.error).__name__}: {event.error}"
    why = event.reason or error
    log.log(level, "%s %s%s", what, verb, f": {why}" if why else "", extra=about)


def _banner(app: App, service: Service, url: str | None = None) -> str:
    workflows, steps = _kinds(app)
    if service.banner == "again":
        return f"reloaded: {counted(len(workflows), 'workflow')}, {counted(len(steps), 'step')}\n"
    settings = app.settings
    lines = [
        f"stepwell dev  {service.reference}",
        *([] if url is None else [f"  dashboard  {url}"]),
        f"  database   {masked(settings.database_url)}, namespace {settings.namespace}",
        f"  workflows  {', '.join(workflows) or 'none'}",
        f"  steps      {', '.join(steps) or 'none'}",
    ]
    if app.registry.events:
        lines.append(f"  events     {', '.join(app.registry.events)}")
    if workflows:
        where = "" if settings.origin["database_url"] != "argument" else f" --url {masked(settings.database_url)}"
        lines.append(f"  start one  stepwell start {workflows[0]}{_example(app, workflows[0])}{where}")
    return "\n".join([*lines, "  Saved files are reloaded, runs go on. Ctrl-C stops.", ""]) + "\n"


def _kinds(app: App) -> tuple[list[str], list[str]]:
    """The names of workflows, and of steps, which can be started, too."""
    workflows: list[str] = []
    steps: list[str] = []
    for name in app.registry.workflow_names():
        definition = app.registry.workflow(name)
        assert definition is not None
        fn: Any = definition.fn
        held = getattr(sys.modules.get(fn.__module__), fn.__name__, None)
        (steps if isinstance(held, Step) else workflows).append(name)
    return workflows, steps


def _example(app: App, name: str) -> str:
    definition = app.registry.workflow(name)
    assert definition is not None
    parameters = definition.signature.parameters
    return " '{" + ", ".join(f'"{parameter}": …' for parameter in parameters) + "}'" if parameters else ""


if __name__ == "__main__":
    sys.exit(main())
