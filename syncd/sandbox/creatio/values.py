"""Column values between the wire and memory: instants as 100-ns ticks, GUIDs as lower-case text, sparse rows.

A row leaves out what is null, empty, zero or false; `default_of` says what such a column reads as.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from syncd.sandbox.creatio.schema import Column, Kind

Row = dict[str, Any]
TICKS: Final = 10_000_000
ZERO_GUID: Final = "00000000-0000-0000-0000-000000000000"
NULL_DATE: Final = "0001-01-01T00:00:00Z"
GUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
INSTANT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,7}))?)?(Z|[+-]\d\d:\d\d)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadValue(ValueError):
    """A value that does not fit its column."""


def ticks_of(text: str) -> int:
    """Ticks since 1970 of an ISO instant with a zone, at full precision. BadValue on anything else."""
    match = INSTANT.fullmatch(text)
    if match is None:
        raise BadValue(f"'{text}' is not a DateTimeOffset with a time zone")
    minute, second, fraction, zone = match.groups()
    try:
        moment = datetime.fromisoformat(f"{minute}:{second or '00'}{'+00:00' if zone == 'Z' else zone}")
    except ValueError as error:
        raise BadValue(str(error)) from error
    return (moment - _EPOCH) // timedelta(seconds=1) * TICKS + int((fraction or "").ljust(7, "0"))


@lru_cache(maxsize=1 << 16)
def _second_text(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")


def instant_text(ticks: int) -> str:
    """The server's way to write an instant: UTC, trailing zeros of the fraction cut."""
    seconds, rest = divmod(ticks, TICKS)
    return _second_text(seconds) + (f".{rest:07d}".rstrip("0") if rest else "") + "Z"


@lru_cache(maxsize=1 << 18)
def mssql_key(guid: str) -> str:
    """Sorts as SQL Server sorts `uniqueidentifier`: last six bytes, then two, then the little-endian groups."""
    h = guid.replace("-", "")
    swapped = h[14:16] + h[12:14] + h[10:12] + h[8:10] + h[6:8] + h[4:6] + h[2:4] + h[0:2]
    return h[20:] + h[16:20] + swapped


def default_of(kind: Kind) -> Any:
    """What a column absent from a row compares as: null for links and times, empty for the rest."""
    return {Kind.TEXT: "", Kind.BOOL: False, Kind.INT: 0, Kind.DECIMAL: 0}.get(kind)


_WIRE_NULL = {Kind.TEXT: "", Kind.BOOL: False, Kind.INT: 0, Kind.DECIMAL: 0, Kind.INSTANT: NULL_DATE,
              Kind.DATE: NULL_DATE, Kind.GUID: ZERO_GUID, Kind.LOOKUP: ZERO_GUID}  # fmt: skip


def to_wire(column: Column, value: Any) -> Any:
    """The JSON value of a stored one: a null link is the zero GUID, a null date year 1, a null text empty."""
    if value is None:
        return _WIRE_NULL[column.kind]
    if column.kind in (Kind.INSTANT, Kind.DATE):
        return instant_text(value)
    return value


def from_wire(column: Column, value: Any) -> Any:
    """The stored value of a JSON one; None for null, the zero GUID and year 1. BadValue when the type is wrong."""
    if value is None:
        return None
    reader = _READERS.get(column.kind)
    if reader is None:
        raise BadValue(f"{column.name} is a stream")
    return reader(column, value)


def _text(column: Column, value: Any) -> str:
    if not isinstance(value, str):
        raise BadValue(f"Cannot convert the value of '{column.name}' to the expected target type 'Edm.String'")
    return value


def _guid(column: Column, value: Any) -> str | None:
    if not isinstance(value, str) or not GUID.fullmatch(value):
        raise BadValue(f"Cannot convert the value of '{column.name}' to the expected target type 'Edm.Guid'")
    return None if value == ZERO_GUID else value.lower()


def _instant(column: Column, value: Any) -> int | None:
    ticks = ticks_of(_text(column, value))
    if value.startswith("0001-01-01"):
        return None
    return ticks - ticks % (86_400 * TICKS) if column.kind is Kind.DATE else ticks


def _bool(column: Column, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadValue(f"Cannot convert the value of '{column.name}' to the expected target type 'Edm.Boolean'")
    return value


def _int(column: Column, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not -(1 << 31) <= value < 1 << 31:
        raise BadValue(f"Cannot convert the value of '{column.name}' to the expected target type 'Edm.Int32'")
    return value


def _decimal(column: Column, value: Any) -> float:
    try:
        if not isinstance(value, bool):
            return float(value)
    except (TypeError, ValueError):
        pass
    raise BadValue(f"Cannot convert the value of '{column.name}' to the expected target type 'Edm.Decimal'")


_READERS = {Kind.TEXT: _text, Kind.GUID: _guid, Kind.LOOKUP: _guid, Kind.INSTANT: _instant, Kind.DATE: _instant,
            Kind.BOOL: _bool, Kind.INT: _int, Kind.DECIMAL: _decimal}  # fmt: skip


def sparse(row: Row) -> Row:
    """The row without what reads as nothing."""
    return {k: v for k, v in row.items() if v}


def utf16_length(text: str) -> int:
    """The length the server counts in."""
    return len(text) + sum(1 for c in text if ord(c) > 0xFFFF)
