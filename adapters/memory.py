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
    """One side. `clock` counts microseconds up by one second a change, so that stamps differ and order is known.

    What real servers do may be switched on: `companies` are those the CRM has a row for (None: every name has one),
    `labels_in_delta` tells whether group changes show in what changed, `hidden` contacts are listed and cannot be read,
    and so many readings as `torn` says list one member only.
    """

    def __init__(self, side: Side, capabilities: Capabilities = EVERYTHING, *, tenant: str = "memory") -> None:
        self.side = side
        self.capabilities = msgspec.structs.replace(capabilities, own_ids=side is Side.CRM)
        self.requests = 0
        self.records: dict[RecordId, Record] = {}
        self.scopes: dict[ScopeId, str] = {}
        self.members: dict[ScopeId, dict[RecordId, str]] = {}
        self.clock = itertools.count(1_700_000_000_000_000, 1_000_000)
        self.companies: set[str] | None = None
        self.labels_in_delta = True
        self.hidden: set[RecordId] = set()
        self.torn = 0
        self._founded: list[tuple[int, str]] = []
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

    def found(self, company: str) -> None:
        """The CRM gets a row for this company."""
        self.companies = {*(self.companies or ()), company}
        self._tick += 1
        self._founded.append((self._tick, company))

    def drop(self, scope: ScopeId) -> None:
        """The tag or group itself is deleted."""
        for record in [*self.members[scope]]:
            self.part(record, scope)
        del self.scopes[scope], self.members[scope]

    def forget_cursors(self) -> None:
        """As when a sync token expires."""
        self._tick += 1
        self._forgotten_before = self._tick

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
        self.requests += 1
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
        listed = tuple(s for s in interest.scopes if s in self.scopes) if self.side is Side.CRM else ()
        members = tuple(self._listing(listed))
        if self.torn:
            members, self.torn = members[:1], self.torn - 1
        pages.append(Page(members=members))
        ending = Ending(
            {"tick": self._tick},
            snapshot=cursor is None,
            listed=listed,
            server_now=self._now(),
            unseen=tuple(s for s in interest.scopes if self.side is Side.CRM and s not in self.scopes),
            names=None if cursor is None else tuple(name for tick, name in self._founded if tick > since),
        )
        return Told(pages, ending)

    def fetch(self, ids: Sequence[RecordId]) -> dict[RecordId, Record | None]:
        self.requests += 1
        return {i: self._told(self.records[i]) if i in self.records and i not in self.hidden else None for i in ids}

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
        if isinstance(write, Enter | Leave) and write.scope not in self.scopes:
            return Missing()
        if isinstance(write, Enter):
            row = self.members[write.scope].setdefault(write.record, uuid.uuid4().hex)
            self._touch(write.record, stamp=True)
            return Done(rows=(row,))
        self.part(write.record, write.scope)
        return Done()

    def _create(self, write: Create) -> Outcome:
        key = write.id or RecordId(uuid.uuid4().hex[:16])
        if key not in self.records:
            self._put(key, self._placed(write.units), (write.anchor,) if write.anchor else ())
        rows = tuple(self.members[s].setdefault(key, uuid.uuid4().hex) for s in write.scopes)
        return Done(self._told(self.records[key]), rows, self._lacks(write.units))

    def _update(self, write: Update) -> Outcome:
        record = self.records.get(write.record.id)
        if record is None:
            return Missing()
        if self.capabilities.guarded and digest(record) != digest(write.record):
            return Stale()
        units = self._placed(changed(record.units, write.changes))
        if digest(msgspec.structs.replace(record, units=units)) != digest(record):
            self._put(record.id, units, record.anchors)
        asked = tuple(c.new for c in write.changes if c.new is not None)
        return Done(self._told(self.records[record.id]), unholdable=self._lacks(asked))

    def _lacks(self, units: Sequence[Unit]) -> bool:
        return self.companies is not None and any(
            u.field is Field.JOB and u.value[0] and u.value[0] not in self.companies for u in units
        )

    def _placed(self, units: Sequence[Unit]) -> tuple[Unit, ...]:
        """What is left of them where a company has no row."""
        return tuple(msgspec.structs.replace(u, value=("", *u.value[1:])) if self._lacks([u]) else u for u in units)

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
        if stamp and not self.labels_in_delta:
            return
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
        there = [self._told(self.records[i]) for i in ids if i in self.records and i not in self.hidden]
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
