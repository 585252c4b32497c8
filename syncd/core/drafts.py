"""One unit on its way to one side: what of it arrives there, and whether that says anything new. No choosing."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from syncd.core.contact import Capabilities, Field, Instant, Record, Side, Unit
from syncd.core.elements import Cell, Row, Thread
from syncd.core.fields import ROWS, canon, is_cut, outgoing, project
from syncd.core.later import stamp_of
from syncd.core.policy import Flow, Policy, Rule
from syncd.core.step import Why


class Slot(msgspec.Struct, frozen=True):
    """One field, or one row of the map: where its values are on each side, and what may be done with them.

    `based`: both bases cover it. `master`: where the values come from when they go one way only.
    """

    field: Field
    crm: str
    google: str
    based: bool
    flow: Flow = Flow.BOTH
    rule: Rule = Rule.REPLACE

    def key(self, side: Side) -> str:
        return self.crm if side is Side.CRM else self.google

    def may(self, to: Side) -> bool:
        """True when values may be written to that side."""
        if self.flow == Flow.FIRST_TIME:
            return not self.based
        return self.flow == Flow.BOTH or (self.flow == Flow.TO_CRM) is (to is Side.CRM)

    @property
    def master(self) -> Side | None:
        if self.flow == Flow.TO_CRM:
            return Side.GOOGLE
        return Side.CRM if self.flow == Flow.TO_GOOGLE else None


class Scene(msgspec.Struct, frozen=True):
    """Both records, and the rules. `ruler`: the side whose record wins whole, where records do."""

    crm: Record
    google: Record
    policy: Policy
    ruler: Side | None = None

    def record(self, side: Side) -> Record:
        return self.crm if side is Side.CRM else self.google

    def caps(self, side: Side) -> Capabilities:
        return self.policy.lens.capabilities(side)

    def stamp(self, side: Side, thread: Thread) -> Instant:
        return stamp_of(self.record(side), thread, self.policy.lens.region)


class Draft(NamedTuple):
    """A change before the whole list was looked at."""

    to: Side
    old: Cell | None
    new: Unit | None
    why: Why
    stamp: Instant


def carried(
    scene: Scene, slot: Slot, row: Row, source: Side, why: Why, *, value: bool = True, label: bool = True
) -> Draft | None:
    """What `source` says now, on its way to the other side; None when it cannot go there or says nothing new there.

    `value`, `label`: which of the two is carried to an element that is there already.
    """
    mine, theirs = row.on(source), row.on(source.other)
    stamp = scene.stamp(source, mine)
    if mine.now is None:
        return _emptied(scene, slot, row, source, why)
    wanted = mine.now.unit
    if theirs.now is not None:
        said = kept_parts(scene, slot, row, source) if value else theirs.now.unit.value
        wanted = msgspec.structs.replace(wanted, value=said)
    draft = Draft(source.other, None, None, why, stamp)
    return drafted(scene, slot, theirs.now, wanted, draft, label=label)


def drafted(
    scene: Scene, slot: Slot, held: Cell | None, wanted: Unit, draft: Draft, *, label: bool = True
) -> Draft | None:
    """The draft that makes `held` say what is wanted, as far as that side can hold it; None when it does already."""
    to = draft.to
    if not slot.may(to) or (held is not None and slot.rule == Rule.FILL_EMPTY):
        return None
    if slot.field is Field.CUSTOM:
        wanted = msgspec.structs.replace(wanted, label=slot.key(to))
    elif held is not None and not label:
        wanted = msgspec.structs.replace(wanted, label=held.unit.label)
    shadow = project(outgoing(wanted, to), scene.caps(to))
    if shadow is None:
        return None
    if held is None:
        return draft._replace(new=Unit(slot.field, shadow.value, shadow.label))
    new = msgspec.structs.replace(
        held.unit, value=shadow.value, label=shadow.label if label else held.unit.label, stamp=Instant(0)
    )
    if new.label == held.unit.label and canon(new, scene.policy.lens.region) == held.canon:
        return None
    if project(held.unit, scene.caps(to)) is None:
        return None
    return draft._replace(old=held, new=new)


def kept_parts(scene: Scene, slot: Slot, row: Row, source: Side) -> tuple[str, ...]:
    """The value of `source`, with those parts of the other's in which `source` says nothing because it cannot.

    That is a part its side has no place for, one that no row of a lookup was found for, or one cut to its limit.
    """
    mine, theirs = row.on(source), row.on(source.other)
    size = ROWS[slot.field].parts
    ours = _padded(mine.now.unit.value if mine.now else (), size)
    if size == 1 or theirs.now is None:
        return ours
    own = _padded(theirs.now.unit.value, size)
    mute = _mute_parts(scene, slot, row, source)
    return tuple(own[i] if i in mute else ours[i] for i in range(size))


def _mute_parts(scene: Scene, slot: Slot, row: Row, source: Side) -> set[int]:
    mine, theirs = row.on(source), row.on(source.other)
    placed, size = ROWS[slot.field].placed, ROWS[slot.field].parts
    caps = scene.caps(source)
    held, limit = caps.parts.get(slot.field), caps.limits.get(slot.field)
    now = mine.now.canon if mine.now else ("",) * size
    mute = {i for i in range(size) if held is not None and i not in held}
    if not slot.based:
        return mute | {i for i in range(size) if placed and not now[i]}
    was = mine.base.canon if mine.base else ("",) * size
    other = theirs.base.canon if theirs.base else ("",) * size
    for i in range(size):
        if now[i] != was[i] or was[i] == other[i]:
            continue
        if (placed and not was[i]) or (
            mine.base and theirs.base and is_cut(mine.base.unit.value[i], theirs.base.unit.value[i], limit)
        ):
            mute.add(i)
    return mute


def _emptied(scene: Scene, slot: Slot, row: Row, source: Side, why: Why) -> Draft | None:
    """The removal of what the other side holds; what `source` could not say of it stays."""
    to, held = source.other, row.on(source.other).now
    if held is None or not slot.may(to) or slot.rule == Rule.FILL_EMPTY or ROWS[slot.field].required:
        return None
    draft = Draft(to, None, None, why, scene.stamp(source, row.on(source)))
    if slot.field is Field.JOB:
        rest = kept_parts(scene, slot, row, source)
        if any(rest):
            return drafted(scene, slot, held, msgspec.structs.replace(held.unit, value=rest), draft)
    if project(held.unit, scene.caps(to)) is None:
        return None
    return draft._replace(old=held)


def _padded(value: tuple[str, ...], size: int) -> tuple[str, ...]:
    return value + ("",) * (size - len(value))
