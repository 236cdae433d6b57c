"""`stepwell openapi`: prints the description of the REST API."""

import click

from stepwell.cli.options import debugging


@click.command()
@debugging
def command() -> None:
    """Print the OpenAPI 3.1 document of the REST API, as JSON."""
    import json

    from stepwell.server.document import document

    click.echo(json.dumps(document(), indent=2, ensure_ascii=False))
