"""A side that lives in memory: the `Remote` contract in its shortest form. Nothing survives the process.

`edit`, `remove`, `join` and `part` are what a user would do; everything else is the port.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from syncd.core.contact import FIELD_MASK, Capabilities, Field, Instant, Record, RecordId, ScopeId, Side, Unit
from syncd.core.delta import digest
from syncd.core.errors import CursorExpired, TagMissing
from syncd.core.match import key_rows
from syncd.core.ports import (
    Create,
    Done,
    Ending,
    Enter,
    Identity,
    Interest,
    Leave,
    Member,
    Missing,
    Outcome,
    Page,
    Reading,
    ScopeInfo,
    ScopeWish,
    Stale,
    Update,
    Write,
)
from syncd.core.step import Change

EVERYTHING = Capabilities(
    fields=frozenset(Field),
    labels={},
    limits={},
    parts={},
    yearless_birthday=True,
    own_ids=False,
    guarded=True,
    create_batch=200,
    update_batch=200,
    member_batch=1000,
)
PAGE = 1_000


class Told:
    """A reading that was made beforehand."""

    def __init__(self, pages: Sequence[Page], ending: Ending) -> None:
        self._pages = pages
        self.ending = ending

    def __iter__(self) -> Iterator[Page]:
        return iter(self._pages)


class Memory:
    """One side. `clock` counts microseconds up by one second a change, so that stamps differ and order is known."""

    def __init__(self, side: Side, capabilities: Capabilities = EVERYTHING, *, tenant: str = "memory") -> None:
        self.side = side
        self.capabilities = msgspec.structs.replace(capabilities, own_ids=side is Side.CRM)
        self.requests = 0
        self.records: dict[RecordId, Record] = {}
        self.scopes: dict[ScopeId, str] = {}
        self.members: dict[ScopeId, dict[RecordId, str]] = {}
        self.clock = itertools.count(1_700_000_000_000_000, 1_000_000)
        self._tenant = tenant
        self._touched: list[tuple[int, RecordId]] = []
        self._tick = 0
        self._forgotten_before = 0

    # -------------------------------------------------------------------------------------------- as a user

    def edit(self, record: RecordId | None, *units: Unit, anchors: tuple[str, ...] = ()) -> RecordId:
        """Set the whole content of a record (None: a new one)."""
        key = record or RecordId(uuid.uuid4().hex[:16])
        old = self.records.get(key)
        self._put(key, self._kept(old, units), anchors or (old.anchors if old else ()))
        return key

    def remove(self, record: RecordId) -> None:
        del self.records[record]
        for rows in self.members.values():
            rows.pop(record, None)
        self._touch(record)

    def join(self, record: RecordId, scope: ScopeId) -> None:
        self.members[scope][record] = uuid.uuid4().hex
        self._touch(record, stamp=True)

    def part(self, record: RecordId, scope: ScopeId) -> None:
        self.members[scope].pop(record, None)
        self._touch(record, stamp=True)

    def forget_cursors(self) -> None:
        """As when a sync token expires."""
        self._forgotten_before = self._tick + 1

    # -------------------------------------------------------------------------------------------- the port

    def identity(self) -> Identity:
        return Identity(self._tenant, "me", "Me", "me@example.com")

    def resolve(self, wish: ScopeWish, *, make: bool = True) -> ScopeId:
        for scope, name in self.scopes.items():
            if name == wish.name:
                return scope
        if wish.owner or not make:
            msg = f"the tag {wish.name} does not exist"
            raise TagMissing(msg, f"{wish.owner} has to create it")
        scope = ScopeId(uuid.uuid4().hex[:8])
        self.scopes[scope], self.members[scope] = wish.name, {}
        return scope

    def scope(self, scope: ScopeId) -> ScopeInfo | None:
        name = self.scopes.get(scope)
        return None if name is None else ScopeInfo(scope, name, len(self.members[scope]))

    def read(self, cursor: Mapping[str, Any] | None, interest: Interest) -> Reading:
        self.requests += 1
        since = -1 if cursor is None else int(cursor["tick"])
        if cursor is not None and since < self._forgotten_before:
            msg = "the cursor is too old"
            raise CursorExpired(msg)
        touched = [r for t, r in self._touched if t > since] if cursor is not None else list(self.records)
        ids = sorted(dict.fromkeys(touched))
        pages = [self._page(ids[i : i + PAGE], interest) for i in range(0, len(ids), PAGE)]
        listed = interest.scopes if self.side is Side.CRM else ()
        pages.append(Page(members=tuple(self._listing(listed))))
        ending = Ending({"tick": self._tick}, snapshot=cursor is None, listed=tuple(listed), server_now=self._now())
        return Told(pages, ending)

    def fetch(self, ids: Sequence[RecordId]) -> dict[RecordId, Record | None]:
        self.requests += 1
        return {i: self._told(self.records[i]) if i in self.records else None for i in ids}

    def split(self, writes: Sequence[Write]) -> list[tuple[Write, ...]]:
        calls: list[tuple[Write, ...]] = []
        for _kind, group in itertools.groupby(writes, key=type):
            batch = list(group)
            size = self.capabilities.create_batch
            calls.extend(tuple(batch[i : i + size]) for i in range(0, len(batch), size))
        return calls

    def send(self, call: tuple[Write, ...]) -> tuple[Outcome, ...]:
        self.requests += 1
        return tuple(self._carry_out(w) for w in call)

    # -------------------------------------------------------------------------------------------- inside

    def _carry_out(self, write: Write) -> Outcome:
        if isinstance(write, Create):
            return self._create(write)
        if isinstance(write, Update):
            return self._update(write)
        if write.record not in self.records:
            return Done() if isinstance(write, Leave) else Missing()
        if isinstance(write, Enter):
            row = self.members[write.scope].setdefault(write.record, uuid.uuid4().hex)
            self._touch(write.record, stamp=True)
            return Done(rows=(row,))
        self.part(write.record, write.scope)
        return Done()

    def _create(self, write: Create) -> Outcome:
        key = write.id or RecordId(uuid.uuid4().hex[:16])
        if key not in self.records:
            self._put(key, write.units, (write.anchor,) if write.anchor else ())
        rows = tuple(self.members[s].setdefault(key, uuid.uuid4().hex) for s in write.scopes)
        return Done(self._told(self.records[key]), rows)

    def _update(self, write: Update) -> Outcome:
        record = self.records.get(write.record.id)
        if record is None:
            return Missing()
        if self.capabilities.guarded and digest(record) != digest(write.record):
            return Stale()
        self._put(record.id, changed(record.units, write.changes), record.anchors)
        return Done(self._told(self.records[record.id]))

    def _kept(self, old: Record | None, units: Sequence[Unit]) -> tuple[Unit, ...]:
        """A user's edit keeps the row of a value that stays."""
        rows = {(u.field, u.label, u.value): u.native for u in old.units} if old else {}
        return tuple(
            u if u.native else msgspec.structs.replace(u, native=rows.get((u.field, u.label, u.value), ""))
            for u in units
        )

    def _put(self, key: RecordId, units: Sequence[Unit], anchors: tuple[str, ...]) -> None:
        stamp = self._now()
        old = (
            {(u.field, u.native, u.label, u.value): u.stamp for u in self.records[key].units}
            if key in self.records
            else {}
        )
        rows = tuple(self._rowed(u) for u in units)
        if self.side is Side.CRM:
            rows = tuple(
                msgspec.structs.replace(u, stamp=old.get((u.field, u.native, u.label, u.value), stamp)) for u in rows
            )
        self.records[key] = Record(key, str(stamp), rows, FIELD_MASK, stamp, anchors=anchors)
        self._touch(key)

    def _rowed(self, unit: Unit) -> Unit:
        listed = self.side is Side.CRM and unit.field in (Field.EMAIL, Field.PHONE, Field.ADDRESS, Field.URL, Field.IM)
        bare = msgspec.structs.replace(unit, stamp=Instant(0), extra=None)
        return msgspec.structs.replace(bare, native=uuid.uuid4().hex) if listed and not unit.native else bare

    def _touch(self, record: RecordId, *, stamp: bool = False) -> None:
        self._tick += 1
        self._touched.append((self._tick, record))
        if stamp and self.side is Side.GOOGLE and record in self.records:
            now = self._now()
            self.records[record] = msgspec.structs.replace(self.records[record], stamp=now, version=str(now))

    def _now(self) -> Instant:
        return Instant(next(self.clock))

    def _told(self, record: Record) -> Record:
        if self.side is Side.CRM:
            return record
        return msgspec.structs.replace(record, scopes=tuple(s for s, rows in self.members.items() if record.id in rows))

    def _page(self, ids: Sequence[RecordId], interest: Interest) -> Page:
        there = [self._told(self.records[i]) for i in ids if i in self.records]
        if self.side is Side.GOOGLE:
            return Page(records=tuple(there), gone=tuple(i for i in ids if i not in self.records))
        wanted = interest.known([r.id for r in there]) | {r.id for r in there if self._scoped(r.id, interest)}
        bodies = tuple(r for r in there if r.id in wanted)
        keys = tuple(row for r in there if r.id not in wanted for row in key_rows(r))
        return Page(records=bodies, keys=keys, gone=tuple(i for i in ids if i not in self.records))

    def _scoped(self, record: RecordId, interest: Interest) -> bool:
        return any(record in self.members.get(s, {}) for s in interest.scopes)

    def _listing(self, scopes: Sequence[ScopeId]) -> Iterator[Member]:
        for scope in scopes:
            for record, row in self.members.get(scope, {}).items():
                yield Member(scope, record, (row,))


def changed(units: Sequence[Unit], changes: Sequence[Change]) -> tuple[Unit, ...]:
    """The units after the changes: each old one replaced or dropped, additions at the end."""
    result = list(units)
    for change in changes:
        place = next((i for i, u in enumerate(result) if change.old is not None and _same(u, change.old)), None)
        if place is None:
            result.extend([change.new] if change.new is not None else [])
        elif change.new is None:
            del result[place]
        else:
            result[place] = msgspec.structs.replace(change.new, native=result[place].native)
    return tuple(result)


def _same(unit: Unit, other: Unit) -> bool:
    if unit.native or other.native:
        return (unit.field, unit.native) == (other.field, other.native)
    return (unit.field, unit.label, unit.value) == (other.field, other.label, other.value)
