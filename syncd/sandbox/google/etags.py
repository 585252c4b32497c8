"""`person.etag`: the mask and sources of the read and the contact's own version in one text, as Google's is."""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache

from syncd.sandbox.google.masks import PROFILE, Mask
from syncd.sandbox.google.schema import READ_FIELDS

_NUMBERS = {field: number for number, field in enumerate(READ_FIELDS, 1)}
_MASK, _SOURCES, _SOURCE_ETAG, _FROM_LIST = 0x12, 0x1A, 0x22, 0x28  # protobuf tags of fields 2, 3, 4, 5


@lru_cache(maxsize=256)
def _prefix(mask: Mask, sources: frozenset[str]) -> bytes:
    numbers = bytes(sorted(_NUMBERS[f] for f in mask))
    kinds = bytes([2, 1] if PROFILE in sources else [2])
    return bytes([_MASK, len(numbers)]) + numbers + bytes([_SOURCES, len(kinds)]) + kinds


def person_etag(mask: Mask, sources: frozenset[str], source_etag: str | None, *, from_list: bool = False) -> str:
    """The etag of one reading; a deleted person has no source etag."""
    raw = _prefix(mask, sources)
    if source_etag is not None:
        inner = source_etag.removeprefix("#").encode()
        raw += bytes([_SOURCE_ETAG, len(inner)]) + inner
    if from_list:
        raw += bytes([_FROM_LIST, 1])
    return "%" + base64.b64encode(raw).decode()


def opened(etag: str) -> tuple[str | None, bool]:
    """The source etag inside a person's etag (None for garbage), and whether a list minted it."""
    try:
        raw = base64.b64decode(etag.removeprefix("%"), validate=True) if etag.startswith("%") else b""
    except (binascii.Error, ValueError):
        return None, False
    inner: str | None = None
    from_list = False
    at = 0
    while at + 1 < len(raw):
        tag, size = raw[at], raw[at + 1]
        if tag == _FROM_LIST:
            from_list, size = True, 0
        elif tag == _SOURCE_ETAG:
            inner = "#" + raw[at + 2 : at + 2 + size].decode("ascii", "replace")
        at += 2 + size
    return inner, from_list
