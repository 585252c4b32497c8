"""One pass over one account: observe, recover, plan, guard, apply, settle. Start reading here."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from syncd.core import guard
from syncd.core.contact import AccountName, Side
from syncd.core.errors import ConsentRevoked, NeedsHuman, Replan, RetryLater, SyncError
from syncd.core.ports import AccountRow, Decision, Store
from syncd.engine.apply import apply
from syncd.engine.brake import READ_AGAIN, RESTORED, Consent, brake, consent_of
from syncd.engine.labels import await_echo
from syncd.engine.placing import offer_of, times_named
from syncd.engine.propose import Proposal, propose
from syncd.engine.pull import Wanted, observe_google, offset_between, pull, server_now
from syncd.engine.recover import recover
from syncd.engine.report import Report, RunOutcome
from syncd.engine.run import Run, gave_up, turn
from syncd.engine.scopes import UNPLANNED, empty, gone_scopes, unseen_scopes, way_out

ROUNDS = 4
"""Plans of one run: what met a moved world in one is planned anew in the next; the last one finds nothing to do."""


def run_cycle(run: Run, wanted: dict[Side, Wanted]) -> Report:
    """One run of one account. The CRM's mirror is as its last complete reading left it; Google is read here."""
    began, requests = run.now(), (run.crm.remote.requests, run.google.remote.requests)
    tick = time.monotonic()
    try:
        with turn(run.store, run.google, run.id, run.now, run.sleep, run.beat) as lease:
            run.google_lease = lease
            _pass(run, wanted)
    except SyncError as error:
        _tell_end(run.report, error)
    run.report.requests.crm += run.crm.remote.requests - requests[0]
    run.report.requests.google += run.google.remote.requests - requests[1]
    run.report.seconds = round(time.monotonic() - tick, 3)
    _close(run, began)
    return run.report


def _pass(run: Run, wanted: dict[Side, Wanted]) -> None:
    full_at = run.store.source(run.google.id, Side.GOOGLE).full_at
    observe_google(run, wanted[Side.GOOGLE])
    run.report.full = run.store.source(run.google.id, Side.GOOGLE).full_at != full_at
    if recover(run, wanted):
        _save(run, planned=UNPLANNED)
    for _round in range(ROUNDS):
        if not needs_plan(run):
            return
        before, decisions, named = _revisions(run), run.store.decisions(run.account), times_named(run)
        doubts = run.report.in_doubt
        written = _one_plan(run, wanted)
        if written is None:
            return
        certain = not run.replans and run.report.in_doubt == doubts
        if certain:
            _taken_in(run, [d for d in decisions if not written or d.kind != "approve"], named)
        if not written:
            _settled(run, before)
            return
        await_echo(run, server_now(run.store.source(run.google.id, Side.GOOGLE), run.now()))
        _echoes(run, wanted)


def _taken_in(run: Run, decisions: list[Decision], named: int) -> None:
    """What people had decided, and the names that had appeared, are part of what is done now.

    An approval is good until a plan under it finds nothing to write: what it let through is measured with the next.
    """
    for decision in decisions:
        run.store.forget_decision(decision.id)
    row = run.row()
    if row.facts.get("names", 0) != named:
        _save(run, facts={**row.facts, "names": named})


def needs_plan(run: Run) -> bool:
    """Whether a plan could differ from the last settled one.

    A mirror moved, something is owed to a person, or what could not be placed may be now.
    """
    row = run.row()
    if row.planned != _revisions(run) or row.state == "held" or run.store.decisions(run.account):
        return True
    return offer_of(run) is not None or bool(unseen_scopes(run))


def _revisions(run: Run) -> tuple[int, int]:
    return run.store.source(run.crm.id, Side.CRM).revision, run.store.source(run.google.id, Side.GOOGLE).revision


def _one_plan(run: Run, wanted: dict[Side, Wanted]) -> int | None:
    """Plan, guard, apply. How many steps were to write something; None when the brake holds the plan."""
    run.replans = 0
    consent = consent_of(run)
    bind(run, consent, wanted)
    proposal = propose(run, consent.damage)
    reasons = brake(run, proposal.tally, wanted, consent)
    if reasons == READ_AGAIN:
        proposal = propose(run, consent.damage)
        reasons = brake(run, proposal.tally, wanted, consent, confirmed=True)
    if reasons:
        hold_plan(run, proposal, reasons)
        return None
    apply(run, proposal.plan, proposal.steps, wanted)
    run.store.drop_plan(run.account)
    return proposal.writing


def bind(run: Run, consent: Consent, wanted: dict[Side, Wanted]) -> None:
    """Fix what this plan is made under: the clocks as they are known now, what may be placed, what was let go."""
    crm, google = run.store.source(run.crm.id, Side.CRM), run.store.source(run.google.id, Side.GOOGLE)
    run.policy = run.settings.bound(offset_between(crm, google, run.now()), server_now(google, run.now()))
    run.offer = offer_of(run)
    run.let_go = "scope_gone" in consent.reasons
    run.gone = gone_scopes(run) if run.let_go else None
    if run.gone:
        empty(run, run.gone, wanted)


def hold_plan(run: Run, proposal: Proposal, reasons: tuple[str, ...]) -> None:
    """Keep the plan for a person; the account says why."""
    run.report.outcome, run.report.reason = RunOutcome.HELD, reasons[0]
    run.report.message = (
        f"the plan is held: {', '.join(reasons)}. See `syncd plan {run.account}`, then `syncd approve {run.account}`."
    )
    if "scope_gone" in reasons and run.gone:
        run.report.message += way_out(run.row(), run.gone)
        for _side, pair in sorted(run.gone):
            run.tell("SY114", pair=pair)
    run.store.mark_plan(proposal.plan, "held", reasons, guard.counts(proposal.tally))
    facts = {**run.row().facts, "held_under": run.fingerprint()}
    _save(run, state="held", message=run.report.message, facts=facts)
    tally = proposal.tally
    run.tell(
        "SY104",
        plan=proposal.plan,
        reasons=list(reasons),
        leavers=tally.leavers,
        changed=tally.changed,
        emptied=tally.emptied,
    )


def _settled(run: Run, revisions: tuple[int, int]) -> None:
    """A plan made from these revisions found nothing to write: no other is needed until one of them moves."""
    counts = run.store.counts(run.account)
    members = {k: n for k, n in counts.items() if k.startswith(("crm.", "google."))}
    row = run.row()
    known: dict[str, Any] = {
        "planned": revisions,
        "facts": {k: v for k, v in row.facts.items() if k != RESTORED} | {"members": members},
        "fingerprint": run.fingerprint(),
    }
    if any(getattr(row, key) != value for key, value in known.items()):
        _save(run, **known)


def _echoes(run: Run, wanted: dict[Side, Wanted]) -> None:
    """Read what our own writes look like from outside, so that the next run finds nothing to do."""
    wrote_crm = msgspec.structs.astuple(run.report.crm) != (0, 0, 0, 0)
    wrote_google = msgspec.structs.astuple(run.report.google) != (0, 0, 0, 0)
    if wrote_crm:
        with turn(run.store, run.crm, run.id, run.now, run.sleep, run.beat) as lease:
            pull(run.store, run.crm, lease, wanted[Side.CRM], run.now())
    if wrote_google:
        observe_google(run, wanted[Side.GOOGLE])


def _save(run: Run, **changes: Any) -> AccountRow:
    row = msgspec.structs.replace(run.row(), **changes)
    run.store.put_account(row)
    return row


# ------------------------------------------------------------------------------------------------- endings


STATES = {
    RunOutcome.OK: "ok",
    RunOutcome.HELD: "held",
    RunOutcome.NEEDS_CONSENT: "needs_consent",
    RunOutcome.FAILED: "failed",
}
"""The account's state after a run; a run that was only too early leaves it as it was."""


def _tell_end(report: Report, error: SyncError) -> None:
    """An early end as an outcome. Nothing is lost by it: the next run plans again from what was observed."""
    report.reason = error.reason
    report.message = f"{error} {error.fix}".strip() if isinstance(error, NeedsHuman) else str(error)
    if isinstance(error, ConsentRevoked):
        report.outcome = RunOutcome.NEEDS_CONSENT
    elif isinstance(error, RetryLater):
        report.outcome, report.message = RunOutcome.BUSY, gave_up(error)
        report.retry_after = error.after or 0.0
    elif isinstance(error, Replan):
        report.outcome = RunOutcome.BUSY
    else:
        report.outcome = RunOutcome.FAILED


def _close(run: Run, began: float) -> None:
    """The run's row and the account's state; a run that found nothing to do writes neither."""
    report, row = run.report, run.store.account(run.account)
    if row is None:
        return
    good = report.outcome in (RunOutcome.OK, RunOutcome.HELD)
    known = {
        "state": STATES.get(report.outcome, row.state),
        "failures": 0 if good else row.failures + 1,
        "message": report.message,
    }
    did = did_something(report) or report.outcome is not RunOutcome.OK
    if did or any(getattr(row, key) != value for key, value in known.items()):
        _save(run, **known, last_run=began)
    if did:
        run.store.put_run(run.id, run.account, began, report.as_json())
    _log_end(run)


def _log_end(run: Run) -> None:
    report = run.report
    requests = {"crm_requests": report.requests.crm, "google_requests": report.requests.google}
    if report.outcome not in (RunOutcome.OK, RunOutcome.HELD):
        run.tell("SY109", source=run.google.id, reason=report.reason, message=report.message)
    elif report.outcome is RunOutcome.OK and not did_something(report) and not report.held:
        run.tell("SY103", seconds=report.seconds, **requests)
    else:
        told = {f"crm_{k}": n for k, n in msgspec.structs.asdict(report.crm).items()}
        told |= {f"google_{k}": n for k, n in msgspec.structs.asdict(report.google).items()}
        told |= {
            k: getattr(report, k)
            for k in ("full", "linked", "conflicts", "held", "rejected", "in_doubt", "seconds", "reason")
        }
        run.tell("SY102", outcome=report.outcome.value, **told, **requests)


def failed_report(store: Store, name: AccountName, error: SyncError, now: float) -> Report:
    """The report of a run that could not begin; the account remembers why."""
    report = Report(account=name)
    _tell_end(report, error)
    row = store.account(name)
    if row is not None and report.outcome in STATES:
        known = {"state": STATES[report.outcome], "message": report.message, "failures": row.failures + 1}
        store.put_account(msgspec.structs.replace(row, last_run=now, **known))
    return report


def did_something(report: Report) -> bool:
    """Whether the run wrote, linked, or met something a person may want to see."""
    counts = (*msgspec.structs.astuple(report.crm), *msgspec.structs.astuple(report.google))
    return bool(sum(counts) + report.linked + report.conflicts + report.rejected + report.in_doubt)
