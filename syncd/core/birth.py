"""What a record is made of when it is created on a side from its counterpart."""

from __future__ import annotations

from collections.abc import Iterator

from syncd.core.contact import FIELD_MASK, Field, Record, Side, Unit
from syncd.core.delta import SINGLE
from syncd.core.drafts import Slot
from syncd.core.elements import cells
from syncd.core.fields import canon, outgoing, project
from syncd.core.gather import in_order
from syncd.core.merge import by_place, slots
from syncd.core.policy import Flow, Policy
from syncd.core.step import Change, Why

_NAME_LENDERS = (Field.JOB, Field.EMAIL, Field.PHONE, Field.URL, Field.IM, Field.ADDRESS, Field.NOTES)
"""Where a nameless contact takes a name from, in this order; the CRM stores no contact without one."""


def born(record: Record, to: Side, policy: Policy) -> tuple[Change, ...]:
    """Additions that make the new record; the list's primary elements stay primary. Empty: there is nothing to make."""
    units = by_place(record.units)
    changes: list[Change] = []
    for slot in _slots(record, to, policy):
        there = units.get((slot.field, slot.key(to.other)))
        if there:
            changes += _additions(record, there, slot, to, policy)
    if to is Side.CRM and changes and not any(change.field is Field.NAME for change in changes):
        changes += _placeholder(record, policy)
    return in_order(changes)


def _slots(record: Record, to: Side, policy: Policy) -> Iterator[Slot]:
    """Every slot the record was read for; the new record will hold all of them."""
    everything = (*FIELD_MASK, *(f"custom:{key}" for row in policy.lens.map for key in (row.crm, row.google)))
    crm, google = (record.mask, everything) if to is Side.GOOGLE else (everything, record.mask)
    for slot in slots(crm, google, policy.direction, policy.lens.map):
        if slot.flow == Flow.FIRST_TIME or slot.may(to):
            yield slot


def _additions(record: Record, units: list[Unit], slot: Slot, to: Side, policy: Policy) -> Iterator[Change]:
    caps, region = policy.lens.capabilities(to), policy.lens.region
    found = [cell.unit for cell in cells(units, policy.lens)]
    seen: set[tuple[str, ...]] = set()
    taken: set[str] = set()
    for unit in sorted(found, key=lambda u: not u.primary):
        made = _made(unit, slot, to, policy)
        if made is None or canon(made, region) in seen:
            continue
        if slot.field not in SINGLE and slot.field not in caps.multiple and made.label in taken:
            continue
        seen.add(canon(made, region))
        taken.add(made.label)
        yield Change(slot.field, None, made, Why.NEW, unit.stamp or record.stamp)


def _made(unit: Unit, slot: Slot, to: Side, policy: Policy) -> Unit | None:
    label = slot.key(to) if slot.field is Field.CUSTOM else unit.label
    bare = Unit(unit.field, unit.value, label, unit.primary)
    return project(outgoing(bare, to), policy.lens.capabilities(to))


def _placeholder(record: Record, policy: Policy) -> Iterator[Change]:
    lent = [u for field in _NAME_LENDERS for u in sorted(record.units, key=_first) if u.field is field]
    text = next((part for unit in lent for part in unit.value if part.strip()), "")
    name = project(Unit(Field.NAME, (text.strip(), "", ""), extra={"placeholder": True}), policy.lens.crm)
    if name is not None:
        yield Change(Field.NAME, None, name, Why.NEW, record.stamp)


def _first(unit: Unit) -> tuple[bool, tuple[str, ...]]:
    return (not unit.primary, unit.value)
