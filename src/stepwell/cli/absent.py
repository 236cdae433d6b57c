"""A database that is not there, or never can be: what is in its way, and the command that makes it."""

import os
import shlex
from pathlib import Path
from typing import Final

from stepwell.client.stores import masked, sqlite_path
from stepwell.errors import InvalidOption

INIT: Final = "stepwell db init"


def in_the_way(url: str) -> str | None:
    """What keeps the file of a database from ever being opened; None where nothing does, and for servers.

    Waiting changes nothing about it: a person has to.
    """
    try:
        file = Path(sqlite_path(url) if url.startswith("sqlite:") else "")
    except InvalidOption:
        return None
    if file == Path():
        return None
    folder = file.absolute().parent
    if not folder.exists():
        return f"the folder {folder} does not exist"
    if not folder.is_dir():
        return f"{folder} is no folder"
    if file.is_dir():
        return f"{file.absolute()} is a folder"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"nothing may be written in the folder {folder}"
    if file.exists() and not os.access(file, os.R_OK | os.W_OK):
        return f"{file.absolute()} may not be read and written"
    return None


def creation(url: str | None) -> str:
    """The command that makes the database; with its URL where that has to be said again."""
    return INIT if url is None else f"{INIT} --url {shlex.quote(masked(url))}"


def how_to_create(hint: str, url: str | None) -> str:
    """A hint to create the tables, as it is for this URL; any other hint as it is."""
    if INIT not in hint:
        return hint
    made = hint.replace(INIT, creation(url))
    if url is not None and (obstacle := in_the_way(url)) is not None:
        return f"{obstacle[0].upper()}{obstacle[1:]}: mend that, then: {creation(url)}"
    return made
