from stepwell import App
from stepwell.ports.definitions import codes_of


def test_codes_are_in_the_order_of_the_names() -> None:
    app = App("memory://")

    @app.workflow
    async def first() -> int:
        return 1

    @app.workflow
    async def second() -> int:
        return 2

    one, other, none = codes_of(app.registry, ("second", "first", "gone"))
    assert (one, other, none) == (second.definition.code, first.definition.code, "")
    assert one != other
