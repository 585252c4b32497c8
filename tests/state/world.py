"""A small world for the tests of the store: one account or two, records made in a line, readings promoted in a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from sqlalchemy import Connection, event

from state.store import SqlStore
from syncd.core.contact import FIELD_MASK, AccountName, Field, Instant, Record, RecordId, ScopeId, Side, SourceId, Unit
from syncd.core.ports import (
    AccountRow,
    CallItem,
    Create,
    Ending,
    KeyKind,
    KeyRow,
    Lease,
    Member,
    Page,
    Promoted,
    Update,
)
from syncd.core.step import Change, Link, LinkState, Step, Why

CRM, GOOGLE = SourceId("crm:main"), SourceId("google:1")
ANN, BOB = AccountName("ann"), AccountName("bob")
TAG, GROUP = ScopeId("tag"), ScopeId("contactGroups/g")
NOW = 1_000_000.0


def rid(text: str) -> RecordId:
    """An id, typed."""
    return RecordId(text)


def crm(id: str, phone: str = "1", *, version: str = "v1", stamp: int = 10) -> Record:
    """A CRM contact with a name and a phone."""
    units = (_name(id), Unit(Field.PHONE, (phone,), "mobile", native=f"row-{id}"))
    return Record(rid(id), version, units, FIELD_MASK, Instant(stamp))


def google(id: str, phone: str = "1", *, scopes: Sequence[str] = (GROUP,), stamp: int = 10, anchor: str = "") -> Record:
    """A Google contact with a name, a phone and an e-mail; in the group unless `scopes` says otherwise."""
    units = (_name(id), Unit(Field.PHONE, (phone,), "mobile"), Unit(Field.EMAIL, (f"{id}@example.com",), "work"))
    anchors = (anchor,) if anchor else ()
    told = tuple(ScopeId(s) for s in scopes)
    return Record(rid(id), f"etag-{stamp}", units, FIELD_MASK, Instant(stamp), told, anchors)


def _name(id: str) -> Unit:
    return Unit(Field.NAME, ("Name", "", id))


def phone_of(record: Record | None) -> str:
    """The phone of a record that must be there."""
    assert record is not None
    return next(u.value[0] for u in record.units if u.field is Field.PHONE)


def email_key(id: str, text: str, row: str = "") -> KeyRow:
    """A key of a record whose body is not given."""
    return KeyRow(rid(id), row, KeyKind.EMAIL, text)


class World:
    """The store, its leases, and shorthands. Times are given."""

    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.add_account(ANN, GOOGLE)
        self.crm_lease = store.lease(CRM, "test", NOW + 600, NOW)
        self.google_lease = store.lease(GOOGLE, "test", NOW + 600, NOW)

    def add_account(self, name: AccountName, google_source: SourceId, **changes: Any) -> AccountRow:
        row = AccountRow(
            name=name,
            crm=CRM,
            google=google_source,
            state="ok",
            message="",
            pairs=((TAG, GROUP),),
            fingerprint="f",
            planned=(0, 0),
            next_due=NOW + 900,
            last_run=0.0,
            failures=0,
            facts={},
        )
        row = msgspec.structs.replace(row, **changes)
        self.store.put_account(row)
        return row

    def read_crm(
        self,
        *records: Record,
        now: float = NOW,
        members: Sequence[str] | None = None,
        ending: Ending | None = None,
        **page: Any,
    ) -> Promoted:
        """Promote a reading of the CRM: these bodies, tagged unless `members` says otherwise."""
        tagged = [r.id for r in records] if members is None else [rid(m) for m in members]
        rows = tuple(Member(TAG, i, (f"tagrow-{i}",)) for i in tagged)
        return self._read(self.crm_lease, Side.CRM, TAG, Page(records=records, members=rows, **page), ending, now)

    def read_google(self, *records: Record, now: float = NOW, ending: Ending | None = None, **page: Any) -> Promoted:
        return self._read(self.google_lease, Side.GOOGLE, GROUP, Page(records=records, **page), ending, now)

    def _read(
        self, lease: Lease, side: Side, scope: ScopeId, page: Page, ending: Ending | None, now: float
    ) -> Promoted:
        staging = self.store.stage(lease, side)
        staging.add(page)
        return staging.promote(ending or Ending({"at": 1}, snapshot=False), [scope], now)

    def link(self, crm_id: str, google_id: str, account: AccountName = ANN, **changes: Any) -> Link:
        """A settled link between two records that the mirrors hold."""
        link = Link(0, account, LinkState.LIVE, rid(crm_id), rid(google_id), pairs=(0,))
        return self.store.settle_step(self.google_lease, account, Step(), msgspec.structs.replace(link, **changes))

    def linked_pair(self, crm_id: str = "c1", google_id: str = "g1") -> Link:
        """Two records in scope, linked, nothing to do."""
        self.read_crm(crm(crm_id))
        self.read_google(google(google_id))
        return self.link(crm_id, google_id)

    def work(self) -> list[tuple[str, str]]:
        """(crm id, google id) of each case of work; "" where a newcomer has none."""
        return [
            (c.link.crm_id or "", c.link.google_id or "")
            if c.link
            else (c.crm.record.id if c.crm.record else "", c.google.record.id if c.google.record else "")
            for c in self.store.work(ANN)
        ]

    def body(self, source: SourceId, id: str) -> Record | None:
        return self.store.bodies(source, [rid(id)]).get(rid(id))

    def revision(self, source: SourceId) -> int:
        return self.store.source(source, Side.CRM if source == CRM else Side.GOOGLE).revision

    def next_due(self, account: AccountName = ANN) -> float:
        row = self.store.account(account)
        assert row is not None
        return row.next_due


def update_of(record: Record, phone: str) -> Update:
    """A write that changes the phone of this record."""
    old = next(u for u in record.units if u.field is Field.PHONE)
    new = msgspec.structs.replace(old, value=(phone,))
    return Update(record, (Change(Field.PHONE, old, new, Why.CHANGED),), "intent-update")


def item_of(write: Update | Create, link: int = 0, **step: Any) -> CallItem:
    """A write as an item of a call."""
    return CallItem(Step(link=link or None, **step), write, link)


@contextmanager
def statements(store: SqlStore) -> Iterator[list[str]]:
    """Every statement that the store's writer executes inside the block."""
    engine = store.db.engine
    seen: list[str] = []

    def note(_c: Connection, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(" ".join(statement.split()))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def written(seen: Sequence[str]) -> list[str]:
    """Those of the statements that write."""
    return [s for s in seen if s.split()[0] in ("INSERT", "UPDATE", "DELETE")]
