"""What one write's outcome changes: the mirror, the membership, the link. `apply` commits what comes out."""

from __future__ import annotations

import msgspec

from syncd.core.contact import Record, Side
from syncd.core.delta import digest
from syncd.core.plan import carry
from syncd.core.ports import (
    CallItem,
    Create,
    Done,
    Enter,
    Leave,
    Member,
    Outcome,
    Refused,
    Settled,
    Unknown,
    Unsent,
    Update,
    Write,
)
from syncd.core.step import Hold, HoldReason, Link, LinkState
from syncd.engine.run import Run
from syncd.engine.ticket import Ticket, final_link, interim_link


def settle(run: Run, side: Side, ticket: Ticket, item: CallItem, outcome: Outcome) -> Settled:
    """One item's outcome as state, counted into the report; a ticket whose item failed is over for this plan."""
    if isinstance(outcome, Done):
        return _done(run, side, ticket, item, outcome)
    creating = isinstance(item.write, Create)
    before = None if ticket.linkless else interim_link(ticket)
    if isinstance(outcome, Unsent):
        return Settled(item, outcome, _before_create(ticket) if creating else before)
    ticket.failed = True
    if isinstance(outcome, Unknown):
        run.report.in_doubt += 1
        run.tell("SY202", side=side.value, kind=type(item.write).__name__.lower(), items=1, reason=outcome.reason)
        return Settled(item, outcome, _creating(ticket, side, item) if creating else before)
    if isinstance(outcome, Refused):
        run.report.rejected += 1
        run.tell("SY210", side=side.value, link=ticket.link.id, reason=outcome.reason)
        return Settled(item, outcome, _refused(run, ticket, outcome, creating=creating))
    run.replans += 1
    return Settled(item, outcome, _before_create(ticket) if creating else before)


def _before_create(ticket: Ticket) -> Link | None:
    """A create that did not happen leaves no link, unless the link is older than it."""
    old = ticket.planned.case.link
    if old is None:
        ticket.link = msgspec.structs.replace(ticket.link, id=0)
    return old


def _creating(ticket: Ticket, side: Side, item: CallItem) -> Link:
    own = side is Side.CRM and isinstance(item.write, Create)
    crm_id = item.write.id if own and isinstance(item.write, Create) else ticket.link.crm_id
    return msgspec.structs.replace(interim_link(ticket), state=LinkState.CREATING, crm_id=crm_id)


def _refused(run: Run, ticket: Ticket, outcome: Refused, *, creating: bool) -> Link | None:
    """The same content is not tried again: the link remembers it, or for a newcomer the hold does."""
    step = ticket.planned.step
    if ticket.linkless:
        return None
    if not creating or ticket.planned.case.link is not None:
        return msgspec.structs.replace(interim_link(ticket), refused=f"{step.crm_digest}:{step.google_digest}")
    side = step.create.other if step.create else Side.CRM
    newcomer = ticket.before(side)
    if newcomer is not None:
        hold = Hold(HoldReason.REFUSED, (), outcome.reason)
        run.store.hold_newcomer(run.google_lease, run.account, side, newcomer.id, hold, digest(newcomer))
    return None


def _done(run: Run, side: Side, ticket: Ticket, item: CallItem, outcome: Done) -> Settled:
    write, step = item.write, ticket.planned.step
    ticket.owed -= 1
    ticket.unplaced = ticket.unplaced or outcome.unholdable
    record = None
    if outcome.record is not None:
        record = carry(outcome.record, ticket.before(side), step.changes(side), side, run.policy.offset)
        ticket.readback[side] = record
    if isinstance(write, Create) and record is not None:
        ticket.link = msgspec.structs.replace(ticket.link, **{f"{side.value}_id": record.id})
    if isinstance(write, Enter) and record is None:
        record = ticket.before(side)
    _count(run, side, write, wrote=not outcome.unholdable or record is None or _moved(ticket, side, record))
    _remember_move(run, side, write)
    entered, left = _membership(write, outcome)
    return Settled(item, outcome, _link_after(run, ticket), record, entered, left)


def _link_after(run: Run, ticket: Ticket) -> Link | None:
    step = ticket.planned.step
    if ticket.linkless:
        if step.quarantine and not ticket.owed:
            run.tell("SY204", record=step.google_id)
        return None
    if ticket.owed:
        return interim_link(ticket)
    run.report.conflicts += len(step.conflicts)
    run.report.linked += step.partner or step.create is not None
    return final_link(ticket)


def _membership(write: Write, outcome: Done) -> tuple[tuple[Member, ...], tuple[Member, ...]]:
    if isinstance(write, Create) and outcome.record is not None:
        return tuple(Member(scope, outcome.record.id, outcome.rows) for scope in write.scopes), ()
    if isinstance(write, Enter):
        return (Member(write.scope, write.record, outcome.rows),), ()
    if isinstance(write, Leave):
        return (), (Member(write.scope, write.record),)
    return (), ()


def _moved(ticket: Ticket, side: Side, record: Record) -> bool:
    """False for an update of which nothing could be placed: the record is what it was."""
    before = ticket.before(side)
    return before is None or digest(before) != digest(record)


def _remember_move(run: Run, side: Side, write: Write) -> None:
    """Our own group changes: the first ones tell whether such changes show in Google's deltas."""
    if side is not Side.GOOGLE:
        return
    if isinstance(write, Update):
        run.rewritten.add(write.record.id)
    elif isinstance(write, Enter | Leave) and any(write.scope == group for _, group in run.pairs):
        run.moved[write.record] = (write.scope, isinstance(write, Enter))


def _count(run: Run, side: Side, write: Write, *, wrote: bool) -> None:
    crm, google = run.report.crm, run.report.google
    on_crm = side is Side.CRM
    if isinstance(write, Create):
        crm.created += on_crm
        google.created += not on_crm
    elif isinstance(write, Update):
        crm.updated += on_crm and wrote
        google.updated += not on_crm
    elif isinstance(write, Enter):
        crm.tagged += on_crm
        google.grouped += not on_crm
    else:
        crm.untagged += on_crm
        google.ungrouped += not on_crm
