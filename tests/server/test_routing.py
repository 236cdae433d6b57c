"""How a route is declared."""

from stepwell.client.shapes import Run
from stepwell.server.guard import ACTION, PUBLIC, SCOPE
from stepwell.server.problems import MEDIA
from stepwell.server.routing import SHAPES, Asked, route


def test_a_declaration_says_scope_audit_and_errors() -> None:
    @route("POST", "/x", scope="operate", summary="Do", errors=(409,), action="x.do", also={202: (Run, "Later.")})
    async def do(request: Asked) -> Run:
        """Does."""
        raise AssertionError

    assert (do.opt[SCOPE], do.opt[ACTION], do.opt[SHAPES]) == (("operate",), "x.do", {200: None, 202: Run})
    assert (do.operation_id, do.summary, do.description) == ("do", "Do", "Does.")
    assert set(do.responses or {}) == {202, 400, 401, 403, 409, 413, 415, 421, 422, 503, 504}
    assert (do.responses or {})[409].media_type == MEDIA


def test_any_of_several_scopes_will_do() -> None:
    @route("GET", "/z", scope=("read", "operate"), summary="Look")
    async def look(request: Asked) -> None:
        """Looks."""

    assert look.opt[SCOPE] == ("read", "operate")
    assert {401, 403} <= set(look.responses or {})


def test_what_is_public_needs_no_credentials_and_reading_no_body() -> None:
    @route("GET", "/y", scope=PUBLIC, summary="See")
    async def see(request: Asked) -> None:
        """Sees."""

    assert set(see.responses or {}) == {421, 422, 503, 504}
