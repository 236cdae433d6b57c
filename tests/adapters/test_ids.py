import os
import threading
import time
import uuid

import pytest

from stepwell.adapters import ids
from stepwell.adapters.ids import chance, key_of, new_key, run_id


def test_keys_are_uuids_of_version_7() -> None:
    key = new_key()
    parsed = uuid.UUID(bytes=key)
    assert len(key) == 16
    assert parsed.version == 7
    assert parsed.variant == uuid.RFC_4122


def test_the_time_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_last_ms", 0)
    monkeypatch.setattr(ids, "time_ns", lambda: 1_700_000_000_123_456_789)
    assert new_key()[:6] == (1_700_000_000_123).to_bytes(6)


def test_keys_increase_also_when_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = [new_key() for _ in range(5_000)]
    now = time.time_ns()
    monkeypatch.setattr(ids, "time_ns", lambda: now - 10**12)
    keys = first + [new_key() for _ in range(5_000)]
    assert keys == sorted(set(keys))


def test_a_full_millisecond_borrows_from_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    before = new_key()
    monkeypatch.setattr(ids, "_last_random", (1 << 74) - 1)
    monkeypatch.setattr(ids, "time_ns", lambda: 0)
    last = new_key()
    assert last > before
    assert uuid.UUID(bytes=last).version == 7


def test_threads_never_share_a_key() -> None:
    found: list[list[bytes]] = [[] for _ in range(8)]

    def work(mine: list[bytes]) -> None:
        mine.extend(new_key() for _ in range(2_000))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(mine == sorted(mine) for mine in found)
    assert len({key for mine in found for key in mine}) == 16_000


def test_text_and_back() -> None:
    key = new_key()
    text = run_id(key)
    assert len(text) == 32
    assert text == text.lower()
    assert key_of(text) == key


@pytest.mark.parametrize(
    "text", ["", "order-1", "A" * 32, "g" * 32, "0" * 31, "0" * 33, "00 " * 10 + "00", "0_" * 16, "０" * 32]
)
def test_other_text_is_no_key(text: str) -> None:
    assert key_of(text) is None


def test_chance() -> None:
    assert all(0 <= chance() < 1 for _ in range(100))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_child_forgets() -> None:
    new_key()
    ids._forget()
    assert ids._last_ms == 0
    assert ids._entropy == b"", "siblings would make the same keys"
    assert new_key() != new_key()
