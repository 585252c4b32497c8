"""One row per field: how its values are compared, and what of a unit a side can hold. Merging is `merge.py`."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import msgspec

from syncd.core.contact import Capabilities, Field, Side, Unit
from syncd.core.folding import plain_text, tidy, unbroken
from syncd.core.phones import e164

Canon = tuple[str, ...]
"""A value as it is compared; equal canons are the same value said differently."""


class FieldRow(msgspec.Struct, frozen=True):
    """What merging needs to know of a field.

    `whole`: a part too long for a side makes the unit unholdable (half an address is no address); otherwise it is cut.
    `placed`: parts may be rows of lookup tables, which a CRM leaves empty when it has no such row.
    `required`: never carried as emptied, for the CRM must have one.
    """

    parts: int
    canon: Callable[[str, str], str]
    whole: bool = False
    placed: bool = False
    required: bool = False


def _text(value: str, _region: str) -> str:
    return tidy(value)


def _folded(value: str, _region: str) -> str:
    return tidy(value).casefold()


def _number(value: str, _region: str) -> str:
    return value.strip().lstrip("0")


def _written(value: str, _region: str) -> str:
    return tidy(plain_text(value))


def _url(value: str, _region: str) -> str:
    scheme, found, rest = tidy(value).partition("://")
    if not found:
        scheme, rest = "http", scheme
    host, slash, path = rest.partition("/")
    return f"{scheme.casefold()}://{host.casefold()}{slash}{path}".rstrip("/") if rest else ""


def _phone(value: str, region: str) -> str:
    number = unbroken(value).strip()
    return e164(number, region) if number else ""


ROWS: dict[Field, FieldRow] = {
    Field.NAME: FieldRow(3, _text, required=True),
    Field.JOB: FieldRow(3, _text, placed=True),
    Field.BIRTHDAY: FieldRow(3, _number),
    Field.NOTES: FieldRow(1, _written),
    Field.EMAIL: FieldRow(1, _folded, whole=True),
    Field.PHONE: FieldRow(1, _phone, whole=True),
    Field.ADDRESS: FieldRow(5, _folded, placed=True),
    Field.URL: FieldRow(1, _url, whole=True),
    Field.IM: FieldRow(1, _folded, whole=True),
    Field.CUSTOM: FieldRow(1, _text),
}

ORDER: dict[Field, int] = {field: position for position, field in enumerate(Field)}


def canon(unit: Unit, region: str) -> Canon:
    """The unit's value as it is compared. In IM the protocol is part of what is said."""
    said = canon_value(unit.field, unit.value, region if unit.field is Field.PHONE else "")
    return (*said, unit.label.casefold()) if unit.field is Field.IM else said


@lru_cache(maxsize=8_192)
def canon_value(field: Field, value: tuple[str, ...], region: str) -> Canon:
    """The parts as they are compared; missing parts are empty."""
    row = ROWS[field]
    parts = [row.canon(part, region) if part else "" for part in value]
    return (*parts, *("" for _ in range(row.parts - len(parts))))


def is_blank(unit: Unit) -> bool:
    """True for a unit that says nothing: a side may spell "no value" so."""
    return not any(part and unbroken(part).strip() for part in unit.value)


def project(unit: Unit, caps: Capabilities) -> Unit | None:
    """What a side can hold of the unit, under the label it would get there; None when nothing of it.

    Projecting twice is projecting once.
    """
    if unit.field not in caps.fields:
        return None
    value = fitted(unit.field, unit.value, caps)
    label = _label(unit, caps)
    if value is None or label is None:
        return None
    if value == unit.value and label == unit.label:
        return unit
    return msgspec.structs.replace(unit, value=value, label=label)


def fitted(field: Field, value: tuple[str, ...], caps: Capabilities) -> tuple[str, ...] | None:
    """The value as a side can hold it, or None."""
    limit, kept = caps.limits.get(field), caps.parts.get(field)
    if kept is None and field is not Field.BIRTHDAY and _fits_anywhere(value, limit):
        return value
    parts = []
    for index, part in enumerate(value):
        clean = unbroken(part) if kept is None or index in kept else ""
        if limit is not None and utf16_length(clean) > limit:
            if ROWS[field].whole:
                return None
            clean = cut(clean, limit)
        parts.append(clean)
    if field is Field.BIRTHDAY and not caps.yearless_birthday and not all(parts):
        return None
    return tuple(parts) if any(part.strip() for part in parts) else None


@lru_cache(maxsize=8_192)
def _fits_anywhere(value: tuple[str, ...], limit: int | None) -> bool:
    """The quick answer for ordinary texts: something printable, and short however letters are counted."""
    text = "".join(value)
    return text.isprintable() and not text.isspace() and text != "" and (limit is None or 2 * len(text) <= limit)


def utf16_length(text: str) -> int:
    """Length as databases and JavaScript count: two for a letter outside the basic plane, such as most emoji."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, limit: int) -> str:
    """The longest beginning that fits, without half a letter or a space at its end."""
    kept = text.encode("utf-16-le", "surrogatepass")[: 2 * limit].decode("utf-16-le", "ignore")
    return kept.rstrip()


def is_cut(short: str, long: str, limit: int | None) -> bool:
    """True when `short` is what a side with that limit keeps of the longer text."""
    if limit is None or utf16_length(long) <= limit:
        return False
    return tidy(cut(unbroken(long), limit)) == tidy(short)


def _label(unit: Unit, caps: Capabilities) -> str | None:
    rules = caps.labels.get(unit.field)
    if not rules or unit.field is Field.CUSTOM:
        return unit.label
    known = rules.get(unit.label, rules.get("*", "="))
    if known == "-":
        return None
    return unit.label if known == "=" else known


def outgoing(unit: Unit, to: Side) -> Unit:
    """The unit as it leaves for that side: HTML stays in the CRM, Google gets what it says."""
    if unit.field is not Field.NOTES or to is Side.CRM:
        return unit
    return msgspec.structs.replace(unit, value=tuple(plain_text(part) for part in unit.value))
