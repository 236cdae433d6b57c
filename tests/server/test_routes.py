"""All routes, put together."""

from stepwell.server.routes import fields_of, make
from stepwell.server.routing import plain_id


def test_the_fields_of_a_body_are_known() -> None:
    handlers = [h for route in make().routes for h in getattr(route, "route_handlers", ())]
    start = next(h for h in handlers if h.operation_id == "start_run")
    assert fields_of(start)[:2] == ("workflow", "input")
    listing = next(h for h in handlers if h.operation_id == "list_runs")
    assert fields_of(listing) == ()
    assert fields_of(None) == ()


def test_every_write_has_its_name_in_the_audit() -> None:
    for route in make().routes:
        for handler in getattr(route, "route_handlers", ()):
            methods = {str(method) for method in handler.http_methods}
            if methods & {"POST", "DELETE", "PUT", "PATCH"}:
                assert handler.opt["action"], route.path


def test_a_slash_in_an_id_is_restored() -> None:
    assert plain_id("a\ue000b") == "a/b"
