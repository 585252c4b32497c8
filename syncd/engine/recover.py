"""Calls whose outcome is not known: find out what became of them before anything is planned for their contacts."""

from __future__ import annotations

import msgspec

from syncd.core.contact import FIELD_MASK, Base, Record, RecordId, Side, Unit, base_of
from syncd.core.delta import digest
from syncd.core.fields import ROWS
from syncd.core.ports import CallItem, Create, Done, KeyKind, Lease, Member, OpenCall, Settled, Stale, Unsent
from syncd.core.step import Link, LinkState
from syncd.engine.apply import record_of
from syncd.engine.pull import Wanted, observe_google, server_now
from syncd.engine.run import MICRO, Run, turn

HOLD_OFF = {Side.CRM: 150 * MICRO, Side.GOOGLE: 900 * MICRO}
"""How long an unknown create may still come true, by its server's clock: the CRM's request limit is 120 s, Google's
writes may take minutes to show in lists."""


def recover(run: Run, wanted: dict[Side, Wanted]) -> bool:
    """Settle what can be told; what cannot yet stays in doubt and its contacts are not planned. True: plan again."""
    settled = 0
    google = _mine(run, Side.GOOGLE)
    if google:
        if _ripe(run, google):
            observe_google(run, wanted[Side.GOOGLE], full=True)
        for call in google:
            settled += _settle(run, Side.GOOGLE, run.google_lease, call)
    if _mine(run, Side.CRM):
        with turn(run.store, run.crm, run.id, run.now, run.sleep, run.beat) as lease:
            for call in _mine(run, Side.CRM):
                settled += _settle(run, Side.CRM, lease, call)
    return bool(settled)


def _mine(run: Run, side: Side) -> list[OpenCall]:
    return [c for c in run.store.open_calls(run.source(side).id) if c.account == run.account]


def _ripe(run: Run, calls: list[OpenCall]) -> bool:
    """Whether some create is old enough that only a full reading without its marker proves it never happened."""
    return any(
        isinstance(i.write, Create) and not _may_still_come(run, Side.GOOGLE, c) and not _marked(run, i)
        for c in calls
        for i in c.items
    )


def _may_still_come(run: Run, side: Side, call: OpenCall) -> bool:
    now = server_now(run.store.source(run.source(side).id, side), run.now())
    return now - call.sent_at < HOLD_OFF[side]


def _settle(run: Run, side: Side, lease: Lease, call: OpenCall) -> int:
    results: list[Settled] = []
    for item in call.items:
        settled = _created(run, side, call, item) if isinstance(item.write, Create) else _reread(run, side, lease, item)
        if settled is None:
            run.report.in_doubt += 1
        else:
            results.append(settled)
    if results:
        run.store.settle_call(lease, call.id, results, run.now())
        for result in results:
            if isinstance(result.outcome, Done):
                run.tell(
                    "SY203", side=side.value, link=result.item.link, record=result.record.id if result.record else None
                )
    return len(results)


def _created(run: Run, side: Side, call: OpenCall, item: CallItem) -> Settled | None:
    if not isinstance(item.write, Create):
        return None
    record = _by_marker(run, item) if side is Side.GOOGLE else _by_id(run, item)
    if record is not None:
        return _adopted(run, side, item, record)
    if _may_still_come(run, side, call):
        return None
    return Settled(item, Unsent(), _as_before(run, item))


def _marked(run: Run, item: CallItem) -> set[RecordId]:
    if not isinstance(item.write, Create):
        return set()
    key = (KeyKind.ANCHOR, item.write.anchor)
    return run.store.candidates(run.google.id, [key]).get(key, set())


def _by_marker(run: Run, item: CallItem) -> Record | None:
    """The contact that carries the intent's marker. Of several the lowest id; the others are twins."""
    hits = sorted(_marked(run, item))
    if not hits:
        return None
    stored = run.store.bodies(run.google.id, hits)
    return stored.get(hits[0]) or run.google.remote.fetch([hits[0]]).get(hits[0])


def _by_id(run: Run, item: CallItem) -> Record | None:
    wanted = item.write.id if isinstance(item.write, Create) else None
    return None if wanted is None else run.crm.remote.fetch([wanted]).get(wanted)


def _adopted(run: Run, side: Side, item: CallItem, record: Record) -> Settled | None:
    """It did happen: the link comes alive, with what was sent as the other side's base."""
    case = run.store.case(run.account, item.link)
    if case.link is None or not isinstance(item.write, Create):
        return None
    origin, planned = (case.google, item.step.google_digest) if side is Side.CRM else (case.crm, item.step.crm_digest)
    sent = Base(item.write.units, FIELD_MASK)
    same = origin.record is not None and digest(origin.record) == planned
    theirs = base_of(origin.record) if same and origin.record is not None else sent
    ids = {f"{side.value}_id": record.id, f"{side.value}_base": base_of(record), f"{side.other.value}_base": theirs}
    unplaced = side is Side.CRM and _said(item.write.units) > _said(record.units)
    link = msgspec.structs.replace(case.link, state=LinkState.LIVE, pairs=item.step.pairs, unplaced=unplaced, **ids)
    entered = tuple(Member(scope, record.id) for scope in item.write.scopes) if side is Side.GOOGLE else ()
    return Settled(item, Done(record), link, record, entered)


def _said(units: tuple[Unit, ...]) -> int:
    """How much is said in fields whose parts may be rows of lookups."""
    return sum(1 for u in units if ROWS[u.field].placed for part in u.value if part)


def _as_before(run: Run, item: CallItem) -> Link | None:
    """It did not happen: a link made for it goes, an older one is parked again."""
    link = run.store.case(run.account, item.link).link
    if link is None or item.step.link is None:
        return None
    return msgspec.structs.replace(link, state=LinkState.PARKED if not link.pairs else LinkState.LIVE)


def _reread(run: Run, side: Side, lease: Lease, item: CallItem) -> Settled | None:
    """An update or a move may be asked for again once its record was read: equal content is no change."""
    if isinstance(item.write, Create):
        return None
    record = record_of(item.write)
    run.store.resolve_absent(lease, run.source(side).remote.fetch([record]), run.now())
    link = run.store.case(run.account, item.link).link if item.link else None
    return Settled(item, Stale(), link)
