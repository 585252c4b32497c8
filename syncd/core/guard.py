"""The brake: what a whole plan would do, counted step by step, and whether that is too much to do unasked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b

import msgspec

from syncd.core.contact import Record, Side, Unit, bare
from syncd.core.delta import mask_key, said
from syncd.core.fields import is_blank
from syncd.core.policy import Limits
from syncd.core.step import Case, Change, Step, Why

EMPTY_SIDE = 4
"""A side that had so many members and now shows none has lost them, not let them go."""
FIELD_RECORDS = 3
"""One field emptied everywhere is a mistake from this many records on."""

_encode = msgspec.json.Encoder().encode


class Tally(msgspec.Struct):
    """What the steps seen so far would do. `emptied_fields`, `had_field` count records by `side:field`."""

    steps: int = 0
    links: int = 0
    leavers: int = 0
    changed: int = 0
    emptied: int = 0
    had_values: int = 0
    created_crm: int = 0
    created_google: int = 0
    updated_crm: int = 0
    updated_google: int = 0
    entered: int = 0
    partners: int = 0
    conflicts: int = 0
    held: int = 0
    emptied_fields: dict[str, int] = msgspec.field(default_factory=dict)
    had_field: dict[str, int] = msgspec.field(default_factory=dict)


class Members(msgspec.Struct, frozen=True):
    """How many members one pair's tag or group had when last settled, and has now."""

    side: Side
    pair: int
    before: int
    after: int


class Surroundings(msgspec.Struct, frozen=True):
    """What the plan is measured against.

    `links`: live links at the last settled state. `values`, `had_field`: units with a value, and records by
    `side:field`, over all of these; None where only the plan's own cases were counted. `unreadable`: the tag, the
    login's own contact, or all of three listed members could not be read. `first_run`: there is no settled state yet.
    """

    links: int
    members: tuple[Members, ...] = ()
    first_run: bool = False
    scope_gone: tuple[Side, ...] = ()
    unreadable: tuple[str, ...] = ()
    fingerprint_changed: bool = False
    values: int | None = None
    had_field: Mapping[str, int] | None = None


def tally(t: Tally, case: Case, step: Step) -> Tally:
    """Count one step in. What a person undid, or the CRM can hold at last, is no damage."""
    t.steps += 1
    t.links += case.link is not None
    t.leavers += step.leaves and not step.quarantine
    t.created_crm += step.create is Side.CRM
    t.created_google += step.create is Side.GOOGLE
    t.entered += any(move.enter for move in step.moves)
    t.partners += step.partner
    t.conflicts += len(step.conflicts)
    t.held += step.hold is not None
    t.changed += case.link is not None and any(map(_counted, _rewrites(step, case)))
    for side in Side:
        _count_side(t, side, case, step)
    return t


def counts(t: Tally) -> dict[str, int]:
    """The numbers alone, for reports."""
    return {name: value for name, value in msgspec.structs.asdict(t).items() if isinstance(value, int)}


def verdict(t: Tally, around: Surroundings, limits: Limits) -> tuple[str, ...]:
    """Why the plan has to wait for a person; empty: it may go. A first run has nothing it could be measured against."""
    had = t.had_values if around.values is None else around.values
    measured = not around.first_run
    reasons = {
        "leavers": measured and limits.leavers.trips(t.leavers, around.links),
        "empty_side": any(m.before >= EMPTY_SIDE and m.after == 0 for m in around.members),
        "scope_gone": bool(around.scope_gone),
        "changed": measured and limits.changed.trips(t.changed, around.links),
        "emptied": measured and limits.emptied.trips(t.emptied, had),
        "field_emptied": measured and any(_emptied_everywhere(t, around)),
        "unreadable": bool(around.unreadable),
        "fingerprint": measured and around.fingerprint_changed,
    }
    return tuple(reason for reason, holds in reasons.items() if holds)


def dangerous(step: Step, case: Case) -> bool:
    """True for a step that takes something away: a membership, or a value that stood there."""
    return (step.leaves and not step.quarantine) or any(
        change.old is not None and _counted(change) for change in _rewrites(step, case)
    )


def damage_digest(step: Step) -> str:
    """The name of a step's damage: which contact, in which versions, loses what. An approval is good for this alone."""
    lost = [
        (side, c.field, said(bare(c.old)), said(bare(c.new)) if c.new else None)
        for side in Side
        for c in step.changes(side)
        if c.old is not None
    ]
    left = [(move.side, move.pair) for move in step.moves if not move.enter]
    who = (step.link, step.crm_id, step.google_id, step.crm_digest, step.google_digest)
    return blake2b(_encode((who, sorted(left), lost)), digest_size=16).hexdigest()


def _count_side(t: Tally, side: Side, case: Case, step: Step) -> None:
    record = (case.crm if side is Side.CRM else case.google).record
    if record is None or step.create is side:
        return
    had = _by_field(record)
    t.had_values += sum(had.values())
    changes = [c for c in step.changes(side) if _counted(c)]
    if side is Side.CRM:
        t.updated_crm += bool(step.crm)
    else:
        t.updated_google += bool(step.google)
    lost = _lost(changes)
    for key, number in had.items():
        name = f"{side.value}:{key}"
        t.had_field[name] = t.had_field.get(name, 0) + 1
        if lost.get(key, 0) >= number:
            t.emptied_fields[name] = t.emptied_fields.get(name, 0) + 1
    t.emptied += sum(map(_empties, changes))


def _by_field(record: Record) -> dict[str, int]:
    had: dict[str, int] = {}
    for unit in record.units:
        if not is_blank(unit):
            had[mask_key(unit)] = had.get(mask_key(unit), 0) + 1
    return had


def _lost(changes: list[Change]) -> dict[str, int]:
    """Units that go, less those that come, by field."""
    lost: dict[str, int] = {}
    for change in changes:
        unit = change.old or change.new
        if unit is not None and (change.old is None or change.new is None):
            lost[mask_key(unit)] = lost.get(mask_key(unit), 0) + (1 if change.new is None else -1)
    return lost


def _empties(change: Change) -> bool:
    """A unit that goes, or of which fewer parts are left."""
    if change.old is None:
        return False
    return change.new is None or _filled_parts(change.new) < _filled_parts(change.old)


def _filled_parts(unit: Unit) -> int:
    return sum(1 for part in unit.value if part.strip())


def _rewrites(step: Step, case: Case) -> Iterator[Change]:
    """Changes of records that were there before."""
    for side, presence in ((Side.CRM, case.crm), (Side.GOOGLE, case.google)):
        if presence.record is not None and step.create is not side:
            yield from step.changes(side)


def _counted(change: Change) -> bool:
    return change.why not in (Why.UNDO, Why.PLACED)


def _emptied_everywhere(t: Tally, around: Surroundings) -> Iterator[bool]:
    population = t.had_field if around.had_field is None else around.had_field
    for name, emptied in t.emptied_fields.items():
        yield emptied >= FIELD_RECORDS and emptied >= population.get(name, emptied)
