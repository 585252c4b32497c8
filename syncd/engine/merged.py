"""Contacts that were merged into another on their own side: recognised by what the vanished one said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.core import match
from syncd.core.contact import Record, RecordId, Side
from syncd.core.ports import KeyKind
from syncd.core.step import Case, Hold, HoldReason, Planned
from syncd.engine.decided import held, moved_to
from syncd.engine.partners import presence_of, read_bodies
from syncd.engine.run import Run


def merged(run: Run, case: Case, side: Side) -> Planned | None:
    """Two contacts that became one on a side are no deletion: the link follows the survivor, or waits for a person."""
    gone = case.crm if side is Side.CRM else case.google
    link = case.link
    if gone.record is None or link is None:
        return None
    survivor = _survivor(run, side, gone.record)
    if survivor is None:
        return None
    owner = run.store.links_of(run.account, side, [survivor.id]).get(survivor.id)
    if owner is not None or side is Side.CRM:
        return Planned(case, held(link, Hold(HoldReason.MERGED_AWAY, (survivor.id,))))
    presence = presence_of(run, side, survivor.id)
    return None if presence is None else moved_to(run, case, side, presence)


def _survivor(run: Run, side: Side, gone: Record) -> Record | None:
    """A contact changed since, which carries the vanished one's marker, or all of its e-mails and phones."""
    keys = [(kind, text) for kind, text in match.keys(gone) if kind in (KeyKind.EMAIL, KeyKind.PHONE)]
    marks = [(KeyKind.ANCHOR, anchor) for anchor in gone.anchors]
    found = run.store.candidates(run.source(side).id, [*keys, *marks])
    holders = _intersection(found, keys) | _intersection(found, marks)
    holders.discard(gone.id)
    bodies = read_bodies(run, side, holders) if holders else {}
    changed = [r for r in bodies.values() if r.stamp >= gone.stamp]
    return changed[0] if len(changed) == 1 else None


def _intersection(
    found: Mapping[tuple[KeyKind, str], set[RecordId]], keys: Sequence[tuple[KeyKind, str]]
) -> set[RecordId]:
    if not keys:
        return set()
    return set.intersection(*(found.get(key, set()) for key in keys))
