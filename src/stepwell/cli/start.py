"""`stepwell start`: starts a run by the name of its workflow."""

from typing import Any

import click

from stepwell.cli.options import Target, as_json, code, place


@click.command()
@click.argument("workflow")
@click.argument("input", required=False)
@click.option("--id", "run_id", metavar="ID", help="The run's id: starting it twice starts it once.")
@click.option("--priority", type=int, metavar="N", help="Lower first; the default is 100.")
@click.option("--delay", metavar="TIME", help="Start after this time (30s, 2h).")
@click.option("--queue", "-q", metavar="NAME", help="The queue, if not the workflow's own.")
@click.option("--tag", "-t", multiple=True, metavar="NAME=VALUE", help="A tag to find the run by; several times.")
@click.option("--wait", is_flag=True, help="Wait for the end and print the result; exit code 1 if it fails.")
@click.option("--timeout", metavar="TIME", help="With --wait: for at most this time.")
@as_json
@code
@place
def command(workflow: str, input: str | None, target: Target, json: bool, wait: bool, timeout: str | None,
            run_id: str | None, tag: tuple[str, ...], **options: Any) -> None:  # fmt: skip
    """Start a run of WORKFLOW.

    INPUT is JSON: its only argument, or an object of its arguments by name; also @file, or - for standard input.
    Left out, there are no arguments. Without --app the input is not checked here: the server does it, or the worker
    that has the code.
    """
    from stepwell.cli.arguments import json_argument, tags
    from stepwell.cli.session import talk

    given = () if input is None else (json_argument(input),)
    found = {name: value for name, value in options.items() if value is not None}
    found |= {"tags": tags(tag)} if tag else {}
    found |= {"id": run_id} if run_id is not None else {}

    async def begin(client: Any) -> Any:
        _known(client, workflow, target.app)
        run = await client.start(workflow, *given, **found)
        _tell_started(run, json, wait)
        return await _waited(run, timeout, json) if wait else None

    talk(target, begin, create=True)


def _known(client: Any, workflow: str, reference: str | None) -> None:
    from stepwell.errors import UnknownWorkflow

    names = client.registry.workflow_names()
    if reference is not None and workflow not in names:
        known = ", ".join(sorted(names)) or "none"
        raise UnknownWorkflow(f"no workflow is called {workflow!r} in {reference}", hint=f"It has {known}.")


def _tell_started(run: Any, json: bool, wait: bool) -> None:
    """The run's id; on standard error where the result is to come on standard output."""
    from stepwell.cli.terminal import line, print_json

    if json and not wait:
        print_json({"id": run.id, "workflow": run.workflow})
    elif not json:
        line(run.id, err=wait)


async def _waited(run: Any, timeout: str | None, json: bool) -> None:
    from stepwell.cli.failures import Shown
    from stepwell.cli.rows import plain
    from stepwell.cli.terminal import print_json

    try:
        result = await run.result(timeout)
    except TimeoutError as error:
        if type(error) is not TimeoutError:
            raise
        raise Shown("timeout", f"run {run.id} is still going on; it is not stopped by this", 1) from None
    print_json({"id": run.id, "result": plain(result)} if json else plain(result))
