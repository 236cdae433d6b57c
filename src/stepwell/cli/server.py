"""`stepwell server`: the REST API and the dashboard, beside separate workers."""

import click

from stepwell.cli.options import database_only


@click.command()
@click.argument("app", metavar="[REF]", required=False, envvar="STEPWELL_APP")
@click.option("--host", default="127.0.0.1", show_default=True, envvar="STEPWELL_HOST", metavar="ADDRESS",
              help="Where to listen; beyond this machine only when the database has an API key.")  # fmt: skip
@click.option("--port", "-p", type=click.IntRange(0, 65535), default=8765, show_default=True, envvar="STEPWELL_PORT",
              metavar="N", help="The port; 0 for any that is free.")  # fmt: skip
@click.option("--trust", metavar="ADDRESSES", help="Proxies whose X-Forwarded-* headers are believed (a,b).")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info",
              envvar="STEPWELL_LOG_LEVEL", show_default=True, help="What is logged, to standard error.")  # fmt: skip
@click.option("--log-format", type=click.Choice(["text", "json"]), default="text", envvar="STEPWELL_LOG_FORMAT",
              show_default=True, help="Lines for people, or one JSON object a line.")  # fmt: skip
@database_only
def command(app: str | None, host: str, port: int, trust: str | None, log_level: str, log_format: str,
            url: str | None, namespace: str | None) -> None:  # fmt: skip
    """Serve the REST API and the dashboard over a database.

    With the code of an app (REF is module:app or file.py) inputs are checked at the start, forms are made from their
    types, and the timeline shows what a run waits for. It works on no runs: `stepwell worker` does.
    """
    import asyncio

    from stepwell.client.logs import Format, write_log

    write_log(log_level, Format(log_format))
    asyncio.run(serve_until_stopped(app, url, namespace, host, port, trust))


async def serve_until_stopped(reference: str | None, url: str | None, namespace: str | None, host: str, port: int,
                              trust: str | None) -> None:  # fmt: skip
    """Serve until the process is asked to stop. Raises NoKey, InvalidOption, WorldError and as `discover.load`."""
    import logging

    from stepwell.cli.session import refuse_memory
    from stepwell.client.app import App
    from stepwell.client.discover import load
    from stepwell.client.stopping import Stopping
    from stepwell.client.stores import masked
    from stepwell.server.serving import serve

    like = None if reference is None else load(reference)
    app = App(url, namespace=namespace, mode="client", like=like)
    refuse_memory(app.settings.database_url)
    stopping = Stopping(at_once=True).listen()
    async with app:
        serving = await serve(app, host, port, trusted=trust)
        about = f"{masked(app.settings.database_url)}, namespace {app.settings.namespace}"
        logging.getLogger("stepwell.server").info("serving %s: %s", about, serving.url)
        try:
            await stopping.asked.wait()
        finally:
            await serving.stop()
