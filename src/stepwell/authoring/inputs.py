"""Inputs that were not made by calling the function: a published payload, JSON from a client without the code."""

from typing import Any

import msgspec
from msgspec import UNSET

from stepwell.errors import StepwellError, TypeMismatch
from stepwell.ports.codec import SignaturePlan


def given_input(value: Any) -> bytes:
    """What somebody gave as input, as JSON; UNSET is nothing at all, hence no arguments, and None is null."""
    return b"{}" if value is UNSET else msgspec.json.encode(value)


def canonical(signature: SignaturePlan, data: bytes) -> bytes:
    """The stored form of arguments given as bare JSON: an object of arguments, an array, or the only argument.

    Raises:
        TypeMismatch: it fits the function in none of these ways.
    """
    args, kwargs = loosely(signature, data)
    return signature.encode_args(args, kwargs)


def loosely(signature: SignaturePlan, data: bytes) -> tuple[tuple[object, ...], dict[str, object]]:
    """Decode stored arguments, also when they are the only argument, bare. Raises TypeMismatch."""
    try:
        value = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise TypeMismatch(f"the input is no JSON: {error}") from None
    if not signature.parameters:
        return (), {}
    if isinstance(value, dict) and set(value) <= set(signature.parameters):
        return signature.decode_args(data)
    try:
        return signature.decode_args(b"[" + data + b"]")
    except StepwellError:
        if isinstance(value, list):
            return signature.decode_args(data)
        raise
