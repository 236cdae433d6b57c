"""The contract of `stepwell.ports.store`, as tests that any store can be put to.

A test module of the store's author, complete:

    import pytest
    from stepwell.testing.conformance import *

    @pytest.fixture
    def database(tmp_path):
        return lambda namespace, clock: MyStore(tmp_path / "db", namespace, clock)

The fixture `database` gives a function that makes stores, not yet opened, on one and the same database, empty at the
beginning of each test. The differential test (`stepwell.testing.differential`) belongs to it.
"""

import pytest

TOPICS = (
    "children", "fencing", "figures", "inboxes", "leases", "mailboxes", "operators", "reading", "records", "repeats",
    "retention", "starts",
)  # fmt: skip
pytest.register_assert_rewrite(*(f"{__name__}.{topic}" for topic in TOPICS))

from stepwell.testing.conformance.children import TestChildren  # noqa: E402
from stepwell.testing.conformance.fencing import TestFencing  # noqa: E402
from stepwell.testing.conformance.figures import TestFigures  # noqa: E402
from stepwell.testing.conformance.inboxes import TestInboxes  # noqa: E402
from stepwell.testing.conformance.leases import TestLeases  # noqa: E402
from stepwell.testing.conformance.mailboxes import TestMailboxes  # noqa: E402
from stepwell.testing.conformance.operators import TestOperators  # noqa: E402
from stepwell.testing.conformance.reading import TestReading  # noqa: E402
from stepwell.testing.conformance.records import TestRecords  # noqa: E402
from stepwell.testing.conformance.repeats import TestRepeats  # noqa: E402
from stepwell.testing.conformance.retention import TestRetention  # noqa: E402
from stepwell.testing.conformance.starts import TestStarts  # noqa: E402

__all__ = [
    "TestChildren",
    "TestFencing",
    "TestFigures",
    "TestInboxes",
    "TestLeases",
    "TestMailboxes",
    "TestOperators",
    "TestReading",
    "TestRecords",
    "TestRepeats",
    "TestRetention",
    "TestStarts",
]
