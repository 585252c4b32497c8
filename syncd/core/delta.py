"""What moved between two readings of one record: its content hash, and stamps that survive. Merging is `merge.py`."""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from syncd.core.contact import Field, Instant, Record, Unit, bare

REMOVED_KEPT = 20
"""How many vanished units a record remembers; older ones fall back to the record's stamp."""

SINGLE = frozenset({Field.NAME, Field.JOB, Field.BIRTHDAY, Field.NOTES, Field.CUSTOM})
"""Fields that hold one value (CUSTOM: one per slot)."""

_encode = msgspec.json.Encoder().encode


def digest(record: Record) -> str:
    """The hash of what was said: units without stamp and extra, and the mask. Order means nothing."""
    return digest_of(record.units, record.mask)


def digest_of(units: tuple[Unit, ...], mask: tuple[str, ...]) -> str:
    """The same for a base, so that the two can be compared."""
    said = sorted((u.field, u.native, u.label, u.value, u.primary) for u in units)
    return blake2b(_encode((said, sorted(mask))), digest_size=16).hexdigest()


def inherit(old: Record | None, new: Record, previous: Instant) -> Record:
    """`new` with the old stamps of units that did not change, and with the units that vanished in `removed`.

    A changed or new unit has its own stamp, else the record's. A vanished one is stamped with the new record's stamp
    where the record tells of its groups (Google stamps any edit), else with `previous`, the time of the reading before
    (a deleted CRM row leaves no trace). Without `old` the stamps stay as given.
    """
    if old is None:
        return new
    before = {said(u): u.stamp or old.stamp for u in old.units}
    units = tuple(stamped(u, before.get(said(u)) or u.stamp or new.stamp) for u in new.units)
    removed = _removed(old, new, new.stamp if new.scopes is not None else previous)
    return msgspec.structs.replace(new, units=units, removed=removed)


def mask_key(unit: Unit) -> str:
    """The word in a mask that says this unit's place was read."""
    return f"custom:{unit.label}" if unit.field is Field.CUSTOM else unit.field.value


def said(unit: Unit) -> tuple[object, ...]:
    """What a stamp speaks of. Which element is the primary one is a matter of the list, not of the element."""
    return (unit.field, unit.native, unit.label, unit.value)


def stamped(unit: Unit, stamp: Instant) -> Unit:
    """The same unit, set at that time."""
    return unit if unit.stamp == stamp else msgspec.structs.replace(unit, stamp=stamp)


def place(unit: Unit) -> tuple[str, ...]:
    """Where a unit lives: a field or slot of one value, a CRM row, or (in a Google list) the value itself."""
    if unit.field in SINGLE:
        return (mask_key(unit),)
    if unit.native:
        return (unit.field, "row", unit.native)
    return (unit.field, unit.label, *unit.value)


def _removed(old: Record, new: Record, at: Instant) -> tuple[Unit, ...]:
    """Old memories and new losses, oldest first: not what is there again, nor what was merely not read this time."""
    present = {place(u) for u in new.units if any(u.value)}
    vanished = [u for u in old.units if place(u) not in present and mask_key(u) in new.mask and any(u.value)]
    again = present.union(place(u) for u in vanished)
    kept = (u for u in (*old.removed, *new.removed) if place(u) not in again)
    return (*kept, *(stamped(bare(u), at) for u in vanished))[-REMOVED_KEPT:]
