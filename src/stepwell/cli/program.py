"""What a person types to call this command line again."""

import shutil
import sys
from pathlib import Path


def program() -> str:
    """`stepwell` where the shell finds this very one; else the way to it from the current folder."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{_near(Path(sys.executable))} -m stepwell"
    return _near(called) if called.stem == "stepwell" else "stepwell"


def _near(path: Path) -> str:
    found = shutil.which(path.name)
    if found is not None and Path(found).absolute() == path.absolute():
        return path.name
    try:
        short = path.absolute().relative_to(Path.cwd())
    except ValueError:
        return str(path.absolute())
    return str(short) if len(short.parts) > 1 else f"./{short}"
