"""What to do with one element on both sides: carry it, settle a conflict, or join two that have no base."""

from __future__ import annotations

from enum import IntFlag
from typing import NamedTuple

import msgspec

from syncd.core.contact import Field, Instant, Record, Side, Unit
from syncd.core.drafts import Draft, Scene, Slot, carried, drafted, kept_parts
from syncd.core.elements import Cell, Row, Thread, agree, same
from syncd.core.fields import ROWS, project
from syncd.core.folding import folded, words
from syncd.core.later import later
from syncd.core.policy import FirstLink
from syncd.core.step import Conflict, Why


class Moved(IntFlag):
    """What happened to an element on one side since the base; an element that came moved in value and label."""

    STILL = 0
    VALUE = 1
    LABEL = 2
    GONE = 4


class Ruling(NamedTuple):
    """The drafts for both sides, and the conflict that was settled on the way."""

    drafts: tuple[Draft, ...] = ()
    conflict: Conflict | None = None


_SILENCE = Ruling()


def moved(thread: Thread, field: Field) -> Moved:
    """What happened on one side. A name is never carried as emptied, so that is no move."""
    if thread.now is None:
        return Moved.STILL if thread.base is None or ROWS[field].required else Moved.GONE
    if thread.base is None:
        return Moved.VALUE | Moved.LABEL
    value = Moved.STILL if thread.base.canon == thread.now.canon else Moved.VALUE
    label = Moved.STILL if thread.base.unit.label == thread.now.unit.label else Moved.LABEL
    return value | label


def decide(scene: Scene, slot: Slot, row: Row) -> Ruling:
    """The ruling on one element."""
    if not slot.based:
        return _unite(scene, slot, row)
    crm, google = moved(row.crm, slot.field), moved(row.google, slot.field)
    if not crm and not google:
        return _place_again(scene, slot, row) if scene.policy.place_unplaced else _SILENCE
    if scene.ruler is not None and (crm if scene.ruler is Side.GOOGLE else google):
        return _overrule(scene, slot, row, scene.ruler)
    if not google:
        return _carry(scene, slot, row, Side.CRM, crm)
    if not crm:
        return _carry(scene, slot, row, Side.GOOGLE, google)
    return _contend(scene, slot, row, crm, google)


def _carry(scene: Scene, slot: Slot, row: Row, source: Side, what: Moved) -> Ruling:
    """One side alone moved."""
    if _came_equal(scene, row):
        return _SILENCE
    absent = row.on(source.other).now is None  # it could not be held under the old label, perhaps
    label = bool(what & Moved.LABEL) and (absent or not _labels_agree(scene, row))
    value = bool(what & Moved.VALUE)
    if what is not Moved.GONE and not value and not label:
        return _SILENCE
    return _ruling(carried(scene, slot, row, source, Why.CHANGED, value=value, label=label))


def _contend(scene: Scene, slot: Slot, row: Row, crm: Moved, google: Moved) -> Ruling:
    """Both sides moved."""
    if Moved.GONE in (crm, google):
        return _SILENCE if crm == google else _removed_or_edited(scene, slot, row, crm, google)
    if row.crm.base is None and row.google.base is None:
        filled = _filled(scene, slot, row)
        if filled is not None:
            return filled
    value = _mover(crm & Moved.VALUE, google & Moved.VALUE, equal=_values_agree(scene, row))
    label = _mover(crm & Moved.LABEL, google & Moved.LABEL, equal=_labels_agree(scene, row))
    winner, why = _winner(scene, slot, row)
    drafts = []
    for source in Side:
        says_value = (winner if value == _BOTH else value) == source
        says_label = (winner if label == _BOTH else label) == source
        if says_value or says_label:
            reason = why if winner is source and _BOTH in (value, label) else Why.CHANGED
            drafts.append(carried(scene, slot, row, source, reason, value=says_value, label=says_label))
    contested = _BOTH in (value, label)
    return _ruling(*drafts, conflict=_conflict(slot, row, winner, why) if contested else None)


def _removed_or_edited(scene: Scene, slot: Slot, row: Row, crm: Moved, google: Moved) -> Ruling:
    """Removed here, edited there. A new label alone is reason enough to keep the element."""
    editor, edit = (Side.GOOGLE, google) if crm is Moved.GONE else (Side.CRM, crm)
    if slot.master is None and scene.ruler is None and edit == Moved.LABEL:
        winner, why = editor, Why.FILL
    else:
        winner, why = _winner(scene, slot, row)
    return _ruling(carried(scene, slot, row, winner, why), conflict=_conflict(slot, row, winner, why))


def _overrule(scene: Scene, slot: Slot, row: Row, ruler: Side) -> Ruling:
    """The ruler's record wins whole, also where the ruler changed nothing; it has no say in what it cannot hold."""
    loser = row.on(ruler.other).now
    if row.on(ruler).now is None and loser is not None and project(loser.unit, scene.caps(ruler)) is None:
        return _SILENCE
    if row.crm.now and row.google.now and _values_agree(scene, row) and _labels_agree(scene, row):
        return _SILENCE
    return _ruling(carried(scene, slot, row, ruler, Why.RECORD), conflict=_conflict(slot, row, ruler, Why.RECORD))


def _unite(scene: Scene, slot: Slot, row: Row) -> Ruling:
    """No base: lists unite, empty yields to non-empty; of two different values the rule of the first link decides."""
    crm, google = row.crm.now, row.google.now
    if crm is None or google is None:
        source = Side.CRM if crm is not None else Side.GOOGLE
        if crm is not None and slot.field is Field.NAME and is_placeholder(crm.unit, scene.google):
            return _SILENCE
        return _ruling(carried(scene, slot, row, source, Why.FILL))
    value, label = not _values_agree(scene, row), not _labels_agree(scene, row)
    if not value and not label:
        return _SILENCE
    filled = _filled(scene, slot, row) if value else None
    if filled is not None:
        return filled
    winner = slot.master or _first_link(scene, row)
    drafts = [carried(scene, slot, row, winner, Why.FIRST_LINK, value=value, label=label)]
    if value and ROWS[slot.field].placed:
        whole = msgspec.structs.replace(crm.unit, value=kept_parts(scene, slot, row, winner))
        drafts.append(_rewritten(scene, slot, row, winner, whole, Why.FILL))
    return _ruling(*drafts, conflict=_conflict(slot, row, winner, Why.FIRST_LINK))


def _filled(scene: Scene, slot: Slot, row: Row) -> Ruling | None:
    """Both sides completed from each other, where no part contradicts; None where one does."""
    crm, google = row.crm.now, row.google.now
    if crm is None or google is None or len(crm.canon) == 1 or slot.field is Field.IM:
        return None
    if any(c and g and c != g for c, g in zip(crm.canon, google.canon, strict=True)) or crm.canon == google.canon:
        return None
    pairs = zip(_wide(crm), _wide(google), crm.canon, strict=True)
    value = tuple(c if said else g for c, g, said in pairs)
    drafts = []
    for to, cell in ((Side.CRM, crm), (Side.GOOGLE, google)):
        whole = msgspec.structs.replace(cell.unit, value=value)
        drafts.append(_rewritten(scene, slot, row, to, whole, Why.FILL))
    return _ruling(*drafts)


def _rewritten(scene: Scene, slot: Slot, row: Row, to: Side, whole: Unit, why: Why) -> Draft | None:
    """A draft that completes what is there already."""
    stamp = scene.stamp(to.other, row.on(to.other))
    return drafted(scene, slot, row.on(to).now, whole, Draft(to, None, None, why, stamp), label=False)


def _place_again(scene: Scene, slot: Slot, row: Row) -> Ruling:
    """What the CRM could not place before is offered once more."""
    crm, google = row.crm.now, row.google.now
    if not ROWS[slot.field].placed or google is None:
        return _SILENCE
    said = crm.canon if crm else ("",) * len(google.canon)
    lacking = any(g and not c for c, g in zip(said, google.canon, strict=True))
    offers = lacking and all(c == g or not c for c, g in zip(said, google.canon, strict=True))
    return _ruling(carried(scene, slot, row, Side.GOOGLE, Why.PLACED, label=False)) if offers else _SILENCE


def is_placeholder(name: Unit, google: Record) -> bool:
    """True for a CRM name that was only borrowed from a nameless Google contact's company, e-mail or phone."""
    said = folded(" ".join(name.value))
    return any(
        said == folded(unit.value[0])
        for unit in google.units
        if unit.field in {Field.JOB, Field.EMAIL, Field.PHONE} and unit.value and unit.value[0]
    )


_BOTH = "both"


def _mover(crm: Moved, google: Moved, *, equal: bool) -> str:
    """Whose move counts: one side's, both, or nobody's."""
    if equal:
        return ""
    if crm and google:
        return _BOTH
    return Side.CRM.value if crm else Side.GOOGLE.value if google else ""


def _winner(scene: Scene, slot: Slot, row: Row) -> tuple[Side, Why]:
    """Who wins what both changed: a one-way master, the ruling record, the later write, then the rule for ties."""
    if slot.master is not None:
        return slot.master, Why.CHANGED
    if scene.ruler is not None:
        return scene.ruler, Why.RECORD
    side = later(scene.stamp(Side.CRM, row.crm), scene.stamp(Side.GOOGLE, row.google), scene.policy)
    if side is not None:
        return side, Why.LATER
    if (row.crm.now is None) is not (row.google.now is None):
        return (Side.GOOGLE if row.crm.now is None else Side.CRM), Why.TIE
    return scene.policy.tie, Why.TIE


def _first_link(scene: Scene, row: Row) -> Side:
    if scene.policy.first_link == FirstLink.LATER:
        stamps: tuple[Instant, Instant] = (scene.stamp(Side.CRM, row.crm), scene.stamp(Side.GOOGLE, row.google))
        return later(*stamps, scene.policy) or scene.policy.tie
    return Side.CRM if scene.policy.first_link == FirstLink.CRM else Side.GOOGLE


def _values_agree(scene: Scene, row: Row) -> bool:
    crm, google = row.crm.now, row.google.now
    if crm is None or google is None:
        return crm is google
    if same(crm, google, scene.policy.lens):
        return True
    if crm.unit.field is not Field.NAME or row.crm.base or row.google.base:
        return False
    return words(" ".join(crm.unit.value)) == words(" ".join(google.unit.value)) and _spelt_alike(crm, google)


def _spelt_alike(crm: Cell, google: Cell) -> bool:
    """The same name split into parts differently: nobody said anything else."""
    return " ".join(p for p in crm.canon if p) == " ".join(p for p in google.canon if p)


def _labels_agree(scene: Scene, row: Row) -> bool:
    crm, google = row.crm.now, row.google.now
    if crm is None or google is None or crm.unit.field is Field.CUSTOM:
        return True
    return agree(crm.unit, google.unit, scene.policy.lens)


def _came_equal(scene: Scene, row: Row) -> bool:
    """One side newly says what the other has been saying all along."""
    came = (row.crm.base is None and row.crm.now) or (row.google.base is None and row.google.now)
    return bool(came and row.crm.now and row.google.now and _values_agree(scene, row))


def _conflict(slot: Slot, row: Row, winner: Side, why: Why) -> Conflict:
    won, lost = row.on(winner).now, row.on(winner.other).now
    return Conflict(slot.field, winner, won.unit if won else None, lost.unit if lost else None, why)


def _ruling(*drafts: Draft | None, conflict: Conflict | None = None) -> Ruling:
    """The ruling; a conflict in which the loser keeps what it has is none."""
    real = tuple(draft for draft in drafts if draft is not None)
    if conflict is not None and not any(draft.to is conflict.winner.other for draft in real):
        conflict = None
    return Ruling(real, conflict)


def _wide(cell: Cell) -> tuple[str, ...]:
    return cell.unit.value + ("",) * (len(cell.canon) - len(cell.unit.value))
