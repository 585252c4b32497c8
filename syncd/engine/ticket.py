"""A step on its way: which writes it asks for, and what its link says when some or all of them are done."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from syncd.core.anchor import Anchor
from syncd.core.contact import Base, Record, RecordId, ScopeId, Side, base_of
from syncd.core.plan import settled
from syncd.core.ports import Create, Enter, Leave, ScopeWish, Update, Write
from syncd.core.step import Link, LinkState, Planned
from syncd.engine.partners import NO_BASE
from syncd.engine.placing import offered
from syncd.engine.run import Run

NAMESPACE = uuid.UUID("6f0c9a52-3c1e-5d0e-9d3a-0f6f6d7a3b11")
DUPLICATES_GROUP = "syncd duplicates"
ORDER = (Create, Update, Enter, Leave)
"""Creates, then updates, then moves: a move changes the version that an update was planned against."""


@dataclass
class Ticket:
    """The link as it stands, the read-backs so far, and how many writes are still owed.

    `unplaced`: a value of it waits for a row of the CRM's lookups.
    """

    planned: Planned
    link: Link
    owed: int = 0
    failed: bool = False
    readback: dict[Side, Record] = field(default_factory=dict)
    unplaced: bool = False

    @property
    def linkless(self) -> bool:
        """A contact that is only taken out of scope, and had no link: it gets none."""
        step = self.planned.step
        return self.planned.case.link is None and (step.quarantine or not step.pairs)

    def before(self, side: Side) -> Record | None:
        """The record of that side as the step was planned against."""
        return (self.planned.case.crm if side is Side.CRM else self.planned.case.google).record


Pair = tuple[Ticket, Write]


def ticket_of(run: Run, planned: Planned) -> Ticket:
    """A fresh ticket; a contact without a link gets one that is not stored yet."""
    step = planned.step
    link = planned.case.link or Link(0, run.account, LinkState.LIVE, step.crm_id, step.google_id)
    ticket = Ticket(planned, link, unplaced=link.unplaced and not offered(run, planned.case))
    ticket.owed = sum(len(writes_of(run, ticket, side)) for side in Side)
    return ticket


# ------------------------------------------------------------------------------------------------- links


def final_link(ticket: Ticket) -> Link:
    """All is done: both bases are what both sides say now, as it was planned with and read back."""
    step = ticket.planned.step
    return msgspec.structs.replace(
        ticket.link,
        state=LinkState.LIVE if step.pairs else LinkState.PARKED,
        crm_base=_base(ticket, Side.CRM) if step.pairs else ticket.link.crm_base,
        google_base=_base(ticket, Side.GOOGLE) if step.pairs else ticket.link.google_base,
        pairs=step.pairs,
        hold=None,
        refused="",
        unplaced=ticket.unplaced,
    )


def _base(ticket: Ticket, side: Side) -> Base | None:
    before, after = ticket.before(side), ticket.readback.get(side)
    if after is None:
        return None if before is None else base_of(before)
    if before is None:
        return base_of(after)
    return settled(before, ticket.planned.step.changes(side), after) or base_of(after)


def interim_link(ticket: Ticket) -> Link:
    """Not all is done: the bases stay what they were, spelt out, for the mirror has moved under them.

    Two records that are only being joined have none yet: whatever is left is merged without one.
    """
    if ticket.planned.case.link is None:
        return msgspec.structs.replace(ticket.link, crm_base=NO_BASE, google_base=NO_BASE, unplaced=ticket.unplaced)
    bases = {}
    for side, base in ((Side.CRM, ticket.link.crm_base), (Side.GOOGLE, ticket.link.google_base)):
        before = ticket.before(side)
        bases[f"{side.value}_base"] = base if base is not None or before is None else base_of(before)
    return msgspec.structs.replace(ticket.link, unplaced=ticket.unplaced, **bases)


# ------------------------------------------------------------------------------------------------- writes


def writes(run: Run, tickets: Iterable[Ticket], side: Side) -> list[Pair]:
    """What these tickets ask of one side, in the order it has to be sent."""
    pairs = [(t, w) for t in tickets if not t.failed for w in writes_of(run, t, side)]
    return sorted(pairs, key=lambda pair: ORDER.index(type(pair[1])))


def writes_of(run: Run, ticket: Ticket, side: Side) -> list[Write]:
    """One ticket's writes to one side."""
    step = ticket.planned.step
    if step.quarantine:
        return _quarantine(run, ticket) if side is Side.GOOGLE else []
    if step.create is side:
        return [_create(run, ticket, side)]
    asked: list[Write] = []
    record = ticket.before(side)
    if step.changes(side) and record is not None:
        asked.append(Update(record, step.changes(side), _intent(run, ticket)))
    asked.extend(_moves(run, ticket, side))
    return asked


def _intent(run: Run, ticket: Ticket) -> str:
    """Names one step of one run, the same however often it is asked for."""
    step = ticket.planned.step
    return uuid.uuid5(NAMESPACE, f"{run.id}/{step.crm_id}/{step.google_id}").hex


def _create(run: Run, ticket: Ticket, side: Side) -> Create:
    step, intent = ticket.planned.step, _intent(run, ticket)
    units = tuple(c.new for c in step.changes(side) if c.new is not None)
    scopes = tuple(run.scope(side, pair) for pair in step.pairs)
    if side is Side.GOOGLE:
        crm_id = ticket.link.crm_id or step.crm_id or RecordId("")
        return Create(intent, None, str(Anchor(run.tenant, crm_id, intent)), units, scopes)
    return Create(intent, _crm_id(run, ticket), "", units, scopes, run.settings.owner)


def _crm_id(run: Run, ticket: Ticket) -> RecordId:
    """The id a new CRM contact gets: the same on every try for one Google contact, so that no try makes a second."""
    lost = ticket.link.crm_id or ""
    told = f"{run.tenant}/{run.google.id}/{ticket.planned.step.google_id}/{lost}"
    return RecordId(str(uuid.uuid5(NAMESPACE, told)))


def _moves(run: Run, ticket: Ticket, side: Side) -> Iterator[Write]:
    case, link = ticket.planned.case, ticket.link
    record, presence = (link.crm_id, case.crm) if side is Side.CRM else (link.google_id, case.google)
    if record is None:
        return
    for move in ticket.planned.step.moves:
        if move.side is not side:
            continue
        scope = run.scope(side, move.pair)
        if move.enter:
            yield Enter(record, scope, _intent(run, ticket))
        else:
            yield Leave(record, scope, presence.rows.get(move.pair, ()))


def _quarantine(run: Run, ticket: Ticket) -> list[Write]:
    """A twin goes into a group of its own and out of ours; it is not deleted."""
    twin = ticket.planned.step.google_id
    if twin is None:
        return []
    apart = run.google.remote.resolve(ScopeWish(DUPLICATES_GROUP))
    groups: list[ScopeId] = [run.scope(Side.GOOGLE, pair) for pair in ticket.planned.case.google.pairs]
    return [Enter(twin, apart), *(Leave(twin, group) for group in groups)]
