"""The three-way merge of two records against two bases: changes for both sides, and the conflicts they settled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import msgspec

from syncd.core.contact import FIELD_MASK, Base, Field, Record, Side, Unit
from syncd.core.decide import Moved, decide, moved
from syncd.core.delta import SINGLE
from syncd.core.drafts import Scene, Slot
from syncd.core.elements import Cell, Row, Thread, cells, rows, threads
from syncd.core.fields import ORDER
from syncd.core.gather import gathered, in_order, unit_rank
from syncd.core.later import later
from syncd.core.policy import ConflictRule, Flow, MapRow, Policy
from syncd.core.step import Change, Conflict


class Arm(msgspec.Struct, frozen=True):
    """One side's record and what it said when both last agreed; None: they never did."""

    record: Record
    base: Base | None


class Merged(msgspec.Struct, frozen=True):
    """What to write to each side, in an order that does not depend on the order of anything given."""

    crm: tuple[Change, ...] = ()
    google: tuple[Change, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


class _Part(NamedTuple):
    slot: Slot
    crm: list[Cell]
    google: list[Cell]
    rows: list[Row]


def merge(crm: Arm, google: Arm, policy: Policy) -> Merged:
    """Every unit changed on one side goes to the other; of two different edits the later stays.

    Each side is compared with its own base only, so what a side cannot hold, or holds in part, is never taken for
    removed. Fields that were not read whole on both sides are left alone.
    """
    parts = list(_parts(crm, google, policy))
    scene = Scene(crm.record, google.record, policy)
    if policy.conflict == ConflictRule.RECORD:
        scene = msgspec.structs.replace(scene, ruler=_ruler(scene, parts))
    changes: dict[Side, list[Change]] = {Side.CRM: [], Side.GOOGLE: []}
    conflicts: list[Conflict] = []
    for part in parts:
        rulings = [decide(scene, part.slot, row) for row in part.rows]
        for side in Side:
            drafts = [d for ruling in rulings for d in ruling.drafts if d.to is side]
            there = part.crm if side is Side.CRM else part.google
            changes[side] += gathered(part.slot.field, drafts, there, scene.caps(side), policy.lens.region)
        conflicts += (ruling.conflict for ruling in rulings if ruling.conflict is not None)
    return Merged(in_order(changes[Side.CRM]), in_order(changes[Side.GOOGLE]), _conflicts_in_order(conflicts))


@lru_cache(maxsize=256)
def slots(crm: tuple[str, ...], google: tuple[str, ...], direction: Flow, rows: tuple[MapRow, ...]) -> tuple[Slot, ...]:
    """The slots both masks cover, with the ways their values may go."""
    here, there = set(crm), set(google)
    found = [
        Slot(Field(field), "", "", based=True, flow=direction)
        for field in FIELD_MASK
        if field in here and field in there
    ]
    for row in rows:
        flow = _narrowed(direction, row.direction)
        if f"custom:{row.crm}" in here and f"custom:{row.google}" in there and flow is not None:
            found.append(Slot(Field.CUSTOM, row.crm, row.google, based=True, flow=flow, rule=row.rule))
    return tuple(found)


def _narrowed(direction: Flow, row: Flow) -> Flow | None:
    """Both rules obeyed; None where one allows only what the other forbids."""
    if direction in (Flow.BOTH, row):
        return row
    return direction if row == Flow.BOTH else None


def _parts(crm: Arm, google: Arm, policy: Policy) -> Iterator[_Part]:
    """Each slot in which something may have to be done, with its elements matched."""
    here, there = by_place(crm.record.units), by_place(google.record.units)
    was_here = by_place(crm.base.units) if crm.base else {}
    was_there = by_place(google.base.units) if google.base else {}
    for slot in slots(crm.record.mask, google.record.mask, policy.direction, policy.lens.map):
        left, right = (slot.field, slot.crm), (slot.field, slot.google)
        based = _covers(crm, *left) and _covers(google, *right)
        now = here.get(left, []), there.get(right, [])
        was = (was_here.get(left, []), was_there.get(right, [])) if based else ([], [])
        if based and not policy.place_unplaced and _unmoved(was[0], now[0]) and _unmoved(was[1], now[1]):
            continue
        crm_now, google_now = cells(now[0], policy.lens), cells(now[1], policy.lens)
        crm_threads = _threads(slot.field, cells(was[0], policy.lens), crm_now)
        google_threads = _threads(slot.field, cells(was[1], policy.lens), google_now)
        matched = _rows(slot.field, crm_threads, google_threads, policy)
        yield _Part(msgspec.structs.replace(slot, based=based), crm_now, google_now, matched)


def by_place(units: Iterable[Unit]) -> dict[tuple[Field, str], list[Unit]]:
    """The units by field and, for a mapped slot, its key."""
    found: defaultdict[tuple[Field, str], list[Unit]] = defaultdict(list)
    for unit in units:
        found[unit.field, unit.label if unit.field is Field.CUSTOM else ""].append(unit)
    return found


def _covers(arm: Arm, field: Field, key: str) -> bool:
    """True when the base was read for that slot, too."""
    if arm.base is None or arm.base.mask == arm.record.mask:
        return arm.base is not None
    return (f"custom:{key}" if field is Field.CUSTOM else field.value) in arm.base.mask


def _unmoved(was: list[Unit], now: list[Unit]) -> bool:
    """The quick answer for what was said again word for word."""
    return len(was) == len(now) and all(
        w.value == n.value and w.label == n.label and w.native == n.native for w, n in zip(was, now, strict=True)
    )


def _threads(field: Field, base: list[Cell], now: list[Cell]) -> list[Thread]:
    if field not in SINGLE:
        return threads(base, now)
    return [Thread(base[0] if base else None, now[0] if now else None)]


def _rows(field: Field, crm: list[Thread], google: list[Thread], policy: Policy) -> list[Row]:
    if field not in SINGLE:
        return rows(crm, google, policy.lens)
    return [Row(crm[0], google[0])]


def _ruler(scene: Scene, parts: list[_Part]) -> Side | None:
    """The record that was edited later, when both were edited at all."""
    latest = {Side.CRM: 0, Side.GOOGLE: 0}
    edited: set[Side] = set()
    for part in parts:
        for row in part.rows if part.slot.based else ():
            for side in Side:
                if moved(row.on(side), part.slot.field) is not Moved.STILL:
                    edited.add(side)
                    latest[side] = max(latest[side], scene.stamp(side, row.on(side)))
    if len(edited) < 2:
        return None
    crm, google = (max((scene.record(s).stamp if not latest[s] else latest[s]), 0) for s in Side)
    return later(type(scene.crm.stamp)(crm), type(scene.google.stamp)(google), scene.policy) or scene.policy.tie


def _conflicts_in_order(conflicts: list[Conflict]) -> tuple[Conflict, ...]:
    return tuple(sorted(conflicts, key=lambda c: (ORDER[c.field], c.winner, unit_rank(c.won), unit_rank(c.lost))))
