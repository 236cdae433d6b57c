"""`stepwell keys`: makes, lists and revokes the API keys of a database, or of the one behind a server."""

from typing import Any

import click

from stepwell.cli.options import Target, Verbs, as_json, place


@click.group(cls=Verbs)
def command() -> None:
    """Make, list and revoke API keys.

    Keys belong to a database and namespace. The first one closes its servers: from then on every request needs a key.
    """


@command.command()
@click.argument("name")
@click.option("--scope", "-s", "scopes", multiple=True, required=True,
              type=click.Choice(["read", "operate", "execute", "admin"]),
              help="What it may do; several times.")  # fmt: skip
@click.option("--expires-in", metavar="TIME", help="Until when it is valid (30d); for ever if left out.")
@as_json
@place
def create(name: str, scopes: tuple[str, ...], expires_in: str | None, json: bool,
           target: Target) -> None:  # fmt: skip
    """Make a key called NAME. Its secret is printed this once, and kept nowhere.

    read: look at everything but keys and audit. execute: start runs, send events. operate: pause, resume, cancel,
    terminate, restart, retry. admin: all of it, keys and audit.
    """
    from stepwell.cli.moments import iso
    from stepwell.cli.terminal import line, print_json
    from stepwell.model.duration import seconds

    length = None if expires_in is None else seconds(expires_in, "expires-in")
    key, secret = _with_keys(target, lambda keys: keys.create(name, scopes, length))
    if json:
        print_json({"id": key.id, "name": key.kept.name, "scopes": list(key.kept.scopes), "secret": secret,
                    "expires_at": iso(key.kept.expires_at)})  # fmt: skip
        return
    line("Made key ", (key.kept.name, "bold"), f" ({', '.join(key.kept.scopes)}). This is its only showing:", err=True)
    click.echo(secret)


@command.command("list")
@as_json
@place
def list_(json: bool, target: Target) -> None:
    """List keys, also revoked and expired ones; never their secrets."""
    from stepwell.cli.moments import CLOCK, ago, iso
    from stepwell.cli.terminal import line, print_json, table

    keys, now = _with_keys(target, lambda keys: keys.list()), CLOCK.now()
    if json:
        print_json({"keys": [{"id": key.id, "name": key.kept.name, "scopes": list(key.kept.scopes),
                              "prefix": key.kept.prefix, "created_at": iso(key.created_at),
                              "expires_at": iso(key.kept.expires_at), "last_used_at": iso(key.last_used_at),
                              "revoked_at": iso(key.kept.revoked_at)} for key in keys]})  # fmt: skip
        return
    if not keys:
        line("No keys: servers on this machine need none.", err=True)
        return
    table(["ID", "NAME", "SCOPES", "KEY", "CREATED", "USED", "STATE"],
          [[key.id, key.kept.name, ", ".join(key.kept.scopes), f"{key.kept.prefix}…", ago(key.created_at, now),
            ago(key.last_used_at, now), _state(key, now)] for key in keys])  # fmt: skip


def _state(key: Any, now: float) -> tuple[str, str]:
    if key.kept.revoked_at is not None:
        return "revoked", "red"
    if not key.valid(now):
        return "expired", "yellow"
    return "valid", "green"


@command.command()
@click.argument("key")
@place
def revoke(key: str, target: Target) -> None:
    """Revoke the key of this id: it opens nothing any more, within a second on servers that run."""
    from stepwell.cli.terminal import line

    revoked = _with_keys(target, lambda keys: keys.revoke(key))
    line("Revoked ", (revoked.kept.name, "bold"), f" ({revoked.id}).", err=True)


def _with_keys(target: Target, work: Any) -> Any:
    from stepwell.cli.session import talk
    from stepwell.client.keys import Keys
    from stepwell.client.remote import RemoteClient
    from stepwell.client.remote_keys import RemoteKeys

    async def do(client: Any) -> Any:
        if isinstance(client, RemoteClient):
            return await work(RemoteKeys(client.http))
        engine = client._engine()
        return await work(Keys(engine.store, engine.clock))

    return talk(target, do, create=True)
