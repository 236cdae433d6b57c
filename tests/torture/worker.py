"""`python worker.py URL LOG`: one worker process of a torture run."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from flows import work

asyncio.run(work(sys.argv[1], sys.argv[2]))
