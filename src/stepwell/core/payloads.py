"""Where a payload goes by its size: into the journal, beside it, or nowhere."""

import hashlib

import msgspec

from stepwell.errors import PayloadTooLarge
from stepwell.model.entry import Payload

INLINE = 32 * 1024
"""Payloads up to this many bytes stay in the journal; larger ones go to the blob table."""
LARGEST = 1024 * 1024
"""Payloads above this are refused (P14) until a blob storage is configured."""


def payload_of(data: bytes, blobs: list[tuple[str, bytes]], what: str) -> Payload:
    """The payload of encoded data; large data is put into `blobs` and referred to by digest.

    Raises:
        PayloadTooLarge: above `LARGEST`; nothing has been stored.
    """
    if len(data) <= INLINE:
        return Payload(v=msgspec.Raw(data))
    check_size(len(data), what)
    digest = hashlib.blake2b(data, digest_size=16).hexdigest()
    blobs.append((digest, data))
    return Payload(r=digest)


def resolved(payload: Payload, blobs: dict[str, bytes]) -> Payload:
    """The payload with its data inline."""
    return Payload(v=msgspec.Raw(blobs[payload.r])) if payload.r else payload


def check_size(size: int, what: str) -> None:
    """Refuse what no payload may be. Raises PayloadTooLarge."""
    if size > LARGEST:
        raise PayloadTooLarge(
            f"{what} is {size:,} bytes when stored",
            expected=f"at most {LARGEST:,}",
            hint="Store it elsewhere (a file, an object store) and pass its name, or pass it in parts.",
            size=size,
            limit=LARGEST,
        )
