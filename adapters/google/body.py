"""Records and changes as bodies of the People API. Pure; what was not read whole is never sent, hence never cleared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from adapters.google.leaves import (
    KEY_PREFIX,
    PLAIN_LISTS,
    SHAPES,
    SINGLE,
    SINGLETONS,
    USER_DEFINED,
    WHOLE_TEXT,
    Shape,
    plain_list,
)
from adapters.google.mapping import ANCHOR_KEY, NATIVE, resource_of
from syncd.core.contact import Field, Record, Unit
from syncd.core.ports import Create
from syncd.core.step import Change

Json = dict[str, Any]

MY_CONTACTS = "contactGroups/myContacts"
_OF_THE_EMPLOYEE = frozenset({"type", "current"})
_DATES = frozenset({"startDate", "endDate"})


class CannotSend(Exception):
    """This change would lose something on Google, or is refused there for certain; the text is the reason's word."""


# ---------------------------------------------------------------------------------------------- whole persons


def created(create: Create) -> Json:
    """The person to be made: our marker with it, and born into its groups and My Contacts."""
    person: Json = {}
    for place, units in _by_place(create.units).items():
        person[place] = _in_order([(unit, _item(unit)) for unit in units])
    groups = dict.fromkeys([*create.scopes, MY_CONTACTS])
    person["clientData"] = [{"key": ANCHOR_KEY, "value": create.anchor}]
    person["memberships"] = [{"contactGroupMembership": {"contactGroupResourceName": g}} for g in groups]
    return person


def updated(record: Record, changes: Sequence[Change]) -> tuple[tuple[str, ...], Json]:
    """The fields to name in the mask, and the person with exactly these. Raises `CannotSend`.

    The etags are those the changes were planned against, so Google refuses the update when it has moved on.
    """
    if record.extra is None:
        raise CannotSend("not_read_whole")
    person: Json = {
        "resourceName": record.extra.get("resource") or resource_of(record.id),
        "etag": record.extra.get("etag", ""),
        "metadata": {"sources": [{"type": "CONTACT", "id": record.id, "etag": record.version}]},
    }
    touched: dict[str, list[Change]] = {}
    for change in changes:
        _check_read(record, change)
        touched.setdefault(shape_of(change.field, _label(change)).place, []).append(change)
    for place, own in touched.items():
        person[place] = _rebuilt(record, place, own)
    return tuple(sorted(touched)), person


def places_of(changes: Iterable[Change]) -> tuple[str, ...]:
    """The mask that an update with these changes has."""
    return tuple(sorted({shape_of(c.field, _label(c)).place for c in changes}))


def shape_of(field: Field, label: str) -> Shape:
    """Where a unit of this field (and, for a custom slot, of this key) lives."""
    if field is not Field.CUSTOM:
        return SHAPES[field]
    if label.startswith(KEY_PREFIX):
        return USER_DEFINED
    if label in PLAIN_LISTS:
        return plain_list(label)
    raise CannotSend("unknown_custom_field")


def _label(change: Change) -> str:
    unit = change.new or change.old
    return unit.label if unit else ""


def _check_read(record: Record, change: Change) -> None:
    slot = f"custom:{_label(change)}" if change.field is Field.CUSTOM else change.field.value
    if slot not in record.mask:
        raise CannotSend("not_read_whole")


def _by_place(units: Iterable[Unit]) -> dict[str, list[Unit]]:
    places: dict[str, list[Unit]] = {}
    for unit in units:
        own = places.setdefault(shape_of(unit.field, unit.label).place, [])
        if not (own and unit.field in SINGLE) and any(unit.value):
            own.append(unit)
    return {place: own for place, own in places.items() if own}


# ---------------------------------------------------------------------------------------------- one field


def _rebuilt(record: Record, place: str, changes: Sequence[Change]) -> list[Json]:
    """The whole list as it is to be: what was not touched as it was, foreign items included."""
    rest = list(((record.extra or {}).get("rest") or {}).get(place, []))
    units: list[Unit | Json] = [u for u in record.units if shape_of(u.field, u.label).place == place]
    if place == "organizations" and _dated(units, rest):
        raise CannotSend(
            "organization_dates"
        )  # Google answers 500 to these dates, and drops them when they are left out
    for change in changes:
        _carry_out(units, change)
    items = _in_order([(u, _item(u)) for u in units if isinstance(u, Unit)])
    items += [u for u in units if isinstance(u, dict)]
    return (items or rest)[:1] if place in SINGLETONS else items + rest


def _dated(units: Iterable[Unit | Json], rest: Iterable[Json]) -> bool:
    own = [_native(u) for u in units if isinstance(u, Unit)]
    return any(_DATES & item.keys() for item in [*own, *rest])


def _carry_out(units: list[Unit | Json], change: Change) -> None:
    at = _find(units, change.old or change.new, by_slot=change.field in SINGLE or change.field is Field.CUSTOM)
    new = change.new if change.new and any(change.new.value) else None
    if new is None:
        _remove(units, at)
        return
    if new.primary:
        units[:] = [_not_primary(u) for u in units]
    if at is None:
        units.append(_fresh(new, _rest_of(new)))
    elif isinstance(held := units[at], Unit):
        units[at] = _fresh(new, _rest_of(new) or _still_true(held, new))


def _find(units: list[Unit | Json], wanted: Unit | None, *, by_slot: bool) -> int | None:
    """Where this unit is now: by value and label, else by value; the one there is for what is held once."""
    if wanted is None:
        return None
    held = [(i, u) for i, u in enumerate(units) if isinstance(u, Unit) and u.field is wanted.field]
    if by_slot:
        return next((i for i, u in held if wanted.field is not Field.CUSTOM or u.label == wanted.label), None)
    exact = (i for i, u in held if u.value == wanted.value and u.label == wanted.label)
    near = (i for i, u in held if u.value == wanted.value)
    return next(exact, next(near, None))


def _remove(units: list[Unit | Json], at: int | None) -> None:
    """Take a unit out; of a name or a job stays what is no part of the unit (titles, job description)."""
    if at is None:
        return
    unit = units.pop(at)
    if isinstance(unit, Unit) and unit.field in (Field.NAME, Field.JOB):
        kept = {k: v for k, v in _native(unit).items() if k not in WHOLE_TEXT.values()}
        if kept.keys() - _OF_THE_EMPLOYEE:
            units.append(kept)


def _fresh(unit: Unit, kept: Json) -> Unit:
    return Unit(unit.field, unit.value, unit.label, unit.primary, extra={NATIVE: kept} if kept else None)


def _not_primary(unit: Unit | Json) -> Unit | Json:
    if isinstance(unit, dict) or not unit.primary:
        return unit
    return Unit(unit.field, unit.value, unit.label, extra=unit.extra)


def _rest_of(unit: Unit) -> Json:
    return {k: v for k, v in _native(unit).items() if k not in WHOLE_TEXT.values()}


def _still_true(held: Unit, new: Unit) -> Json:
    """The other leaves of the item that `new` takes the place of, without those that spoke of the old value."""
    kept = _rest_of(held)
    if new.field is Field.ADDRESS and held.value[-1] != new.value[-1]:
        kept.pop("countryCode", None)
    if new.field in (Field.NOTES, Field.BIRTHDAY):
        return {}
    return kept


# ---------------------------------------------------------------------------------------------- one item


def _native(unit: Unit) -> Json:
    return dict((unit.extra or {}).get(NATIVE) or {})


def _item(unit: Unit) -> Json:
    """The unit as Google's item."""
    shape = shape_of(unit.field, unit.label)
    item = _native(unit)
    label = unit.label.removeprefix(KEY_PREFIX)
    if shape.label and label:
        item[shape.label] = label
    if unit.field is Field.BIRTHDAY:
        return {**item, "date": _date(unit)}
    if WHOLE_TEXT.get(shape.place) not in item:
        item |= {part: text for part, text in zip(shape.parts, unit.value, strict=False) if text}
    if unit.field is Field.NOTES:
        item.setdefault("contentType", "TEXT_PLAIN")
    return item


def _date(unit: Unit) -> dict[str, int]:
    return {name: int(text) for name, text in zip(("year", "month", "day"), unit.value, strict=True) if text}


def _in_order(pairs: Sequence[tuple[Unit, Json]]) -> list[Json]:
    """The primary item first and flagged where there are several: Google has exactly one, and would choose itself."""
    ranked = sorted(pairs, key=lambda pair: not pair[0].primary)
    items = [item for _, item in ranked]
    if len(ranked) > 1 and ranked[0][0].primary:
        items[0] = {**items[0], "metadata": {"primary": True, "sourcePrimary": True}}
    return items
