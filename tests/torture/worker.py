"""`python -m tests.torture.worker URL LOG`: one worker process of a torture run."""

import asyncio
import sys

from tests.torture.flows import work

asyncio.run(work(sys.argv[1], sys.argv[2]))
