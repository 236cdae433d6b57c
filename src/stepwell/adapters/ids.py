"""Ids and chance: the only place where randomness is made.

A run's key is a UUID of version 7 (RFC 9562, section 5.7): it begins with the time, so that rows of one time
lie together and old ones can be removed as a range. Within a process keys increase (section 6.2, method 2:
within a millisecond the random part is raised by a random amount).
"""

import os
import random
import threading
from base64 import urlsafe_b64encode
from time import time_ns
from typing import Final

_RANDOM_BITS: Final = 74
_LOW: Final = (1 << 62) - 1
_VERSION_AND_VARIANT: Final = (7 << 76) | (2 << 62)
_KEY_BYTES: Final = 16
_DRAW: Final = 9
"""Random bytes for a key; as many as 64 keys need are asked for at a time: the call costs more than all the rest."""

_lock = threading.Lock()
_random = random.SystemRandom()
_last_ms = 0
_last_random = 0
_entropy = b""


def new_key() -> bytes:
    """Return a new key of 16 bytes, greater than every one before it in this process. Thread-safe."""
    global _last_ms, _last_random, _entropy  # noqa: PLW0603 - what makes keys increase
    now_ms = time_ns() // 1_000_000
    with _lock:
        if len(_entropy) < _DRAW:
            _entropy = os.urandom(64 * _DRAW)
        chance, _entropy = int.from_bytes(_entropy[-_DRAW:]), _entropy[:-_DRAW]
        if now_ms > _last_ms:
            _last_ms, _last_random = now_ms, chance
        else:
            _last_random += 1 + (chance & 0xFFFF_FFFF)
            if _last_random >> _RANDOM_BITS:  # after about 2^42 keys in one millisecond
                _last_ms, _last_random = _last_ms + 1, chance
        moment, tail = _last_ms, _last_random
    return (moment << 80 | _VERSION_AND_VARIANT | tail >> 62 << 64 | tail & _LOW).to_bytes(_KEY_BYTES)


def run_id(key: bytes) -> str:
    """Return the key as text: 32 lowercase hexadecimal digits."""
    return key.hex()


def key_of(text: str) -> bytes | None:
    """Return the key that `run_id` wrote as `text`; None if it is no such text (an id of the user's own)."""
    if len(text) != 2 * _KEY_BYTES:
        return None
    try:
        key = bytes.fromhex(text)
    except ValueError:
        return None
    return key if key.hex() == text else None  # neither capitals nor spaces


def new_secret(size: int = 32) -> str:
    """Return `size` random bytes as text for headers, cookies and URLs (base64url without padding)."""
    return urlsafe_b64encode(os.urandom(size)).rstrip(b"=").decode()


def chance() -> float:
    """Return a random fraction in [0, 1), from the operating system's source."""
    return _random.random()


def _forget() -> None:
    # A forked child would go on from its parent's last key and chance, as its siblings do.
    global _lock, _last_ms, _entropy
    _lock, _last_ms, _entropy = threading.Lock(), 0, b""


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
