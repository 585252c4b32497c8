"""Carry a plan out: one durable commit before each mutating request and one after it, and nothing sent twice.

Google's writes come first, then the CRM's, each CRM call in its own turn. A step counts as done when its last write is;
until then its bases stay where they were, so that an interrupted step is simply planned again.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import msgspec

from syncd.core import match
from syncd.core.contact import Record, RecordId, Side
from syncd.core.delta import digest
from syncd.core.errors import Claimed, SyncError
from syncd.core.ports import (
    CallItem,
    Create,
    Enter,
    Lease,
    Leave,
    Missing,
    Outcome,
    Stale,
    Unknown,
    Unsent,
    Update,
    Write,
)
from syncd.core.step import Hold, Link, Planned, Step
from syncd.engine.partners import read_bodies
from syncd.engine.pull import Wanted, point_read, pull, server_now
from syncd.engine.run import Run, turn
from syncd.engine.settle import settle
from syncd.engine.ticket import Pair, Ticket, final_link, ticket_of, writes

CHUNK = 1_000
"""Steps in hand at once: one group membership call, five batches of creates."""
READING_HOLDS = 30.0
"""Seconds for which a reading of the CRM serves a run's calls: what one batch may take on a slow server anyway."""
READING_SHARE = 0.1
"""The part of the time that may go into readings, once they take long for all that was written lately."""
RESENDS = 3
"""How often an item that was not applied for another item's fault is sent again within a run."""


def apply(run: Run, plan: str, total: int, wanted: dict[Side, Wanted]) -> None:
    """Carry out every step of the kept plan. Items that met a moved world count into `run.replans`."""
    done = 0
    for chunk in _chunks(run.store.kept_steps(plan)):
        tickets = _tickets(run, chunk)
        doubtful = _send_all(run, Side.GOOGLE, run.google_lease, writes(run, tickets, Side.GOOGLE))
        point_read(run.store, run.google, run.google_lease, doubtful, run.now())
        _send_in_turns(run, writes(run, tickets, Side.CRM), wanted[Side.CRM])
        done += len(chunk)
        run.show("writing", done, total)
        if run.stop():
            run.replans += 1
            return


def _chunks(steps: Iterator[Planned]) -> Iterator[list[Planned]]:
    while chunk := list(itertools.islice(steps, CHUNK)):
        yield chunk


def _tickets(run: Run, chunk: Sequence[Planned]) -> list[Ticket]:
    """Those of steps that ask for requests. The others are settled here and now, together."""
    owing: list[Ticket] = []
    done: list[tuple[Step, Link]] = []
    for planned in chunk:
        step = planned.step
        if step.hold is not None:
            _hold(run, planned, step.hold)
            continue
        ticket = ticket_of(run, planned)
        if ticket.owed:
            owing.append(ticket)
        elif planned.case.link is not None or step.partner:  # else a newcomer that says nothing, or may not go across
            done.append((step, final_link(ticket)))
    if done:
        run.store.settle_steps(run.google_lease, run.account, done, run=run.id)
    run.report.conflicts += sum(len(step.conflicts) for step, _ in done)
    run.report.linked += sum(step.partner for step, _ in done)
    return owing


def _hold(run: Run, planned: Planned, hold: Hold) -> None:
    link = planned.case.link
    if link is not None:
        if link.hold != hold:
            run.store.settle_step(run.google_lease, run.account, planned.step, msgspec.structs.replace(link, hold=hold))
            run.tell("SY211", reason=hold.reason.value, link=link.id)
        return
    side, presence = (Side.CRM, planned.case.crm) if planned.case.crm.record else (Side.GOOGLE, planned.case.google)
    if presence.record is not None:
        lease, record = run.google_lease, presence.record.id
        run.store.hold_newcomer(lease, run.account, side, record, hold, presence.digest)


# ------------------------------------------------------------------------------------------------- the CRM's turns


def _send_in_turns(run: Run, pairs: list[Pair], wanted: Wanted) -> None:
    """The CRM's calls: before each one a look, so that nothing is written over what we have not seen.

    They are split one by one: how much fits into a call is learnt from the one before.
    """
    owners = {id(w): t for t, w in pairs}
    while pairs:
        call = run.crm.remote.split([w for _, w in pairs])[0]
        sent = {id(w) for w in call}
        pairs = [(t, w) for t, w in pairs if id(w) not in sent]
        with turn(run.store, run.crm, run.id, run.now, run.sleep, run.beat) as lease:
            _look(run, lease, call, wanted)
            batch = _still_true(run, [(owners[id(w)], w) for w in call if not owners[id(w)].failed])
            doubtful = _send_all(run, Side.CRM, lease, batch)
            point_read(run.store, run.crm, lease, doubtful, run.now())
        if run.stop():
            run.replans += 1
            return


def _look(run: Run, lease: Lease, call: Sequence[Write], wanted: Wanted) -> None:
    """What others did meanwhile: a reading, or right after one of ours, the contacts about to be changed alone.

    The epoch tells that nobody had the CRM between the two. A reading costs what was written lately, by us above all;
    one before each of many calls would cost the square of their number.
    """
    now = run.now()
    if lease.epoch == run.crm_epoch + 1 and now < run.crm_read_until:
        point_read(run.store, run.crm, lease, [w.record.id for w in call if isinstance(w, Update)], now)
    else:
        pull(run.store, run.crm, lease, wanted, now, each=lambda _page: run.keep(lease))
        done = run.now()
        run.crm_read_until = done + max(READING_HOLDS, (done - now) / READING_SHARE)
    run.crm_epoch = lease.epoch


def _still_true(run: Run, batch: list[Pair]) -> list[Pair]:
    """Drop what the reading just before has overtaken; the next plan sees it."""
    current = _current_digests(run, [w.record for _, w in batch if isinstance(w, Update)])
    appeared = _partners_appeared(run, [t for t, w in batch if isinstance(w, Create)])
    for ticket, write in batch:
        changed = isinstance(write, Update) and current.get(write.record.id) != digest(write.record)
        if changed or id(ticket) in appeared:
            _overtaken(run, ticket)
    return [(t, w) for t, w in batch if not t.failed]


def _overtaken(run: Run, ticket: Ticket) -> None:
    ticket.failed = True
    run.replans += 1


def _current_digests(run: Run, records: Sequence[Record]) -> dict[RecordId, str]:
    """The CRM's content now; a contact out of scope has no body in the mirror and is read."""
    return {i: digest(r) for i, r in read_bodies(run, Side.CRM, {r.id for r in records}).items()}


def _partners_appeared(run: Run, tickets: Sequence[Ticket]) -> set[int]:
    """The newcomers for which the CRM has a contact meanwhile (another user brought the same person)."""
    asked = [(t, r) for t in tickets if t.planned.case.link is None and (r := t.before(Side.GOOGLE)) is not None]
    keys = {id(t): match.keys(r) for t, r in asked if r.id not in run.chosen}
    found = run.store.candidates(run.crm.id, {key for own in keys.values() for key in own})
    bodies = read_bodies(run, Side.CRM, {i for ids in found.values() for i in ids})
    appeared: set[int] = set()
    for ticket, record in asked:
        hits = sorted({i for key in keys.get(id(ticket), ()) for i in found[key] if i in bodies})
        candidates = [bodies[i] for i in hits]
        if match.judge(record, Side.GOOGLE, candidates, run.settings.lens, crm_tenant=run.tenant) is not None:
            appeared.add(id(ticket))
    return appeared


# ------------------------------------------------------------------------------------------------- calls


def _send_all(run: Run, side: Side, lease: Lease, pairs: list[Pair]) -> list[RecordId]:
    """Send until nothing is left over for another item's fault. Returns records to be read again."""
    doubtful: list[RecordId] = []
    for _attempt in range(RESENDS):
        if not pairs:
            return doubtful
        owners = {id(w): t for t, w in pairs}
        left: list[Pair] = []
        for call in run.source(side).remote.split([w for _, w in pairs]):
            ready = [(owners[id(w)], w) for w in call if not owners[id(w)].failed]
            if ready:
                unsent, doubts = _one_call(run, side, lease, ready)
                left.extend(unsent)
                doubtful.extend(doubts)
            if run.stop():
                return doubtful
        pairs = left
    for ticket, _write in pairs:
        _overtaken(run, ticket)
    return doubtful


def _one_call(run: Run, side: Side, lease: Lease, batch: list[Pair]) -> tuple[list[Pair], list[RecordId]]:
    """Intent, one request, outcome. Returns what was not applied and may go again, and what must be read again."""
    run.keep(lease)
    try:
        call, items = _open(run, side, lease, batch)
    except Claimed as claimed:
        for number in claimed.items:
            _overtaken(run, batch[number][0])
        return [pair for pair in batch if not pair[0].failed], []
    try:
        outcomes = run.source(side).remote.send(tuple(w for _, w in batch))
    except SyncError:
        _settle(run, side, lease, call, batch, items, [Unsent()] * len(batch))
        raise
    _settle(run, side, lease, call, batch, items, outcomes)
    run.keep(lease)
    return _leftovers(batch, outcomes)


def _open(run: Run, side: Side, lease: Lease, batch: list[Pair]) -> tuple[str, tuple[CallItem, ...]]:
    """Durable before the request: what is asked for, what it writes over, and who is being made."""
    sent_at = server_now(run.store.source(run.source(side).id, side), run.now())
    items = [CallItem(t.planned.step, w, t.link.id) for t, w in batch]
    on_crm = side is Side.CRM
    claims = {i: _claims(run, t) for i, (t, w) in enumerate(batch) if on_crm and isinstance(w, Create)}
    call, opened = run.store.open_call(lease, run.account, run.id, side, items, sent_at, claims=claims)
    for (ticket, _write), item in zip(batch, opened, strict=True):
        ticket.link = msgspec.structs.replace(ticket.link, id=item.link)
    return call, opened


def _claims(run: Run, ticket: Ticket) -> tuple[str, ...]:
    record = ticket.before(Side.GOOGLE)
    return () if record is None else match.strong_keys(record, run.settings.lens)


def _settle(
    run: Run,
    side: Side,
    lease: Lease,
    call: str,
    batch: list[Pair],
    items: Sequence[CallItem],
    outcomes: Sequence[Outcome],
) -> None:
    """Durable after the reply."""
    joined = zip(batch, items, outcomes, strict=True)
    results = [settle(run, side, ticket, item, outcome) for (ticket, _write), item, outcome in joined]
    run.store.settle_call(lease, call, results, run.now())


def _leftovers(batch: list[Pair], outcomes: Sequence[Outcome]) -> tuple[list[Pair], list[RecordId]]:
    unsent = [pair for pair, outcome in zip(batch, outcomes, strict=True) if isinstance(outcome, Unsent)]
    doubtful = [
        record_of(write)
        for (_ticket, write), outcome in zip(batch, outcomes, strict=True)
        if isinstance(outcome, Stale | Missing | Unknown) and not isinstance(write, Create)
    ]
    return unsent, doubtful


def record_of(write: Update | Enter | Leave) -> RecordId:
    """Whom a write is about."""
    return write.record.id if isinstance(write, Update) else write.record
