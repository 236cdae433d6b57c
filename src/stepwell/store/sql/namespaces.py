"""A namespace that is not there: it can be looked into, and is empty; nothing can be written to it."""

from stepwell.errors import NotFound


def no_namespace(name: str, place: str) -> NotFound:
    """What a store says that was opened to look at what is there, and is to write where nothing is."""
    return NotFound(
        f"there is no namespace {name!r} in {place}",
        hint="It is made when the first run is started in it, or by the first worker.",
    )
