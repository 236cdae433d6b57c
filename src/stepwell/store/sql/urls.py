"""Database URLs as messages may show them."""

import re
from typing import Final

_BEFORE_HOST: Final = re.compile(r"^([\w+]*://[^/?#@:]*):[^?#]*@")
_AS_PARAMETER: Final = re.compile(r"([?&](?:ssl)?password=)[^&#]*", re.IGNORECASE)


def masked(url: str) -> str:
    """A URL without the passwords that it may hold, in either place."""
    return _AS_PARAMETER.sub(r"\1***", _BEFORE_HOST.sub(r"\1:***@", url))
