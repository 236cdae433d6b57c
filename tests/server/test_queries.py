"""The filter of a request."""

import pytest

from stepwell.client.filters import Query
from stepwell.errors import NotFound
from stepwell.server.queries import query, resolved
from tests.server.conftest import Client

pytestmark = pytest.mark.anyio


def test_parameters_become_a_query() -> None:
    assert query(status=["failed"], id_prefix="a", since="1h") == Query(status=["failed"], id="a", since="1h")


async def test_a_parent_is_found_by_its_id(api: Client) -> None:
    run = await api.start("echo", 1, id="p")
    engine = api.app._engine()
    assert (await resolved(engine, Query(parent="p"))).parent == bytes.fromhex(run["key"])
    with pytest.raises(NotFound):
        await resolved(engine, Query(parent="q"))
