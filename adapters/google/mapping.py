"""A person of the People API as a `Record`. Pure; the way back is in `body.py`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from adapters.google.leaves import (
    KEY_PREFIX,
    LEAVES,
    PLAIN_LISTS,
    SHAPES,
    SINGLE,
    TRUNCATED,
    TRUNCATED_AT,
    WHOLE_TEXT,
    Shape,
    plain_list,
)
from adapters.google.shape import Json, dicts, obj, text, texts
from syncd.core.contact import FIELD_MASK, Field, Instant, Record, RecordId, ScopeId, Unit

ANCHOR_KEY = "syncd"
NATIVE = "google"
"""Where `Unit.extra` keeps the rest of a Google item, so that no other side's rest is mistaken for it."""

_NOTHING: tuple[object, ...] = (None, "", {}, [])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


# ---------------------------------------------------------------------------------------------- names


def resource_of(id: RecordId) -> str:
    """A contact's resource name: Google writes in decimal what the source id says in hexadecimal."""
    return f"people/c{int(id, 16)}"


def id_of(resource: str) -> RecordId | None:
    """The source id in a contact's resource name; None for a profile's."""
    digits = resource.removeprefix("people/c")
    return RecordId(f"{int(digits):x}") if digits.isdecimal() and digits != resource else None


def contact_source(person: Json) -> Json | None:
    """The entry of `metadata.sources` for the contact itself (not for a linked profile)."""
    sources = [s for s in dicts(obj(person.get("metadata")).get("sources")) if s.get("type") == "CONTACT"]
    own = id_of(text(person.get("resourceName")))
    return next((s for s in sources if _source_id(s) == own), sources[0] if sources else None)


def record_id(person: Json) -> RecordId | None:
    """The contact's source id, from its source, else from its resource name."""
    return _id_by(contact_source(person), person)


def is_deleted(person: Json) -> bool:
    """Whether this is the trace that a deleted contact leaves in a list of changes."""
    return bool(obj(person.get("metadata")).get("deleted"))


def former_ids(person: Json) -> tuple[RecordId, ...]:
    """Ids under which this contact was known before it was linked to, or unlinked from, a profile."""
    names = texts(obj(person.get("metadata")).get("previousResourceNames"))
    found = (id_of(name) for name in names)
    return tuple(i for i in found if i is not None and i != record_id(person))


def instant(text: str) -> Instant:
    """Microseconds since 1970 of an RFC 3339 time with 0 to 9 fraction digits; 0 when it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return Instant(0)
    return Instant((moment - _EPOCH) // timedelta(microseconds=1)) if moment.tzinfo else Instant(0)


def _id_by(source: Json | None, person: Json) -> RecordId | None:
    return (_source_id(source) if source else None) or id_of(text(person.get("resourceName")))


def _source_id(source: Json) -> RecordId | None:
    text = str(source.get("id", "")).lower().lstrip("0")
    try:
        return RecordId(f"{int(text, 16):x}")
    except ValueError:
        return None


# ---------------------------------------------------------------------------------------------- records


def to_record(person: Json, custom: Sequence[str], *, listed: bool = False) -> Record | None:
    """The contact as one record; None for a person who is no contact. `listed`: from a list, which cuts long fields."""
    source = contact_source(person)
    own = _id_by(source, person)
    if source is None or own is None:
        return None
    units: list[Unit] = []
    rest: dict[str, list[Json]] = {}
    for field, shape in SHAPES.items():
        _take(person, field, shape, units, rest)
    _take_user_defined(person, units, rest)
    for place in sorted(PLAIN_LISTS & set(custom)):
        _take_plain(person, place, units, rest)
    return Record(
        id=own,
        version=text(source.get("etag")),
        units=tuple(units),
        mask=(*_mask(person, listed=listed), *(f"custom:{key}" for key in sorted(custom))),
        stamp=instant(text(source.get("updateTime"))),
        scopes=tuple(sorted(_groups(person))),
        anchors=tuple(sorted({a for a in _anchors(person) if a})),
        extra=_extra(person, rest),
    )


def cut_fields(person: Json) -> tuple[str, ...]:
    """The fields that a list may have cut short."""
    return tuple(p for p in TRUNCATED if len(dicts(person.get(p))) >= TRUNCATED_AT)


def _mask(person: Json, *, listed: bool) -> Iterable[str]:
    cut = {TRUNCATED[p].value for p in cut_fields(person)} if listed else set()
    return (f for f in FIELD_MASK if f not in cut)


def _groups(person: Json) -> Iterable[ScopeId]:
    for membership in dicts(person.get("memberships")):
        group = obj(membership.get("contactGroupMembership")).get("contactGroupResourceName")
        if group:
            yield ScopeId(str(group))


def _anchors(person: Json) -> Iterable[str]:
    return (str(d.get("value", "")) for d in dicts(person.get("clientData")) if d.get("key") == ANCHOR_KEY)


def _extra(person: Json, rest: dict[str, list[Json]]) -> Json:
    extra: Json = {"resource": text(person.get("resourceName")), "etag": text(person.get("etag"))}
    return {**extra, "rest": rest} if rest else extra


# ---------------------------------------------------------------------------------------------- items


def _take(person: Json, field: Field, shape: Shape, units: list[Unit], rest: dict[str, list[Json]]) -> None:
    """The units of one field, and what of it is no unit."""
    if shape.place not in person:
        return
    found = [(item, unit_of(field, shape, item)) for item in own_items(person, shape.place)]
    if field in SINGLE and len(found) > 1:
        chosen = min((i for i, (_, u) in enumerate(found) if u), key=lambda i: _standing(found[i][0]), default=-1)
        found = [(item, unit if i == chosen else None) for i, (item, unit) in enumerate(found)]
    units += [unit for _, unit in found if unit]
    if left := [clean(shape.place, item) for item, unit in found if unit is None and _says(shape, item)]:
        rest[shape.place] = left


def _take_user_defined(person: Json, units: list[Unit], rest: dict[str, list[Json]]) -> None:
    """One unit per key; a second item with the same key is kept, but is no unit."""
    taken: set[str] = set()
    for item in sorted(own_items(person, "userDefined"), key=_standing):
        key, value = str(item.get("key", "")), str(item.get("value", ""))
        if key and value and key not in taken:
            taken.add(key)
            units.append(Unit(Field.CUSTOM, (value,), KEY_PREFIX + key))
        elif key or value:
            rest.setdefault("userDefined", []).append(clean("userDefined", item))


def _take_plain(person: Json, place: str, units: list[Unit], rest: dict[str, list[Json]]) -> None:
    """The first item of a list field as a custom unit, the others kept."""
    items = [i for i in sorted(own_items(person, place), key=_standing) if i.get(LEAVES[place][0])]
    if items:
        units.append(_unit(Field.CUSTOM, plain_list(place), items[0], place))
    if items[1:]:
        rest[place] = [clean(place, i) for i in items[1:]]


def own_items(person: Json, place: str) -> list[Json]:
    """The items of a field that belong to the contact, not to a linked profile."""
    return [i for i in dicts(person.get(place)) if _source_type(i) in ("", "CONTACT")]


def unit_of(field: Field, shape: Shape, item: Json) -> Unit | None:
    """The item as a unit; None when it says nothing that a unit of this field can hold."""
    unit = _birthday(item) if field is Field.BIRTHDAY else _unit(field, shape, item, str(item.get(shape.label, "")))
    return unit if unit and any(unit.value) else None


def _unit(field: Field, shape: Shape, item: Json, label: str) -> Unit:
    value = tuple(str(item.get(part, "")) for part in shape.parts)
    kept = {leaf: item[leaf] for leaf in shape.rest if leaf in item and item[leaf] not in _NOTHING}
    whole = WHOLE_TEXT.get(shape.place, "")
    if any(value):
        kept.pop(whole, None)
    elif kept.get(whole):
        value = (str(kept[whole]), *value[1:])
    return Unit(field, value, label, _primary(item), extra={NATIVE: kept} if kept else None)


def _birthday(item: Json) -> Unit | None:
    date = obj(item.get("date"))
    year, month, day = (_number(date.get(part)) for part in ("year", "month", "day"))
    return Unit(Field.BIRTHDAY, (year, month, day), primary=_primary(item)) if month and day else None


def _number(value: object) -> str:
    return str(value) if isinstance(value, int) and value > 0 else ""


def clean(place: str, item: Json) -> Json:
    """The item's writable leaves that hold something."""
    return {leaf: item[leaf] for leaf in LEAVES[place] if leaf in item and item[leaf] not in _NOTHING}


def _says(shape: Shape, item: Json) -> bool:
    return any(leaf != shape.label for leaf in clean(shape.place, item))


def _standing(item: Json) -> tuple[bool, bool, list[str]]:
    """Which of several items counts: the current, else the primary one, else one that is the same at every reading."""
    texts = sorted(f"{k}={v}" for k, v in item.items() if k != "metadata")
    return (not item.get("current"), not _primary(item), texts)


def _primary(item: Json) -> bool:
    return bool(obj(item.get("metadata")).get("primary"))


def _source_type(item: Json) -> str:
    metadata = item.get("metadata")
    source = metadata.get("source") if isinstance(metadata, dict) else None
    return str(source.get("type", "")) if isinstance(source, dict) else ""
