"""Turn the mirrors into a plan: every step of one run, decided by `core`, streamed into the state, and counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from syncd.core import guard, match
from syncd.core.contact import Base, Record, RecordId, Side
from syncd.core.plan import reconcile
from syncd.core.ports import Decision, KeyKind, PlanRow
from syncd.core.step import Case, Hold, HoldReason, Link, LinkState, Planned, Presence, Step
from syncd.engine.partners import Verdict, Verdicts, judge_newcomers, read_bodies
from syncd.engine.run import Run

NO_BASE = Base((), ())
"""What a link that follows a new record starts from: nothing that both sides agreed on."""


class Proposal(NamedTuple):
    """A kept plan: its id, what it adds up to, how many steps it has, and how many of them write something."""

    plan: str
    tally: guard.Tally
    steps: int
    writing: int


def propose(run: Run, exempt: frozenset[str]) -> Proposal:
    """Decide and keep the plan. `exempt` are the damaging steps a person approved; the brake does not count them."""
    counter = _Counter(exempt)
    row = PlanRow(run.id, run.account, run.now(), "", "running", (), {})
    run.store.keep_plan(row, counter.through(_planned(run)))
    run.report.held = counter.held
    return Proposal(run.id, counter.tally, counter.steps, counter.writing)


class _Counter:
    """Tallies steps as they stream by."""

    def __init__(self, exempt: frozenset[str]) -> None:
        self.tally = guard.Tally()
        self.steps = 0
        self.writing = 0
        self.held = 0
        self._exempt = exempt

    def through(self, planned: Iterator[Planned]) -> Iterator[Planned]:
        for item in planned:
            self.held += item.step.hold is not None
            self.writing += item.step.writes
            if guard.damage_digest(item.step) not in self._exempt:
                self.tally = guard.tally(self.tally, item.case, item.step)
            self.steps += 1
            yield item


def _planned(run: Run) -> Iterator[Planned]:
    decisions = run.store.decisions(run.account)
    verdicts = judge_newcomers(run, _newcomers(run), _chosen(decisions))
    for done, case in enumerate(run.store.work(run.account), 1):
        planned = _linked(run, case, verdicts, decisions) if case.link is not None else _unlinked(run, case, verdicts)
        if planned is not None:
            yield planned
        if done % 500 == 0:
            run.show("planning", done)
            run.keep(run.google_lease)


def _newcomers(run: Run) -> Iterator[Case]:
    return (case for case in run.store.work(run.account) if case.link is None)


def _chosen(decisions: tuple[Decision, ...]) -> dict[RecordId, Verdict]:
    """What people said about newcomers: `{"link": id}` or `{"create": true}`."""
    chosen: dict[RecordId, Verdict] = {}
    for decision in decisions:
        if decision.kind != "resolve":
            continue
        if "link" in decision.value:
            chosen[RecordId(decision.subject)] = Verdict(partner=RecordId(decision.value["link"]))
        elif decision.value.get("create"):
            chosen[RecordId(decision.subject)] = Verdict()
    return chosen


def _linked(run: Run, case: Case, verdicts: Verdicts, decisions: tuple[Decision, ...]) -> Planned | None:
    link = case.link
    if link is None or link.id in verdicts.moved_links:
        return None
    if link.hold is not None and not _released(link, decisions):
        return Planned(
            case, Step(link=link.id, crm_id=link.crm_id, google_id=link.google_id, pairs=link.pairs, hold=link.hold)
        )
    step = reconcile(case, run.policy)
    vanished = Side.CRM if case.crm.gone else Side.GOOGLE if case.google.gone else None
    if vanished is not None and step.leaves:
        return _merged(run, case, vanished) or Planned(case, step)
    return Planned(case, step)


def _released(link: Link, decisions: tuple[Decision, ...]) -> bool:
    return any(d.kind == "resolve" and d.subject == str(link.id) for d in decisions)


# ------------------------------------------------------------------------------------------------- newcomers


def _unlinked(run: Run, case: Case, verdicts: Verdicts) -> Planned | None:
    side = Side.CRM if case.crm.record is not None else Side.GOOGLE
    record = (case.crm if side is Side.CRM else case.google).record
    verdict = verdicts.get(side, record.id) if record is not None else None
    if record is None or verdict is None:  # came while we planned: the next run's
        return None
    if verdict.hold is not None:
        return Planned(case, _newcomer_step(side, record.id, hold=verdict.hold))
    if verdict.twin:
        return Planned(case, _newcomer_step(side, record.id, quarantine=True))
    if verdict.partner is None:
        return Planned(case, reconcile(case, run.policy))
    mine = verdicts.get(side.other, verdict.partner)
    if mine is not None and mine.partner == record.id and side is Side.GOOGLE:
        return None  # planned already, from its CRM partner
    return _with_partner(run, case, side, verdict)


def _newcomer_step(side: Side, record: RecordId, *, hold: Hold | None = None, quarantine: bool = False) -> Step:
    crm_id, google_id = (record, None) if side is Side.CRM else (None, record)
    return Step(crm_id=crm_id, google_id=google_id, hold=hold, quarantine=quarantine)


def _with_partner(run: Run, case: Case, side: Side, verdict: Verdict) -> Planned | None:
    partner = _presence(run, side.other, verdict.partner)
    if partner is None:
        return None
    joined = Case(crm=case.crm, google=partner) if side is Side.CRM else Case(crm=partner, google=case.google)
    if verdict.follows is not None:
        joined = _following(run, joined, side, verdict.follows)
    return Planned(joined, reconcile(joined, run.policy))


def _presence(run: Run, side: Side, record: RecordId | None) -> Presence | None:
    if record is None:
        return None
    stored = run.store.presence(run.account, side, [record]).get(record)
    if stored is not None and stored.record is not None:
        return stored
    body = read_bodies(run, side, {record}).get(record)
    return None if body is None else Presence(record=body)


def _following(run: Run, joined: Case, side: Side, link: int) -> Case:
    """The link whose record vanished takes up the newcomer; with no base, as both may have changed."""
    old = run.store.case(run.account, link).link
    new_id = (joined.crm if side is Side.CRM else joined.google).record
    if old is None or new_id is None:
        return joined
    moved = msgspec.structs.replace(
        old, state=LinkState.LIVE, crm_base=NO_BASE, google_base=NO_BASE, **{f"{side.value}_id": new_id.id}
    )
    return msgspec.structs.replace(joined, link=moved)


# ------------------------------------------------------------------------------------------------- merges


def _merged(run: Run, case: Case, side: Side) -> Planned | None:
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
        hold = Hold(HoldReason.MERGED_AWAY, (survivor.id,))
        return Planned(
            case, Step(link=link.id, crm_id=link.crm_id, google_id=link.google_id, pairs=link.pairs, hold=hold)
        )
    presence = _presence(run, side, survivor.id)
    if presence is None:
        return None
    followed = msgspec.structs.replace(link, google_id=survivor.id)
    moved = msgspec.structs.replace(case, google=presence, link=followed)
    return Planned(moved, reconcile(moved, run.policy))


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
