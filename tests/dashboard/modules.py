"""The dashboard's own modules, called as its pages call them."""

from typing import Any


class Modules:
    """Calls functions of the dashboard's modules."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def run(self, module: str, body: str, argument: Any = None) -> Any:
        """Evaluate `body`, which sees the module as `m` and the argument as `a`."""
        return self.page.evaluate(f"async (a) => {{ const m = await import('/static/{module}.js'); {body} }}", argument)
