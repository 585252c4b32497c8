"""The two readings: everything, and what changed since. Orders the steps; how each is done is in the other modules."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from adapters.creatio import cursor as cursors
from adapters.creatio.bodies import Bodies, ids_of
from adapters.creatio.client import Client
from adapters.creatio.cursor import Cursor
from adapters.creatio.keys import former_keys, name_keys, row_keys
from adapters.creatio.lookups import Lookups
from adapters.creatio.odata import Query, by_ids, instant, link
from adapters.creatio.paging import complete, whole_table
from adapters.creatio.tagging import Tags
from adapters.creatio.trust import Trust
from adapters.creatio.watch import Mark, News, Table, emptied, first_mark, news
from syncd.core.contact import Instant, RecordId, ScopeId
from syncd.core.errors import CursorExpired, Incomplete, MissingRight
from syncd.core.ports import Ending, Interest, Member, Page

SWEEP_EVERY: Final = 900.0
"""Seconds of the server's clock between sweeps of all details, unless a person waits for one."""

MEMBERS_PER_PAGE: Final = 5_000

FEW_KNOWN: Final = 10
"""With more contacts known, a CRM that holds not a single e-mail or phone is not believed."""

_CONTACT: Final = ("Id", "Name", "CreatedOn", "ModifiedOn", "Surname", "GivenName", "MiddleName")
_ROW: Final = ("Id", "CreatedOn", "ModifiedOn", "ContactId", "CommunicationTypeId", "Number", "NonActual")
_ADDRESS: Final = ("Id", "CreatedOn", "ModifiedOn", "ContactId")
_ACCOUNT: Final = ("Id", "Name", "CreatedOn", "ModifiedOn")
_FORMER: Final = ("Id", "CreatedOn", "ContactId", "SourceContactId", "IsDeleted")

Pages = Generator[Page, None, Ending]


class CreatioReading:
    """Iterate the pages, then `ending` is there."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._ending: Ending | None = None

    def __iter__(self) -> Iterator[Page]:
        self._ending = yield from self._pages

    @property
    def ending(self) -> Ending:
        if self._ending is None:
            raise Incomplete("the reading has not come to its end")
        return self._ending


@dataclass
class Kit:
    """What readings are made of, and what this process remembers between them. `removals` counts our own deletions."""

    client: Client
    lookups: Lookups
    tags: Tags
    bodies: Bodies
    trust: Trust
    me: str = ""
    removals: Counter[str] = field(default_factory=Counter)
    process: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def tables(self) -> tuple[Table, ...]:
        """The tables that are watched, tag rows first: a half-written contact shall not be met without its tag."""
        return (
            Table(self.tags.scheme.rows, self.tags.scheme.columns),
            Table("Contact", _CONTACT),
            Table("ContactCommunication", _ROW),
            Table("ContactAddress", _ADDRESS),
            Table("Account", _ACCOUNT, guards=False),
        )


# ---------------------------------------------------------------------------------------------- everything


class FullReading:
    """Bodies of all members and of all contacts already known, match keys of all others."""

    def __init__(self, kit: Kit, interest: Interest, identify: Callable[[], str]) -> None:
        self._kit, self._interest, self._identify = kit, interest, identify

    def pages(self) -> Pages:
        kit, interest = self._kit, self._interest
        self._identify()  # the login's own contact is what proves later that contacts can be read
        kit.client.batch_get = kit.client.batch_get or None  # what was refused once is tried again
        kit.lookups.forget_found()
        answers = kit.client.read([table.newest() for table in kit.tables])
        server_now, now = kit.client.server_now, kit.client.server_seconds
        marks = {t.set: first_mark(t, a, now) for t, a in zip(kit.tables, answers, strict=True)}
        removals = dict(kit.removals)
        known = set(interest.members())
        self._require_rows(marks, known)
        kit.bodies.totals = {set_: mark.total for set_, mark in marks.items()}
        listed = listed_scopes(kit, interest.scopes, known=bool(known))
        members = set(chain.from_iterable(listed.values()))
        yield from member_pages(listed)
        yield from self._key_pages(marks, members | known)
        for found in kit.bodies.sweep(members | known):
            yield Page(records=found.records)
        ending = Cursor(
            tables=marks, scopes=tuple(sorted(listed)), columns=kit.bodies.lens.columns, swept=now,
            process=kit.process, removals=removals, **facts(kit),
        )  # fmt: skip
        unseen = tuple(sorted(set(interest.scopes) - listed.keys()))
        return Ending(
            cursors.dump(ending), True, tuple(sorted(listed)), server_now, kit.client.clock, unseen, names=None
        )

    def _require_rows(self, marks: Mapping[str, Mark], known: set[RecordId]) -> None:
        """No table that had rows a while ago can have lost them all; nor one without which contacts make no sense."""
        before = self._kit.bodies.totals
        needed = {"Contact"} | ({self._kit.tags.scheme.rows} if known else set())
        needed |= {"ContactCommunication"} if len(known) > FEW_KNOWN else set()
        for table in self._kit.tables:
            lost = table.guards and before.get(table.set, 0) > 0
            if not marks[table.set].total and (lost or table.set in needed):
                raise emptied(table.set)

    def _key_pages(self, marks: Mapping[str, Mark], bodies: set[RecordId]) -> Iterator[Page]:
        client = self._kit.client
        for rows in whole_table(client, "Contact", _CONTACT, marks["Contact"].total):
            yield Page(keys=tuple(name_keys(rows, bodies)))
        for rows in whole_table(client, "ContactCommunication", _ROW, marks["ContactCommunication"].total):
            yield Page(keys=tuple(row_keys(rows, bodies, changed=False)))
        former = Query("ContactCorrespondence", _FORMER, top=1, order="Id")
        answer = client.read([former])[0]
        if answer.ok and answer.rows(former)[1]:
            for rows in whole_table(client, "ContactCorrespondence", _FORMER, answer.rows(former)[1]):
                yield Page(keys=tuple(former_keys(rows)))


# ---------------------------------------------------------------------------------------------- what changed


@dataclass
class Touched:
    """What an incremental reading found out before it reads bodies."""

    news: dict[str, News]
    dirty: set[RecordId] = field(default_factory=set)
    newly: set[RecordId] = field(default_factory=set)  # tagged since
    listed: dict[ScopeId, dict[RecordId, tuple[str, ...]]] = field(default_factory=dict)
    unseen: set[ScopeId] = field(default_factory=set)  # asked for, and not shown
    missing: set[RecordId] = field(default_factory=set)  # known, and in no listed scope
    names: set[str] = field(default_factory=set)  # borne by accounts that are new, or by other ones than before
    renamed: dict[RecordId, Instant] = field(default_factory=dict)
    swept: set[RecordId] = field(default_factory=set)  # nothing is known to have changed
    gone: tuple[RecordId, ...] = ()


class DeltaReading:
    """What changed since a cursor: by the newest rows of each table, and by totals that fell."""

    def __init__(self, kit: Kit, interest: Interest, cursor: Cursor) -> None:
        self._kit, self._interest, self._cursor = kit, interest, cursor
        self._tag_set = kit.tags.scheme.rows
        self._now = 0.0

    def pages(self) -> Pages:
        kit = self._kit
        if self._cursor.columns != kit.bodies.lens.columns:
            raise CursorExpired("other columns are wanted than were read before")
        adopt(kit, self._cursor)
        touched = Touched(self._poll())
        if ahead(kit) < self._cursor.ahead - SET_BACK:
            raise CursorExpired("the CRM's clock was set back: times seen before lie in its future")
        kit.bodies.totals = {set_: one.mark.total for set_, one in touched.news.items()}
        server_now, removals = kit.client.server_now, dict(kit.removals)
        self._listings(touched)
        self._dirty(touched)
        yield from self._keys(touched)
        yield from member_pages(touched.listed)
        yield from self._bodies(touched)
        if touched.gone:
            yield Page(gone=touched.gone)
        cursor = self._advanced(touched, removals)
        listed, unseen = tuple(sorted(touched.listed)), tuple(sorted(touched.unseen))
        return Ending(
            cursors.dump(cursor), False, listed, server_now, kit.client.clock, unseen, tuple(sorted(touched.names))
        )

    def _poll(self) -> dict[str, News]:
        kit, marks = self._kit, self._cursor.tables
        if {t.set for t in kit.tables} != marks.keys():
            raise CursorExpired("other tables are watched than before")
        answers = kit.client.read([table.newest() for table in kit.tables])
        self._now = kit.client.server_seconds
        own = self._own_removals()
        return {
            t.set: news(kit.client, t, marks[t.set], a, self._now, own.get(t.set, 0))
            for t, a in zip(kit.tables, answers, strict=True)
        }

    def _own_removals(self) -> dict[str, int]:
        """Rows that we deleted since the cursor was taken; not known when another process wrote it."""
        if self._cursor.process != self._kit.process:
            return {}
        return {set_: n - self._cursor.removals.get(set_, 0) for set_, n in self._kit.removals.items()}

    # membership

    def _listings(self, touched: Touched) -> None:
        """List scopes in full where something hints at a removal, or where they were never listed."""
        kit, interest = self._kit, self._interest
        fell = touched.news[self._tag_set].removed != 0
        fresh = [scope for scope in interest.scopes if scope not in self._cursor.scopes]
        wanted = list(interest.scopes) if fell else fresh
        if not wanted:
            return
        touched.listed = listed_scopes(kit, wanted, known=fell)
        touched.unseen = set(wanted) - touched.listed.keys()
        if fell:
            here = set(chain.from_iterable(touched.listed.values()))
            touched.missing = {one for one in interest.members() if one not in here}

    # which bodies

    def _dirty(self, touched: Touched) -> None:
        kit, interest = self._kit, self._interest
        met = {RecordId(link(row["Id"])) for row in touched.news["Contact"].rows}
        for set_ in ("ContactCommunication", "ContactAddress"):
            met |= ids_of(touched.news[set_].rows, "ContactId")
        scopes = set(interest.scopes) - touched.listed.keys()
        rows = [row for row in touched.news[self._tag_set].rows if ScopeId(link(row["TagId"])) in scopes]
        touched.newly = ids_of([r for r in rows if kit.tags.scheme.is_contact(r)], kit.tags.scheme.owner)
        members = set(chain.from_iterable(touched.listed.values()))
        known = interest.known(met | members)
        self._renamed(touched)
        touched.dirty = (met & known) | (members - known) | touched.renamed.keys()
        touched.gone = self._gone(touched)
        touched.dirty -= {*touched.gone, *touched.newly}
        if self._sweep_due(touched):
            touched.swept = set(interest.members()) - touched.dirty - touched.newly

    def _renamed(self, touched: Touched) -> None:
        """Known contacts of accounts whose name is new to us."""
        kit = self._kit
        accounts = {
            link(row["Id"]): instant(str(row["ModifiedOn"]))
            for row in touched.news["Account"].rows
            if kit.lookups.note("Account", row)
        }
        touched.names = {str(row.get("Name") or "") for row in touched.news["Account"].rows}
        queries = list(by_ids("Contact", ("Id", "AccountId"), "Account/Id", sorted(accounts)))
        stamps: dict[RecordId, Instant] = {}
        for query, answer in zip(queries, kit.client.read(queries), strict=True):
            rows, total = answer.rows(query)
            if len(rows) < total:
                rows = complete(kit.client, query)
            stamps |= {RecordId(link(row["Id"])): accounts[link(row["AccountId"])] for row in rows}
        known = self._interest.known(stamps)
        edited = {RecordId(link(row["Id"])) for row in touched.news["Contact"].rows}
        touched.renamed = {one: stamps[one] for one in known if one not in edited}

    def _sweep_due(self, touched: Touched) -> bool:
        overdue = self._now - self._cursor.swept >= SWEEP_EVERY
        return self._pending(touched) and (self._interest.fresh or overdue)

    def _pending(self, touched: Touched) -> bool:
        tables = ("Contact", "ContactCommunication", "ContactAddress")
        return self._cursor.pending or any(touched.news[set_].removed != 0 for set_ in tables)

    # what is gone

    def _gone(self, touched: Touched) -> tuple[RecordId, ...]:
        """Of the contacts that no scope lists any more. A sweep, which reads them all, meets them by itself."""
        if self._sweep_due(touched):
            return ()
        return self._kit.trust.gone(sorted(touched.missing), self._kit.me, self._readable(touched))

    def _readable(self, touched: Touched) -> Sequence[ScopeId]:
        return sorted(touched.listed) or list(self._interest.scopes)

    # pages

    def _keys(self, touched: Touched) -> Iterator[Page]:
        """Keys of changed contacts without a body; what has one gets its keys from it."""
        contacts, rows = touched.news["Contact"].rows, touched.news["ContactCommunication"].rows
        with_body = self._interest.known(ids_of(rows, "ContactId") | {RecordId(link(r["Id"])) for r in contacts})
        bodies = with_body | touched.dirty | touched.newly
        keys = [*name_keys(contacts, bodies), *row_keys(rows, bodies, changed=True)]
        if keys:
            yield Page(keys=tuple(keys))

    def _bodies(self, touched: Touched) -> Iterator[Page]:
        kit = self._kit
        absent: list[RecordId] = []
        newly = kit.bodies.read(sorted(touched.newly), scopes=self._interest.scopes)
        dirty = kit.bodies.read(sorted(touched.dirty), renamed=touched.renamed)
        for found in chain(newly, dirty, kit.bodies.sweep(touched.swept)):
            absent += found.absent
            yield Page(records=found.records, members=found.members)
        known = self._interest.known(absent)
        late = kit.trust.gone(sorted(known), kit.me, self._readable(touched))
        touched.gone = tuple(dict.fromkeys([*touched.gone, *late]))

    def _advanced(self, touched: Touched, removals: Mapping[str, int]) -> Cursor:
        swept = self._sweep_due(touched)
        wanted = set(self._interest.scopes)
        return Cursor(
            tables={set_: one.mark for set_, one in touched.news.items()},
            scopes=tuple(sorted((wanted & set(self._cursor.scopes)) | touched.listed.keys())),
            columns=self._cursor.columns, swept=self._now if swept else self._cursor.swept,
            pending=not swept and self._pending(touched), process=self._kit.process, removals=dict(removals),
            **facts(self._kit),
        )  # fmt: skip


# ---------------------------------------------------------------------------------------------- shared steps


def listed_scopes(
    kit: Kit, scopes: Sequence[ScopeId], *, known: bool
) -> dict[ScopeId, dict[RecordId, tuple[str, ...]]]:
    """Complete listings. A tag that is not shown is left out; when none is, it is not the tags that are missing."""
    listed = kit.tags.members(scopes, kit.bodies.totals.get(kit.tags.scheme.rows, 0))
    if scopes and not listed and known:
        raise MissingRight(
            "the CRM shows none of the tags any more",
            "Give the login “View any data”: private tags of others are hidden without it.",
        )
    return listed


def member_pages(listed: Mapping[ScopeId, Mapping[RecordId, tuple[str, ...]]]) -> Iterator[Page]:
    """Listings as pages."""
    for scope, records in sorted(listed.items()):
        members = [Member(scope, record, rows) for record, rows in records.items()]
        for start in range(0, len(members), MEMBERS_PER_PAGE):
            yield Page(members=tuple(members[start : start + MEMBERS_PER_PAGE]))


SET_BACK = 60.0
"""Seconds by which a server's clock may fall behind without being set: drift, and the coarseness of its `Date`."""


def ahead(kit: Kit) -> float:
    """Seconds by which the server's clock is ahead of ours, as well as its replies tell; 0 where they do not."""
    clock = kit.client.clock
    return 0.0 if clock is None else float(round((clock.lo + clock.hi) / 2))


def facts(kit: Kit) -> dict[str, Any]:
    """What was found out once, to be remembered in the cursor."""
    return {
        "runtime": kit.client.runtime,
        "batch_get": bool(kit.client.batch_get),
        "me": kit.me,
        "family_first": kit.bodies.habits.family_first,
        "ahead": ahead(kit),
    }


def adopt(kit: Kit, cursor: Cursor) -> None:
    """Take over what an earlier process found out."""
    kit.client.runtime = kit.client.runtime or cursor.runtime
    if kit.client.batch_get is None:
        kit.client.batch_get = cursor.batch_get
    kit.me = kit.me or cursor.me
    if not kit.bodies.habits.votes:
        kit.bodies.habits.votes[cursor.family_first] += 1
