"""People's decisions on held contacts, as a plan takes them in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from syncd.core.contact import RecordId, Side, base_of
from syncd.core.plan import reconcile
from syncd.core.ports import Decision
from syncd.core.step import Case, Hold, HoldReason, Link, Planned, Presence, ScopeMove, Step
from syncd.engine.partners import NO_BASE, Verdict, presence_of
from syncd.engine.run import Run


class Choice(NamedTuple):
    """One of: the same person as the record `link`; a new person (`create`); it leaves its scope (`leave`)."""

    link: RecordId | None = None
    create: bool = False
    leave: bool = False


Choices = Mapping[str, Choice]
"""By subject: the number of a link, or the id of a newcomer."""


def choices_of(decisions: Iterable[Decision]) -> Choices:
    """What people said about single contacts."""
    return {
        d.subject: Choice(
            RecordId(d.value["link"]) if d.value.get("link") else None,
            bool(d.value.get("create")),
            bool(d.value.get("leave")),
        )
        for d in decisions
        if d.kind == "resolve"
    }


def verdicts_of(choices: Choices) -> dict[RecordId, Verdict]:
    """The verdicts on newcomers that are not to be sought any more."""
    return {
        RecordId(subject): Verdict(partner=choice.link, leaves=choice.leave, decided=True)
        for subject, choice in choices.items()
    }


def letting_go(case: Case) -> Planned:
    """Out of the scope on both sides; both records stay."""
    link = case.link
    moves = tuple(
        ScopeMove(side, pair, enter=False)
        for side, presence in ((Side.CRM, case.crm), (Side.GOOGLE, case.google))
        for pair in ([] if presence.gone else presence.pairs)
    )
    crm_id, google_id = (link.crm_id, link.google_id) if link else (_id(case.crm), _id(case.google))
    step = Step(link.id if link else None, crm_id, google_id, moves=moves)
    return Planned(case, msgspec.structs.replace(step, crm_digest=case.crm.digest, google_digest=case.google.digest))


def _id(presence: Presence) -> RecordId | None:
    return presence.record.id if presence.record else None


# ------------------------------------------------------------------------------------------------- held links


def lost_side(case: Case) -> Side | None:
    """The side on which the link's record is gone, or was given to another link."""
    if case.link is None:
        return None
    sides = ((Side.CRM, case.crm, case.link.crm_id), (Side.GOOGLE, case.google, case.link.google_id))
    return next((side for side, presence, record in sides if presence.gone or record is None), None)


def decided_link(run: Run, case: Case, choice: Choice) -> Planned | None:
    """The step a person asked for; None where the words do not fit this link, which then is looked at afresh."""
    lost = lost_side(case)
    if choice.leave:
        return letting_go(case)
    if lost is None or case.link is None:
        return None
    if choice.create:
        return _made_anew(run, case, case.link, lost)
    survivor = presence_of(run, lost, choice.link)
    return None if survivor is None else moved_to(run, case, lost, survivor)


def _made_anew(run: Run, case: Case, link: Link, lost: Side) -> Planned:
    """A new record on the side where the old one vanished, under the same link."""
    fresh = msgspec.structs.replace(case, link=msgspec.structs.replace(link, pairs=(), hold=None))
    gone = msgspec.structs.replace(case.crm if lost is Side.CRM else case.google, gone=True, pairs=())
    fresh = msgspec.structs.replace(fresh, **{lost.value: gone})
    return Planned(fresh, reconcile(fresh, run.policy))


def moved_to(run: Run, case: Case, side: Side, survivor: Presence) -> Planned:
    """The link follows to another record of that side, and merges with it against the bases it has."""
    if case.link is None or survivor.record is None:
        return Planned(case, reconcile(case, run.policy))
    said = {
        f"{one.value}_base": base or (base_of(presence.record) if presence.record else NO_BASE)
        for one, base, presence in (
            (Side.CRM, case.link.crm_base, case.crm),
            (Side.GOOGLE, case.link.google_base, case.google),
        )
    }
    followed = msgspec.structs.replace(case.link, hold=None, **{f"{side.value}_id": survivor.record.id}, **said)
    moved = msgspec.structs.replace(case, link=followed, **{side.value: survivor})
    return Planned(moved, reconcile(moved, run.policy))


def handed_over(run: Run, choices: Choices) -> Iterator[Planned]:
    """Links whose record a person gives to another link: they lose it first, and wait in their turn."""
    numbers = {int(s): c.link for s, c in choices.items() if s.isdecimal() and c.link is not None}
    for case in run.store.work(run.account) if numbers else ():
        wanted = numbers.get(case.link.id) if case.link is not None else None
        lost = lost_side(case)
        if wanted is None or lost is None or case.link is None:
            continue
        owner = run.store.links_of(run.account, lost, [wanted]).get(wanted)
        if owner is not None and owner.id != case.link.id:
            yield _bereft(run, owner, lost, wanted)


def _bereft(run: Run, owner: Link, side: Side, record: RecordId) -> Planned:
    case = run.store.case(run.account, owner.id)
    bare = {"crm_base": NO_BASE, "google_base": NO_BASE, f"{side.value}_id": None}
    link = msgspec.structs.replace(case.link or owner, **bare)
    hold = Hold(HoldReason.MERGED_AWAY, (record,))
    bereft = msgspec.structs.replace(case, link=link, **{side.value: Presence()})
    return Planned(bereft, held(link, hold))


def held(link: Link, hold: Hold) -> Step:
    """The step that only waits."""
    return Step(link=link.id, crm_id=link.crm_id, google_id=link.google_id, pairs=link.pairs, hold=hold)
