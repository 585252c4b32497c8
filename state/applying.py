"""Applying: what is durable before a request goes out, and what its outcome changes. One transaction each."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection, Row

from state import codec, history, links
from state.keys import hashed
from state.mirror import Mirror, wanted_scopes
from state.part import Part, fence, sources_of
from state.planning import CLAIM
from state.rows import among, chunks, delete_each
from state.schema import call as call_table
from state.schema import call_item, claim, record, source
from state.schema import link as link_table
from syncd.core.contact import AccountName, Instant, Record, RecordId, Side, SourceId
from syncd.core.errors import Claimed, ContractBroken, Replan
from syncd.core.ports import CallItem, CallState, Create, Lease, Missing, OpenCall, Settled, Unknown, Update
from syncd.core.step import Link, LinkState, Step


class Opened(NamedTuple):
    """A call that waits for its outcome."""

    id: str
    account: AccountName
    side: Side
    source: SourceId
    run: str


class Result(NamedTuple):
    """An outcome, and the number of the item it belongs to."""

    number: int
    settled: Settled


class ApplyingPart(Part):
    """`Store.settle_step`, `settle_steps`, `open_call`, `settle_call`, `open_calls`."""

    def settle_step(self, lease: Lease, account: AccountName, step: Step, link: Link, run: str = "") -> Link:
        return self._settle_steps(lease, account, [(step, link)], run)[0]

    def settle_steps(
        self, lease: Lease, account: AccountName, steps: Sequence[tuple[Step, Link]], run: str = ""
    ) -> None:
        self._settle_steps(lease, account, steps, run)

    def _settle_steps(
        self, lease: Lease, account: AccountName, steps: Sequence[tuple[Step, Link]], run: str
    ) -> list[Link]:
        occasion = history.Occasion(run, account, self._clock())
        with self.db.write() as connection:
            fence(connection, lease)
            stored = links.put_all(connection, [(link, links.told(step)) for step, link in steps])
            told = [(step, link) for (step, _), link in zip(steps, stored, strict=True) if not step.writes]
            rows = [row for step, link in told for row in history.of_conflicts(occasion, 0, link.id, step)]
            history.write(connection, rows)  # those of the other steps their calls have told
        return stored

    def open_call(
        self,
        lease: Lease,
        account: AccountName,
        run: str,
        side: Side,
        items: Sequence[CallItem],
        sent_at: Instant,
        claims: Mapping[int, Sequence[str]] | None = None,
    ) -> tuple[str, tuple[CallItem, ...]]:
        number = uuid.uuid4().hex
        occasion = history.Occasion(run, account, self._clock(), number)
        with self.db.write() as connection:
            fence(connection, lease)
            _check_target(connection, lease, account, side)
            self._claim(connection, lease.source, items, claims or {})
            opened = _with_links(connection, account, side, items)
            _insert_call(connection, Opened(number, account, side, lease.source, run), lease, sent_at, opened)
            history.write(connection, history.of_items(occasion, side, opened))
            told = [
                row for n, item in enumerate(opened) for row in history.of_conflicts(occasion, n, item.link, item.step)
            ]
            history.write(connection, history.unwritten_conflicts(connection, told))
        return number, opened

    def _claim(
        self,
        connection: Connection,
        source_id: SourceId,
        items: Sequence[CallItem],
        claims: Mapping[int, Sequence[str]],
    ) -> None:
        """The strong keys of contacts about to be made, so that no other account makes the same one meanwhile."""
        asked = {n: [hashed(self._pepper, CLAIM, key) for key in dict.fromkeys(keys)] for n, keys in claims.items()}
        held = _holders(connection, source_id, [key for hashes in asked.values() for key in hashes])
        taken = []
        intents: dict[str, None] = {}
        for number, hashes in asked.items():
            write = items[number].write
            intent = write.intent if isinstance(write, Create) else ""
            if any(held.get(key, intent) != intent for key in hashes):
                taken.append(number)
                continue
            intents[intent] = None
            held.update(dict.fromkeys(hashes, intent))
        if taken:
            raise Claimed("somebody is making the same contact at this moment", tuple(taken))
        delete_each(connection, claim, [{"source": source_id, "intent": intent} for intent in intents])
        for rows in chunks({"source": source_id, "key": k, "intent": i} for k, i in held.items() if i in intents):
            connection.execute(sa.insert(claim), rows)

    def settle_call(self, lease: Lease, call: str, results: Sequence[Settled], now: float) -> None:
        with self.db.write() as connection:
            fence(connection, lease)
            opened = _opened(connection, lease, call)
            numbered = _numbered(connection, opened, results)
            scopes = wanted_scopes(connection, opened.source, opened.side)
            mirror = Mirror(connection, opened.source, opened.side, self._pepper, scopes=scopes, now=now)
            known = _settle_links(connection, opened, numbered)
            _settle_mirror(connection, mirror, numbered)
            _settle_links_again(connection, mirror, numbered, known)
            _settle_items(connection, opened, numbered, known)
            _close(connection, opened)
            mirror.finish(but=opened.account)

    def open_calls(self, source_id: SourceId) -> tuple[OpenCall, ...]:
        mine = sa.select(call_table).where(call_table.c.source == source_id, sa.text("state <> 'done'"))
        with self.db.read() as connection:
            rows = connection.execute(mine.order_by(call_table.c.sent_at, call_table.c.id)).all()
            return tuple(_open_call(connection, row) for row in rows)


# ---------------------------------------------------------------------------------------------- before the request


def _holders(connection: Connection, source_id: SourceId, keys: Sequence[bytes]) -> dict[bytes, str]:
    """Whose each of these keys is; those that nobody claims are not in the answer."""
    found: dict[bytes, str] = {}
    for some in chunks(dict.fromkeys(keys)):
        held = sa.select(claim.c.key, claim.c.intent).where(claim.c.source == source_id, claim.c.key.in_(some))
        found.update((bytes(row.key), row.intent) for row in connection.execute(held))
    return found


def _check_target(connection: Connection, lease: Lease, account: AccountName, side: Side) -> None:
    """A call is sent under the lease of the source that it changes."""
    target = sources_of(connection, account).of(side)
    if target != lease.source:
        raise ContractBroken(f"a call to {target} under the lease of {lease.source}")


def _with_links(
    connection: Connection, account: AccountName, side: Side, items: Sequence[CallItem]
) -> tuple[CallItem, ...]:
    """Creates have a `creating` link from now on, with the id the record will get where that is ours to choose."""
    creates = [(n, item, item.write) for n, item in enumerate(items) if isinstance(item.write, Create)]
    numbers = [item.link for _, item, _ in creates if item.link]
    known = {
        link.id: link for chunk in chunks(numbers) for link in links.read(connection, among(link_table.c.id, chunk))
    }
    asked = []
    for _, item, write in creates:
        step = item.step
        link = known.get(item.link) or Link(0, account, LinkState.CREATING, step.crm_id, step.google_id)
        made = write.id if side is Side.CRM else None
        asked.append(
            (msgspec.structs.replace(link, state=LinkState.CREATING, **{f"{side.value}_id": made}), links.told(step))
        )
    if _is_linked(connection, account, [link for link, _ in asked if not link.id]):
        raise Replan("a link of this account names one of these contacts already")
    opened = list(items)
    for (n, item, _), link in zip(creates, links.put_all(connection, asked), strict=True):
        opened[n] = msgspec.structs.replace(item, link=link.id)
    return tuple(opened)


def _is_linked(connection: Connection, account: AccountName, fresh: Sequence[Link]) -> bool:
    """Whether a link names a record of these already; a number that is not known yet names nothing."""
    for column, ids in (
        (link_table.c.crm_id, [x.crm_id for x in fresh]),
        (link_table.c.google_id, [x.google_id for x in fresh]),
    ):
        for chunk in chunks(i for i in ids if i is not None):
            found = sa.select(link_table.c.id).where(link_table.c.account == account, among(column, chunk)).limit(1)
            if connection.execute(found).first() is not None:
                return True
    return False


def _insert_call(
    connection: Connection, opened: Opened, lease: Lease, sent_at: Instant, items: Sequence[CallItem]
) -> None:
    values = {**opened._asdict(), "side": opened.side.value, "state": CallState.SENT.value}
    connection.execute(sa.insert(call_table).values({**values, "epoch": lease.epoch, "sent_at": sent_at}))
    rows = [
        {"call": opened.id, "item": n, "link": item.link, "value": codec.item_text(item)}
        for n, item in enumerate(items)
    ]
    if rows:
        connection.execute(sa.insert(call_item), rows)


# ---------------------------------------------------------------------------------------------- after the reply


def _opened(connection: Connection, lease: Lease, call: str) -> Opened:
    row = connection.execute(sa.select(call_table).where(call_table.c.id == call)).first()
    if row is None or row.state == CallState.DONE.value:
        raise ContractBroken(f"call {call} waits for no outcome")
    if row.source != lease.source:
        raise ContractBroken(f"call {call} went to {row.source}, not to {lease.source}")
    return Opened(row.id, row.account, Side(row.side), row.source, row.run)


def _numbered(connection: Connection, opened: Opened, results: Sequence[Settled]) -> list[Result]:
    """Each outcome with the number of its item, found by what was sent."""
    waiting: dict[tuple[int, str], list[int]] = defaultdict(list)
    rows = connection.execute(sa.select(call_item).where(call_item.c.call == opened.id).order_by(call_item.c.item))
    for row in rows:
        waiting[row.link, row.value].append(row.item)
    numbered = []
    for settled in results:
        numbers = waiting[settled.item.link, codec.item_text(settled.item)]
        if not numbers:
            raise ContractBroken(f"an outcome for an item that call {opened.id} did not have, or had settled")
        numbered.append(Result(numbers.pop(0), settled))
    return numbered


def _settle_links(connection: Connection, opened: Opened, results: Sequence[Result]) -> dict[int, int]:
    """The links as their outcomes leave them, by item. First of all: a body is kept because a link names it."""
    kept, asked, dropped = [], [], []
    for number, settled in results:
        if settled.link is not None:
            fresh = opened.side if settled.record is not None else None
            kept.append(number)
            asked.append((settled.link, links.told(settled.item.step, fresh)))
        elif settled.item.link and not isinstance(settled.outcome, Unknown):
            dropped.append(settled.item.link)
    links.drop(connection, dropped)
    return {number: link.id for number, link in zip(kept, links.put_all(connection, asked), strict=True)}


def _settle_mirror(connection: Connection, mirror: Mirror, results: Sequence[Result]) -> None:
    """Bodies, memberships and our own moves; what is missing is asked for again."""
    previous = connection.execute(sa.select(source.c.server_at).where(source.c.id == mirror.source)).scalar_one()
    bodies = _bodies(connection, mirror, results)
    entered = [m for r in results for m in r.settled.entered]
    left = [m for r in results for m in r.settled.left]
    mirror.put_records(bodies, Instant(previous), final=True)
    mirror.put_members(entered)  # after the bodies, which may tell of groups as they were before the move
    mirror.end_members([(m.scope, m.record) for m in left])
    mirror.remember_moves(entered, left)
    mirror.ask_again(i for r in results if isinstance(r.settled.outcome, Missing) and (i := _record_of(r)) is not None)


def _bodies(connection: Connection, mirror: Mirror, results: Sequence[Result]) -> list[Record]:
    """Read-backs, the last of each record. With a move comes the body it was planned with: it only fills a gap."""
    bodies: dict[RecordId, Record] = {}
    gaps: dict[RecordId, Record] = {}
    for result in results:
        read = result.settled.record
        if read is not None:
            (bodies if isinstance(result.settled.item.write, Create | Update) else gaps)[read.id] = read
    there = (record.c.source == mirror.source, record.c.body.is_not(None), record.c.id.in_(list(gaps)))
    known = set(connection.execute(sa.select(record.c.id).where(*there)).scalars()) if gaps else set()
    return [*bodies.values(), *(read for i, read in gaps.items() if i not in known and i not in bodies)]


def _settle_links_again(
    connection: Connection, mirror: Mirror, results: Sequence[Result], known: Mapping[int, int]
) -> None:
    """Once the mirror holds the read-backs, the bases are as given, and those that say the same are stored as NULL."""
    asked = []
    for number, settled in results:
        if settled.link is not None and number in known:
            fresh = mirror.side if settled.record is not None else None
            again = msgspec.structs.replace(settled.link, id=known[number])
            asked.append((again, links.told(settled.item.step, fresh)))
    links.put_all(connection, asked)


def _settle_items(connection: Connection, opened: Opened, results: Sequence[Result], known: Mapping[int, int]) -> None:
    """History, claims, and the items themselves, which are over unless their outcome is unknown."""
    became = {number: _ending(settled, known.get(number, 0)) for number, settled in results}
    history.complete(connection, opened.id, became)
    over = [(number, settled) for number, settled in results if not isinstance(settled.outcome, Unknown)]
    delete_each(connection, call_item, [{"call": opened.id, "item": number} for number, _ in over])
    creates = [settled.item.write for _, settled in over if isinstance(settled.item.write, Create)]
    delete_each(connection, claim, [{"source": opened.source, "intent": write.intent} for write in creates])


def _ending(settled: Settled, link: int) -> history.Ending:
    made = settled.record.id if settled.record is not None else None
    return history.Ending(type(settled.outcome).__name__.lower(), link, made)


def _close(connection: Connection, opened: Opened) -> None:
    """Done when no item waits any more."""
    waits = connection.execute(sa.select(call_item.c.item).where(call_item.c.call == opened.id).limit(1)).first()
    state = CallState.DONE if waits is None else CallState.UNKNOWN
    connection.execute(sa.update(call_table).where(call_table.c.id == opened.id).values(state=state.value))


def _record_of(result: Result) -> RecordId | None:
    write = result.settled.item.write
    if isinstance(write, Update):
        return write.record.id
    return None if isinstance(write, Create) else write.record


def _open_call(connection: Connection, row: Row[Any]) -> OpenCall:
    items = connection.execute(sa.select(call_item).where(call_item.c.call == row.id).order_by(call_item.c.item))
    return OpenCall(
        id=row.id,
        side=Side(row.side),
        account=row.account,
        sent_at=row.sent_at,
        items=tuple(codec.to_item(item.value, item.link) for item in items),
    )
