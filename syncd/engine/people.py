"""What people ask and decide: the preview of a plan, the release of a held one, the word on a held contact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd.core import guard
from syncd.core.contact import AccountName, Side
from syncd.core.errors import NeedsHuman
from syncd.core.ports import Store
from syncd.core.step import Planned
from syncd.engine.brake import brake, consent_of
from syncd.engine.cycle import bind, hold_plan
from syncd.engine.propose import propose
from syncd.engine.pull import Wanted, observe_google
from syncd.engine.recover import recover
from syncd.engine.run import Run, turn
from syncd.engine.scopes import REBUILD
from syncd.engine.views import Row, plan_row

LET_GO = "let-go"
"""The subject of the decision to let the contacts of a tag or group go that is gone."""


@dataclass
class PlanView:
    """A plan to look at: its steps as rows, what it adds up to, and why the brake would hold it."""

    steps: Iterator[Row] = field(default_factory=lambda: iter(()))
    tally: dict[str, int] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def preview(run: Run, wanted: dict[Side, Wanted]) -> PlanView:
    """Decide, and show. A plan that the brake would hold is kept, so that `approve` means what was seen."""
    with turn(run.store, run.google, run.id, run.now, run.sleep, run.beat) as lease:
        run.google_lease = lease
        observe_google(run, wanted[Side.GOOGLE])
        recover(run, wanted)
        consent = consent_of(run)
        bind(run, consent, wanted)
        proposal = propose(run, consent.damage)
        reasons = brake(run, proposal.tally, wanted, consent, confirmed=True)
        rows = _rows(run.store, proposal.plan, keep=bool(reasons), account=run.account)
        view = PlanView(rows, guard.counts(proposal.tally), reasons)
        if reasons:
            hold_plan(run, proposal, reasons)
    return view


def _rows(store: Store, plan: str, *, keep: bool, account: AccountName) -> Iterator[Row]:
    for planned in store.kept_steps(plan):
        if planned.step.writes or planned.step.hold is not None:
            yield plan_row(planned)
    if not keep:
        store.drop_plan(account)


def approve(store: Store, account: AccountName, now: float) -> Row:
    """Release the held plan's damaging steps, as they were planned, for a day. The next run plans with them exempt."""
    plan = store.kept_plan(account)
    if plan is None or plan.state != "held":
        msg = f"no plan of {account} is held"
        raise NeedsHuman(msg, f"`syncd plan {account}` shows what the next sync would do")
    damage = [guard.damage_digest(p.step) for p in store.kept_steps(plan.id) if _counts(p)]
    row = store.account(account)
    mark = row.facts.get("held_under", "") if row is not None else ""
    value = {"plan": plan.id, "damage": damage, "reasons": list(plan.reasons), "fingerprint": mark}
    store.decide(account, plan.id, "approve", value, now)
    return {"account": account, "approved": plan.id, "reasons": list(plan.reasons), "steps": len(damage), "hours": 24}


def _counts(planned: Planned) -> bool:
    """Whether the brake counts this step: it takes something away, or rewrites a contact that was there."""
    return guard.dangerous(planned.step, planned.case) or bool(
        guard.tally(guard.Tally(), planned.case, planned.step).changed
    )


def resolve(store: Store, account: AccountName, subject: str, choice: Mapping[str, Any], now: float) -> Row:
    """Decide on one held contact: it is the same as another record, it is new, or it leaves its scope.

    The subjects `rebuild` and `let-go` decide on a tag or group that is gone.
    """
    if subject in (REBUILD, LET_GO):
        return _mend(store, account, subject, now)
    known = {subject_of(link, crm_id, google_id) for _a, link, _hold, crm_id, google_id in store.holds(account)}
    if subject not in known:
        msg = f"{account} holds no contact {subject}"
        raise NeedsHuman(msg, f"`syncd holds {account}` lists those that wait, with their subjects")
    decision = store.decide(account, subject, "resolve", choice, now)
    return {"account": account, "subject": subject, "decision": decision.id, "choice": dict(choice)}


def _mend(store: Store, account: AccountName, subject: str, now: float) -> Row:
    """A tag or group is gone: the next sync makes it anew, or takes its contacts out of the other side's."""
    plan = store.kept_plan(account)
    if plan is None or "scope_gone" not in plan.reasons:
        msg = f"no tag or group of {account} is known to be gone"
        raise NeedsHuman(msg, f"`syncd plan {account}` looks again")
    if subject == LET_GO:
        return approve(store, account, now)
    decision = store.decide(account, REBUILD, "resolve", {REBUILD: True}, now)
    return {"account": account, "subject": subject, "decision": decision.id, "choice": {REBUILD: True}}


def subject_of(link: int, crm_id: str | None, google_id: str | None) -> str:
    """How a held contact is named on the command line: its link, or for a newcomer its record."""
    return str(link) if link else str(crm_id or google_id)
