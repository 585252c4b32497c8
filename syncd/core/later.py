"""Which of two edits was later, by two clocks of which only the difference is roughly known."""

from __future__ import annotations

from syncd.core.contact import Instant, Record, Side, Unit
from syncd.core.delta import place
from syncd.core.elements import Cell, Thread
from syncd.core.fields import canon
from syncd.core.policy import Offset, Policy

SECOND = 1_000_000
DAY = 86_400 * SECOND


def later(crm: Instant, google: Instant, policy: Policy) -> Side | None:
    """The side whose edit was later; None within the clocks' uncertainty (a second at least), or where a stamp lies."""
    offset = policy.offset
    if not crm or not google or crm - offset.hi > policy.now + DAY or google > policy.now + DAY:
        return None
    gap = 2 * crm - (offset.lo + offset.hi) - 2 * google  # twice, so that nothing is rounded
    if abs(gap) <= max(offset.hi - offset.lo, 2 * SECOND):
        return None
    return Side.CRM if gap > 0 else Side.GOOGLE


def across(stamp: Instant, to: Side, offset: Offset) -> Instant:
    """The same moment by the other side's clock."""
    if not stamp:
        return stamp
    return Instant(stamp + offset.middle if to is Side.CRM else stamp - offset.middle)


def stamp_of(record: Record, thread: Thread, region: str) -> Instant:
    """When the element came to be as it is: its own stamp, that of its disappearance, else the record's."""
    if thread.now is not None:
        return thread.now.unit.stamp or record.stamp
    if thread.base is not None:
        for unit in reversed(record.removed):
            if unit.field is thread.base.unit.field and _is_same(unit, thread.base, region):
                return unit.stamp or record.stamp
    return record.stamp


def _is_same(unit: Unit, cell: Cell, region: str) -> bool:
    return place(unit) == place(cell.unit) or canon(unit, region) == cell.canon
