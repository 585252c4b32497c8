"""One contact's decision: who comes, who goes, and what each side is told. The whole plan is judged by `guard.py`."""

from __future__ import annotations

from typing import NamedTuple

from syncd.core.birth import born
from syncd.core.contact import FIELD_MASK, Base, Record, RecordId, Side, base_of
from syncd.core.fields import project
from syncd.core.merge import Arm, Merged, merge
from syncd.core.policy import Flow, Policy
from syncd.core.settle import carry, settled
from syncd.core.step import Case, Hold, HoldReason, Link, LinkState, Presence, ScopeMove, Step

__all__ = ["carry", "reconcile", "settled"]


def reconcile(case: Case, policy: Policy, hold: Hold | None = None) -> Step:
    """The step for one case; it writes nothing when both sides say what they last agreed on.

    Membership is merged first, per pair of tag and group, and leaving wins: a step that parks the link writes no
    values. `hold` is a reason to wait that was found elsewhere; then nothing is written at all.
    """
    if hold is not None:
        return _step(case, pairs=case.link.pairs if case.link else (), hold=hold)
    if case.link is None:
        return _newcomer(case, policy)
    if case.link.state is LinkState.CREATING:
        return _step(case, pairs=case.link.pairs)
    return _linked(case, case.link, policy)


def _newcomer(case: Case, policy: Policy) -> Step:
    """A contact without a link: joined with its partner where one was found, else made on the other side."""
    crm, google = case.crm.record, case.google.record
    if crm is None or google is None:
        present = Side.GOOGLE if crm is None else Side.CRM
        return _created(case, present, policy)
    moves = _enter({}, case, policy)
    if not moves.agreed:
        return _step(case)
    merged = merge(Arm(crm, None), Arm(google, None), policy)
    return _merged_step(case, merged, moves, policy, partner=True)


def _created(case: Case, source: Side, policy: Policy) -> Step:
    """The record is born into the scopes its counterpart is in. A contact that says nothing makes nothing."""
    presence = _presence(case, source)
    to = source.other
    if presence.record is None or not presence.pairs or not _may(to, policy):
        return _step(case, pairs=case.link.pairs if case.link else ())
    changes = born(presence.record, to, policy)
    if not changes:
        return _step(case, pairs=case.link.pairs if case.link else ())
    crm, google = (changes, ()) if to is Side.CRM else ((), changes)
    return _step(
        case,
        pairs=tuple(sorted(presence.pairs)),
        create=to,
        crm=crm,
        google=google,
        crm_unholdable=to is Side.CRM and _is_unholdable(presence.record, policy),
    )


def _linked(case: Case, link: Link, policy: Policy) -> Step:
    for side in Side:
        presence = _presence(case, side)
        if presence.record is None and not presence.gone and presence.pairs:
            return _step(case, pairs=link.pairs, hold=Hold(HoldReason.UNREADABLE, detail=side.value))
    gone = next((side for side in Side if _presence(case, side).gone), None)
    if gone is not None and not link.pairs:
        return _reborn(case, gone, policy)
    moves = _enter(dict.fromkeys(link.pairs, True), case, policy)
    if not moves.agreed or gone is not None:
        return _step(case, pairs=moves.kept, moves=moves.moves)
    crm, google = case.crm.record, case.google.record
    if crm is None or google is None:
        unread = Side.CRM if crm is None else Side.GOOGLE
        return _step(case, pairs=link.pairs, hold=Hold(HoldReason.UNREADABLE, detail=unread.value))
    if not (link.crm_base or link.google_base or policy.place_unplaced):
        return _merged_step(case, Merged(), moves, policy)
    arms = (Arm(crm, _base(link.crm_base, crm)), Arm(google, _base(link.google_base, google)))
    return _merged_step(case, merge(*arms, policy), moves, policy)


def _reborn(case: Case, gone: Side, policy: Policy) -> Step:
    """A parked link whose record is gone: back in scope on the other side, it gets a new record there."""
    if _presence(case, gone.other).gone:
        return _step(case)
    return _created(case, gone.other, policy)


def _base(stored: Base | None, record: Record) -> Base:
    return base_of(record) if stored is None else stored


class _Moves(NamedTuple):
    """`agreed`: pairs both sides will be in. `kept`: also those left on one side that the other may not be told of."""

    moves: tuple[ScopeMove, ...]
    agreed: tuple[int, ...]
    kept: tuple[int, ...]


def _enter(before: dict[int, bool], case: Case, policy: Policy) -> _Moves:
    """Membership merged pair by pair: who left, takes the other along; who came, brings the other in."""
    inside = {side: set() if _presence(case, side).gone else set(_presence(case, side).pairs) for side in Side}
    leaver_gone = any(_presence(case, side).gone for side in Side)
    moves: list[ScopeMove] = []
    agreed, stuck = [], []
    for pair in sorted(inside[Side.CRM] | inside[Side.GOOGLE] | before.keys()):
        members = [side for side in Side if pair in inside[side]]
        if len(members) == 2:
            agreed.append(pair)
        elif pair in before:
            leave = [ScopeMove(side, pair, enter=False) for side in members if _may(side, policy)]
            moves += leave
            if len(leave) < len(members):
                stuck.append(pair)
        elif not leaver_gone and _may(members[0].other, policy):
            moves.append(ScopeMove(members[0].other, pair, enter=True))
            agreed.append(pair)
    ordered = sorted(moves, key=lambda m: (m.side is Side.GOOGLE, m.pair))
    return _Moves(tuple(ordered), tuple(agreed), tuple(sorted((*agreed, *stuck))))


def _may(to: Side, policy: Policy) -> bool:
    """True when the account's direction allows writing to that side."""
    return policy.direction == Flow.BOTH or (policy.direction == Flow.TO_CRM) is (to is Side.CRM)


def _merged_step(case: Case, merged: Merged, moves: _Moves, policy: Policy, *, partner: bool = False) -> Step:
    wrote = bool(merged.crm or merged.google or partner)
    google = case.google.record
    return _step(
        case,
        pairs=moves.kept,
        moves=moves.moves,
        crm=merged.crm,
        google=merged.google,
        conflicts=merged.conflicts,
        partner=partner,
        crm_unholdable=wrote and google is not None and _is_unholdable(google, policy),
    )


def _is_unholdable(google: Record, policy: Policy) -> bool:
    """True when something a Google contact says in a synchronised field has no place in the CRM."""
    return any(u.field.value in FIELD_MASK and project(u, policy.lens.crm) is None for u in google.units)


def _step(case: Case, **decided: object) -> Step:
    """A step that says what it was decided from."""
    link = case.link
    crm_id = link.crm_id if link else _id(case.crm)
    google_id = link.google_id if link else _id(case.google)
    create = decided.get("create")
    return Step(
        link=link.id if link else None,
        crm_id=None if create is Side.CRM else crm_id,
        google_id=None if create is Side.GOOGLE else google_id,
        crm_digest=case.crm.digest,
        google_digest=case.google.digest,
        **decided,  # type: ignore[arg-type]  # the callers above name fields of Step
    )


def _id(presence: Presence) -> RecordId | None:
    return presence.record.id if presence.record else None


def _presence(case: Case, side: Side) -> Presence:
    return case.crm if side is Side.CRM else case.google
