"""The drafts of one list, as changes of the whole list: no detours, nothing twice, no more than the side holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from syncd.core.contact import Capabilities, Field, Unit
from syncd.core.delta import SINGLE
from syncd.core.drafts import Draft
from syncd.core.elements import Cell
from syncd.core.fields import ORDER, canon, project
from syncd.core.step import Change


def gathered(
    field: Field, drafts: list[Draft], there: Sequence[Cell], caps: Capabilities, region: str
) -> Iterator[Change]:
    """The changes that make one side's list, `there`, what the drafts want it to be."""
    if field not in SINGLE and drafts:
        drafts = _without_detours(drafts, region)
        drafts = _without_repeats(drafts, there, region)
        if field not in caps.multiple:
            drafts = _within_room(drafts, there)
    for draft in drafts:
        yield from _changes(field, draft, caps, region)


def in_order(changes: Iterable[Change]) -> tuple[Change, ...]:
    """The changes in an order that is always the same."""
    return tuple(sorted(changes, key=_rank))


def _changes(field: Field, draft: Draft, caps: Capabilities, region: str) -> Iterator[Change]:
    old = draft.old
    yield Change(field, old.unit if old else None, draft.new, draft.why, draft.stamp)
    if old and (draft.new is None or canon(draft.new, region) != old.canon):
        for twin in (t for t in old.twins if project(t, caps) is not None):
            yield Change(field, twin, None, draft.why, draft.stamp)


def _without_detours(drafts: list[Draft], region: str) -> list[Draft]:
    """x becomes y while something becomes x: x stays, and that becomes y."""
    todo, done = sorted(drafts, key=_draft_rank), []
    while todo:
        draft = todo.pop(0)
        source = next((d for d in todo if _arrives(d, draft.old, region)), None)
        if source is None:
            target = next((d for d in todo if draft.new and _arrives(draft, d.old, region)), None)
            if target is None:
                done.append(draft)
                continue
            source, draft = draft, target
        todo = [d for d in todo if d is not source and d is not draft]
        joined = _joined(source, draft)
        if joined is not None:
            todo.append(joined)
    return done


def _arrives(draft: Draft, at: Cell | None, region: str) -> bool:
    return at is not None and draft.new is not None and draft.old != at and canon(draft.new, region) == at.canon


def _joined(source: Draft, target: Draft) -> Draft | None:
    if source.old is None:
        if target.new is None:
            return None
        fresh = Unit(target.new.field, target.new.value, target.new.label)
        return target._replace(old=None, new=fresh)
    if target.new is None:
        return target._replace(old=source.old)
    was = source.old.unit
    if (was.value, was.label) == (target.new.value, target.new.label):
        return None
    new = msgspec.structs.replace(target.new, native=was.native, primary=was.primary, extra=was.extra)
    return target._replace(old=source.old, new=new)


def _without_repeats(drafts: list[Draft], there: Sequence[Cell], region: str) -> list[Draft]:
    """What is there already is not written again: an addition falls away, an edit becomes a removal."""
    touched = {draft.old.canon for draft in drafts if draft.old}
    present = {cell.canon for cell in there if cell.canon not in touched}
    kept = []
    for draft in sorted(drafts, key=_draft_rank):
        said = canon(draft.new, region) if draft.new else None
        if said is None or said not in present:
            kept.append(draft)
        elif draft.old:
            kept.append(draft._replace(new=None))
        if said is not None:
            present.add(said)
    return kept


def _within_room(drafts: list[Draft], there: Sequence[Cell]) -> list[Draft]:
    """A side with one place per label takes no second element under it."""
    touched = {draft.old.canon for draft in drafts if draft.old}
    taken = {cell.unit.label for cell in there if cell.canon not in touched}
    taken |= {draft.new.label for draft in drafts if draft.old and draft.new}
    kept = []
    for draft in drafts:
        if draft.old is None and draft.new is not None:
            if draft.new.label in taken:
                continue
            taken.add(draft.new.label)
        kept.append(draft)
    return kept


def _draft_rank(draft: Draft) -> tuple[bool, tuple[str, ...], tuple[str, ...]]:
    return (draft.old is None, draft.old.canon if draft.old else (), unit_rank(draft.new))


def _rank(change: Change) -> tuple[int, tuple[str, ...], tuple[str, ...]]:
    return (ORDER[change.field], unit_rank(change.old), unit_rank(change.new))


def unit_rank(unit: Unit | None) -> tuple[str, ...]:
    """A unit's place among others of its field; no unit comes first."""
    return () if unit is None else (unit.label, unit.native, *unit.value)
