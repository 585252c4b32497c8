"""The place in the CRM's life up to which a source was read, as it is stored between readings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from adapters.creatio.watch import Mark
from syncd.core.errors import CursorExpired

VERSION: Final = 1


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the next reading has to know of this one.

    `tables`: how far each was read. `scopes`: those listed completely. `swept`: when details were last read whole,
    in seconds of the server's clock, which was `ahead` of this machine's; `pending`: rows were removed since.
    `removals` are our own deletions in the process called `process`, by table. `runtime`, `batch_get`, `me`: what was
    found out once.
    """

    tables: dict[str, Mark]
    scopes: tuple[str, ...]
    columns: tuple[str, ...]
    swept: float
    pending: bool = False
    process: str = ""
    removals: dict[str, int] = {}
    runtime: str = ""
    batch_get: bool = False
    me: str = ""
    family_first: bool = False
    ahead: float = 0.0
    version: int = VERSION


def load(stored: Mapping[str, Any]) -> Cursor:
    """The cursor; `CursorExpired` when it was written by another version."""
    try:
        cursor = msgspec.convert(dict(stored), Cursor)
    except msgspec.ValidationError as exc:
        raise CursorExpired("the stored place is of another kind") from exc
    if cursor.version != VERSION:
        raise CursorExpired("the stored place is of another version")
    return cursor


def dump(cursor: Cursor) -> dict[str, Any]:
    """The cursor as plain JSON."""
    plain: dict[str, Any] = msgspec.to_builtins(cursor)
    return plain
