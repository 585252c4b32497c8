"""What is remembered after a write: the new base of the side written to, and the stamps of what was carried across."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import msgspec

from syncd.core.contact import Base, Field, Instant, Record, Side, Unit, bare
from syncd.core.delta import SINGLE, digest, digest_of, inherit, mask_key, place, said, stamped
from syncd.core.fields import ROWS
from syncd.core.folding import folded, plain_text
from syncd.core.later import across
from syncd.core.phones import tail
from syncd.core.policy import Offset
from syncd.core.step import Change

NOT_KNOWN = Instant(0)


def settled(planned: Record | None, changes: tuple[Change, ...], readback: Record) -> Base | None:
    """The base of a side that was written to: what was planned with, and our changes as they read back.

    What the server made of our values (a re-spelt number, a company it could not place) is part of the base; an edit
    that somebody else made in between is not, so the next plan sees it. None when the base equals the read-back.
    `planned` is None for a record that was created.
    """
    before = planned.units if planned else ()
    mask = planned.mask if planned else readback.mask
    replaced = {said(c.old) for c in changes if c.old is not None}
    units = [u for u in before if said(u) not in replaced]
    units += _still_there(changes, readback)
    units += (unit for _, unit in _landed(changes, readback, before, foreign=True))
    as_read = {said(u): u for u in readback.units}
    base = tuple(bare(as_read.get(said(u), u)) for u in units)
    return None if digest_of(base, mask) == digest(readback) else Base(base, mask)


def carry(
    readback: Record,
    old: Record | None,
    changes: tuple[Change, ...],
    to: Side,
    offset: Offset,
    previous: Instant = NOT_KNOWN,
) -> Record:
    """The read-back with stamps: what we wrote keeps the time of the edit it came from, by this side's clock.

    Everything else is stamped as in any reading; `previous` is the time of the reading before, where it is known.
    """
    record = inherit(old, readback, previous)
    before = old.units if old else ()
    ours = {said(unit): change.stamp for change, unit in _landed(changes, readback, before, foreign=False)}
    lost = {place(c.old): c.stamp for c in changes if c.old is not None}
    return msgspec.structs.replace(
        record,
        units=tuple(_carried(u, ours.get(said(u)), to, offset) for u in record.units),
        removed=tuple(_carried(u, lost.get(place(u)), to, offset) for u in record.removed),
    )


def _carried(unit: Unit, stamp: Instant | None, to: Side, offset: Offset) -> Unit:
    return stamped(unit, across(stamp, to, offset)) if stamp else unit


def _still_there(changes: Sequence[Change], readback: Record) -> Iterator[Unit]:
    """Removals that the server did not carry out: nobody removed these, so nobody is to be told so."""
    present = {said(u): u for u in readback.units}
    for change in changes:
        if change.new is None and change.old is not None and said(change.old) in present:
            yield present[said(change.old)]


def _landed(
    changes: Sequence[Change], readback: Record, before: Sequence[Unit], *, foreign: bool
) -> Iterator[tuple[Change, Unit]]:
    """Each written unit as it reads back. With `foreign`, where somebody has overwritten it since, as it was sent."""
    untouched = {said(u) for u in before} - {said(c.old) for c in changes if c.old is not None and c.new is not None}
    free = [u for u in readback.units if said(u) not in untouched]
    for change in changes:
        if change.new is None:
            continue
        unit = _found(change.new, free)
        if unit is None:
            continue
        free.remove(unit)
        if _is_ours(change.new, unit):
            yield change, unit
        elif foreign:
            yield change, change.new


def _found(sent: Unit, free: Sequence[Unit]) -> Unit | None:
    """Where a unit came to rest: its field or slot, its row, else the element that says the same."""
    if sent.field in SINGLE:
        return next((u for u in free if mask_key(u) == mask_key(sent)), None)
    near = [u for u in free if u.field is sent.field]
    if sent.native:
        return next((u for u in near if u.native == sent.native), None)
    by_likeness = itertools.chain(
        (u for u in near if (u.value, u.label) == (sent.value, sent.label)),
        (u for u in near if u.value == sent.value),
        (u for u in near if u.label == sent.label and _is_ours(sent, u)),
        (u for u in near if _is_ours(sent, u)),
    )
    return next(by_likeness, None)


def _is_ours(sent: Unit, got: Unit) -> bool:
    """True when the server alone can have made this of what was sent: another spelling, or a part it has no row for."""
    if sent.value == got.value:
        return True
    placed = ROWS[sent.field].placed
    width = max(len(sent.value), len(got.value))
    wide = (unit.value + ("",) * (width - len(unit.value)) for unit in (sent, got))
    return all((placed and not g) or _alike(s, g, sent.field) for s, g in zip(*wide, strict=True))


def _alike(sent: str, got: str, field: Field) -> bool:
    if field is Field.PHONE and tail(sent) and tail(sent) == tail(got):
        return True
    return sent == got or _bones(sent) == _bones(got)


def _bones(text: str) -> str:
    found = folded(plain_text(text))
    return "".join(c for c in found if c.isalnum()) or found
