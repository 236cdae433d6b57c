"""One text for equal values, whatever the order of their keys and of their sets: what digests are made of."""

from typing import Any, Final

import msgspec

from stepwell.adapters.lossless import attributes
from stepwell.adapters.models import is_model


def _foreign(value: Any) -> Any:
    return value.model_dump(mode="python") if is_model(value) else str(value)


_quick: Final = msgspec.json.Encoder(enc_hook=_foreign, order="deterministic").encode
_plain: Final = msgspec.json.Encoder(enc_hook=_foreign).encode


def encode_sorted(value: Any) -> bytes:
    """Return JSON with keys and sets sorted. It is not meant to be decoded again."""
    try:
        return _quick(value)
    except TypeError:  # the encoder sorts no keys but text
        return _quick(_with_text_keys(value))


def _with_text_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {_text_of(key): _with_text_keys(child) for key, child in value.items()}
    if isinstance(value, set | frozenset):
        return [msgspec.Raw(data) for data in sorted(map(encode_sorted, value))]
    named = attributes(value)
    if named is not None:
        return {name: _with_text_keys(child) for name, child in named.items()}
    return [_with_text_keys(child) for child in value] if isinstance(value, list | tuple) else value


def _text_of(key: Any) -> str:
    """The key as it is stored: a date, a number, a UUID as text."""
    (text,) = msgspec.json.decode(_plain({key: None}))
    return str(text)
