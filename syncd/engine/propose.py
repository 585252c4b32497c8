"""Turn the mirrors into a plan: every step of one run, decided by `core`, streamed into the state, and counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from syncd.core import guard
from syncd.core.contact import Record, RecordId, Side
from syncd.core.plan import reconcile
from syncd.core.ports import PlanRow
from syncd.core.step import Case, Hold, HoldReason, Link, LinkState, Planned, Presence, Step
from syncd.engine.decided import (
    Choices,
    choices_of,
    decided_link,
    handed_over,
    held,
    letting_go,
    lost_side,
    verdicts_of,
)
from syncd.engine.merged import merged
from syncd.engine.partners import NO_BASE, Verdict, Verdicts, judge_newcomers, presence_of
from syncd.engine.placing import offered
from syncd.engine.pull import point_read
from syncd.engine.run import Run, turn


class Proposal(NamedTuple):
    """A kept plan: its id, what it adds up to, how many steps it has, and how many of them write something."""

    plan: str
    tally: guard.Tally
    steps: int
    writing: int


def propose(run: Run, exempt: frozenset[str]) -> Proposal:
    """Decide and keep the plan. `exempt` are the damaging steps a person approved; the brake does not count them."""
    counter = _Counter(exempt, (run.gone or frozenset()) if run.let_go else frozenset())
    row = PlanRow(run.id, run.account, run.now(), "", "running", (), {})
    run.store.keep_plan(row, counter.through(_planned(run)))
    run.report.held = counter.held
    return Proposal(run.id, counter.tally, counter.steps, counter.writing)


class _Counter:
    """Tallies steps as they stream by."""

    def __init__(self, exempt: frozenset[str], let_go: frozenset[tuple[Side, int]]) -> None:
        self.tally = guard.Tally()
        self.steps = 0
        self.writing = 0
        self.held = 0
        self._exempt = exempt
        self._gone = let_go

    def _let_go(self, step: Step) -> bool:
        """A contact that leaves because the tag or group of the other side is gone, as a person said."""
        left = [(move.side.other, move.pair) for move in step.moves if not move.enter]
        return bool(left) and all(place in self._gone for place in left)

    def through(self, planned: Iterator[Planned]) -> Iterator[Planned]:
        for item in planned:
            self.held += item.step.hold is not None
            self.writing += item.step.writes
            if guard.damage_digest(item.step) not in self._exempt and not self._let_go(item.step):
                self.tally = guard.tally(self.tally, item.case, item.step)
            self.steps += 1
            yield item


def _planned(run: Run) -> Iterator[Planned]:
    choices = choices_of(run.store.decisions(run.account))
    run.chosen = frozenset(RecordId(subject) for subject, choice in choices.items() if choice.create)
    unseen: dict[Side, list[RecordId]] = {side: [] for side in Side}
    verdicts = judge_newcomers(run, _newcomers(run, unseen), verdicts_of(choices))
    _look_at(run, unseen)
    bereft = list(handed_over(run, choices))
    yield from bereft
    done_with = verdicts.moved_links.union(p.step.link for p in bereft if p.step.link is not None)
    for done, case in enumerate(run.store.work(run.account, unplaced=run.offer is not None), 1):
        if case.link is None:
            planned = _unlinked(run, case, verdicts)
        else:
            planned = None if case.link.id in done_with else _linked(run, case, case.link, choices)
        if planned is not None and not _into_nothing(run, planned.step):
            yield planned
        if done % 500 == 0:
            run.show("planning", done)
            run.keep(run.google_lease)
    yield from _unread(run)


def _newcomers(run: Run, unseen: dict[Side, list[RecordId]]) -> Iterator[Case]:
    """The work that has no link yet; what links name and the mirror never saw is gathered on the way."""
    for case in run.store.work(run.account):
        if case.link is None:
            yield case
            continue
        for side, record in ((Side.CRM, case.link.crm_id), (Side.GOOGLE, case.link.google_id)):
            presence = case.crm if side is Side.CRM else case.google
            if record is not None and presence.record is None and not (presence.gone or presence.pairs):
                unseen[side].append(record)


def _look_at(run: Run, unseen: dict[Side, list[RecordId]]) -> None:
    """Read these one by one: partners out of scope whose joining broke off before a write of ours brought them back."""
    if unseen[Side.GOOGLE]:
        point_read(run.store, run.google, run.google_lease, unseen[Side.GOOGLE], run.now())
    if unseen[Side.CRM]:
        with turn(run.store, run.crm, run.id, run.now, run.sleep, run.beat) as lease:
            point_read(run.store, run.crm, lease, unseen[Side.CRM], run.now())


def _into_nothing(run: Run, step: Step) -> bool:
    """Whether a step goes into a tag or group that is gone and that people agreed to let go."""
    entered = {(m.side, m.pair) for m in step.moves if m.enter}
    if step.create is not None:
        entered.update((side, pair) for side in Side for pair in step.pairs)
    return bool(run.let_go and run.gone and entered & run.gone)


def _unread(run: Run) -> Iterator[Planned]:
    """Members that are listed and cannot be read wait alone."""
    for side, record in run.store.unread(run.account):
        hold = Hold(HoldReason.UNREADABLE, detail=side.value)
        unseen = Record(record, "", (), ())
        case = Case(crm=Presence(record=unseen), google=Presence())
        if side is Side.GOOGLE:
            case = Case(crm=Presence(), google=Presence(record=unseen))
        yield Planned(case, _newcomer_step(side, record, hold=hold))


# ------------------------------------------------------------------------------------------------- links


def _linked(run: Run, case: Case, link: Link, choices: Choices) -> Planned | None:
    choice = choices.get(str(link.id))
    decided = decided_link(run, case, choice) if choice is not None else None
    if decided is not None:
        return decided
    vanished = lost_side(case)
    waits = link.hold is not None and link.hold.reason is HoldReason.MERGED_AWAY and vanished is not None
    if waits and link.hold is not None and choice is None:
        return Planned(case, held(link, link.hold))
    policy = run.policy
    if offered(run, case):
        policy = msgspec.structs.replace(policy, place_unplaced=True)
    step = reconcile(case, policy)
    if vanished is not None and step.leaves:
        return merged(run, case, vanished) or Planned(case, step)
    return Planned(case, step)


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
    if verdict.leaves:
        return letting_go(case)
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
    partner = presence_of(run, side.other, verdict.partner)
    if partner is None:
        return None
    joined = Case(crm=case.crm, google=partner) if side is Side.CRM else Case(crm=partner, google=case.google)
    if verdict.follows is not None:
        joined = _following(run, joined, side, verdict.follows)
    return Planned(joined, reconcile(joined, run.policy))


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
