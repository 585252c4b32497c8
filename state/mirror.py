"""What a transaction does to one source's mirror: bodies, memberships, keys, and the links that have to notice.

Nothing here begins or ends a transaction; readings, point reads and settled calls share it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from state import codec, drift
from state.keys import Keys
from state.places import HOLD_OFF, Place, Places, contradicted
from state.rows import CHUNK, chunks, columns_of, delete_each, given, insert, upsert
from state.schema import account, account_pair, link, match_key, membership, own_move, recheck
from state.schema import record as record_table
from state.schema import source as source_table
from syncd.core.contact import AccountName, Instant, Record, RecordId, ScopeId, Side, SourceId, base_of
from syncd.core.delta import digest, inherit
from syncd.core.ports import Member


@dataclass
class Touched:
    """What changed so far: the numbers to report, and who has to hear of it."""

    content: int = 0
    entered: int = 0
    left: int = 0
    stale: int = 0
    records: set[RecordId] = field(default_factory=set)  # not yet told to their links
    scopes: set[ScopeId] = field(default_factory=set)
    accounts: set[AccountName] = field(default_factory=set)


class Stored(NamedTuple):
    """A mirror row as it was before."""

    body: str | None
    digest: str
    stamp: int
    gone: bool


UNKNOWN = Stored(None, "", 0, gone=False)

_STORED = sa.select(
    record_table.c.id, record_table.c.body, record_table.c.digest, record_table.c.stamp, record_table.c.gone
).where(record_table.c.source == sa.bindparam("source"), given(record_table.c.id))


def _of_links(side: Side, *columns: sa.Column[Any]) -> sa.Select[Any]:
    """These columns of the links of a source's accounts that name one of the records."""
    named = sa.select(*columns).join(account, account.c.name == link.c.account)
    return named.where(columns_of(side).source == sa.bindparam("source"), given(columns_of(side).id))


_LINKED = {side: _of_links(side, columns_of(side).id) for side in Side}
_NAMED = {side: _of_links(side, link.c.id, link.c.account) for side in Side}


class Mirror:
    """One source inside one write transaction. `scopes` are those wanted."""

    def __init__(
        self,
        connection: Connection,
        source: SourceId,
        side: Side,
        pepper: bytes,
        *,
        scopes: Iterable[ScopeId],
        now: float,
    ) -> None:
        self.connection = connection
        self.source = source
        self.side = side
        self.now = now
        self.touched = Touched()
        self.keys = Keys(connection, source, pepper)
        self._places = Places(connection, source, frozenset(scopes))
        self._columns = columns_of(side)
        self._rechecks: dict[RecordId, float] = {}

    # ------------------------------------------------------------------------------------------ bodies

    def put_records(
        self,
        records: Sequence[Record],
        previous: Instant,
        *,
        final: bool = False,
    ) -> None:
        """New bodies, at most a chunk. `previous` is when the source was read before, by its own clock.

        `final` ones were asked for one by one, or come from our own write: never stale. Before a body's content
        changes, the old one becomes the base of every link that relied on it.
        """
        ids = [r.id for r in records]
        old, linked = self._stored(ids), self._linked(ids)
        fresh = [r for r in records if final or not self._stale(old.get(r.id, UNKNOWN), r)]
        inside = self._told_scopes(fresh, old, final=final)
        self._put_bodies(fresh, old, linked, inside, previous)
        self.keys.follow(fresh)
        self._tell_links()

    def _stale(self, before: Stored, record: Record) -> bool:
        """Google serves old states for minutes after a write; a later look decides."""
        if self.side is not Side.GOOGLE or not 0 < record.stamp < before.stamp:
            return False
        self.touched.stale += 1
        self._rechecks[record.id] = self.now + HOLD_OFF
        return True

    def _put_bodies(
        self,
        records: Sequence[Record],
        old: Mapping[RecordId, Stored],
        linked: Collection[RecordId],
        inside: Mapping[RecordId, set[ScopeId]],
        previous: Instant,
    ) -> None:
        rows, bases = [], []
        for read in records:
            before = old.get(read.id, UNKNOWN)
            if not self._is_kept(read.id, linked, inside):
                continue
            was = None if before.body is None else codec.to_record(before.body)
            body = inherit(was or read, read, previous)  # a first body's units take its stamp, once and for all
            text, content = codec.to_text(body), digest(body)
            if before.body == text and not before.gone:
                continue
            rows.append({"id": read.id, **Stored(text, content, body.stamp, gone=False)._asdict()})
            if content != before.digest or before.gone:
                self._note_content(read.id, inside.get(read.id, ()))
            if content != before.digest and was is not None and read.id in linked:
                bases.append((read.id, codec.to_text(base_of(was))))
        self._save_bases(bases)
        upsert(self.connection, record_table, [{"source": self.source, **row} for row in rows])
        self._drop_bodies([r.id for r in records if r.id in old and not self._is_kept(r.id, linked, inside)])

    def _note_content(self, record: RecordId, scopes: Iterable[ScopeId]) -> None:
        self.touched.content += 1
        self.touched.records.add(record)
        self.touched.scopes.update(scopes)

    def _save_bases(self, bases: Sequence[tuple[RecordId, str]]) -> None:
        """NULL means "equals the mirror": what is about to change is written down first."""
        if not bases:
            return
        mine = sa.select(account.c.name).where(self._columns.source == self.source)
        statement = (
            sa.update(link)
            .where(self._columns.id == sa.bindparam("of"), self._columns.base.is_(None))
            .where(link.c.account.in_(mine))
            .values({self._columns.base.name: sa.bindparam("said")})
        )
        self.connection.execute(statement, [{"of": i, "said": text} for i, text in bases])

    def gone(self, ids: Sequence[RecordId]) -> None:
        """The server says they do not exist: memberships and keys end; a body stays for as long as a link names it."""
        for chunk in chunks(ids):
            old, linked, inside = self._stored(chunk), self._linked(chunk), self._places.of(chunk)
            news = [i for i in chunk if i in linked and not old.get(i, UNKNOWN).gone]
            rows = [{"id": i, **old.get(i, UNKNOWN)._replace(gone=True)._asdict()} for i in news]
            upsert(self.connection, record_table, [{"source": self.source, **row} for row in rows])
            for i in news:
                self._note_content(i, ())
            self._places.end([(scope, i) for i, scopes in inside.items() for scope in scopes])
            self.keys.end(chunk)
            self._drop_bodies([i for i in old if i not in linked])
            self._tell_links()

    def hide(self, ids: Sequence[RecordId]) -> None:
        """They are listed and cannot be read: what they said becomes a base, and nothing is known of them now."""
        for chunk in chunks(ids):
            old = {i: stored for i, stored in self._stored(chunk).items() if stored.body is not None}
            self._save_bases([(i, codec.to_text(base_of(codec.to_record(s.body or "")))) for i, s in old.items()])
            rows = [{"id": i, **s._replace(body=None, digest="", gone=False)._asdict()} for i, s in old.items()]
            upsert(self.connection, record_table, [{"source": self.source, **row} for row in rows])
            for i in old:
                self._note_content(i, ())
            self._tell_links()

    def members(self, ids: Collection[RecordId]) -> set[RecordId]:
        """Which of these are in some scope."""
        return set(self._places.of(ids))

    def rename(self, old: RecordId, new: RecordId) -> None:
        """The same contact under another id. Where both ids are known they became one, and the links follow."""
        stored = self._stored([old, new])
        known = old in stored or self._places.of([old]) or self.keys.of([old]) or self._linked([old])
        if not known:
            return
        self._relink(old, new, stored.get(old, UNKNOWN), stored.get(new))
        self._move_rows(record_table, "id", old, new, whole=True)
        self._move_rows(match_key, "record", old, new, whole=True)
        self._move_rows(membership, "record", old, new, whole=False)
        for table in (own_move, recheck):
            delete_each(self.connection, table, [{"source": self.source, "record": old}])
        self._note_content(new, self._places.of([new]).get(new, ()))
        self.touched.records.add(old)
        self._tell_links()

    def _relink(self, old: RecordId, new: RecordId, was: Stored, now: Stored | None) -> None:
        """Links that name the old id name the new one, unless their account has a link to that already."""
        if was.body is not None and now is not None and now.digest != was.digest:
            self._save_bases([(old, codec.to_text(base_of(codec.to_record(was.body))))])
        mine = sa.select(account.c.name).where(self._columns.source == self.source)
        taken = sa.select(link.c.account).where(self._columns.id == new)
        named = (self._columns.id == old, link.c.account.in_(mine), link.c.account.not_in(taken))
        self.connection.execute(sa.update(link).where(*named).values({self._columns.id.name: new}))

    def _move_rows(self, table: sa.Table, key: str, old: RecordId, new: RecordId, *, whole: bool) -> None:
        """Rows of the old id to the new one; what the new id has already stays (`whole`: then nothing is moved)."""
        there = sa.select(table).where(table.c.source == self.source, table.c[key] == sa.bindparam("who"))
        rows = [{**row, key: new} for row in self.connection.execute(there, {"who": old}).mappings()]
        known = self.connection.execute(there, {"who": new}).first() is not None
        if rows and not (whole and known):
            self.connection.execute(insert(self.connection, table).on_conflict_do_nothing(), rows)
        if rows:
            self.connection.execute(sa.delete(table).where(table.c.source == self.source, table.c[key] == old))

    # ------------------------------------------------------------------------------------------ membership

    def put_members(self, members: Sequence[Member]) -> None:
        """Memberships that exist, with all their native rows; at most a chunk."""
        self._places.put(members)
        self._tell_links()

    def end_members(self, places: Iterable[Place]) -> None:
        """Memberships that have ended, at most a chunk; bodies that nothing names any more go."""
        self._drop_bodies(self._unwanted(self._places.end(places)))
        self._tell_links()

    def remember_moves(self, entered: Iterable[Member], left: Iterable[Member]) -> None:
        """Our own moves: for a while Google may still tell how it was before."""
        if self.side is Side.GOOGLE:
            self._places.remember(entered, left, self.now)

    def _told_scopes(
        self, records: Sequence[Record], old: Mapping[RecordId, Stored], *, final: bool
    ) -> dict[RecordId, set[ScopeId]]:
        """The scopes of each record from now on: as it tells them itself, else as they are stored."""
        ids = [r.id for r in records]
        have = self._places.of(ids)
        moves = {} if final else self._places.moves(ids, self.now)
        told = {r.id: set(r.scopes) & self._places.scopes for r in records if r.scopes is not None}
        for r in records:
            if r.id in told and r.stamp <= old.get(r.id, UNKNOWN).stamp:
                for scope, move in contradicted(r, have.get(r.id, set()), told[r.id], moves).items():
                    told[r.id] ^= {scope}
                    self.touched.stale += 1
                    self._rechecks[r.id] = max(self._rechecks.get(r.id, 0.0), move.made_at + HOLD_OFF)
        self._places.follow(told, have)
        return {**have, **told}

    # ------------------------------------------------------------------------------------------ what is there

    def _stored(self, ids: Collection[RecordId]) -> dict[RecordId, Stored]:
        found = self.connection.execute(_STORED, {"source": self.source, "ids": ids})
        return {i: Stored(body, content, stamp, gone) for i, body, content, stamp, gone in found}

    def _linked(self, ids: Collection[RecordId]) -> set[RecordId]:
        """Which of these some link of some account of this source names."""
        return set(self.connection.execute(_LINKED[self.side], {"source": self.source, "ids": ids}).scalars())

    def _unwanted(self, ids: Sequence[RecordId]) -> list[RecordId]:
        """Those of a chunk that no wanted scope contains and no link names."""
        linked, inside = self._linked(ids), self._places.of(ids)
        return [i for i in ids if not self._is_kept(i, linked, inside)]

    def _is_kept(self, id: RecordId, linked: Collection[RecordId], inside: Mapping[RecordId, set[ScopeId]]) -> bool:
        """Bodies are kept of what a link names or a wanted scope contains; of all others the keys are enough."""
        return id in linked or bool(inside.get(id, set()) & self._places.scopes)

    # ------------------------------------------------------------------------------------------ what follows

    def ask_again(self, ids: Iterable[RecordId]) -> None:
        """These are to be asked for one by one, at once."""
        self._rechecks.update(dict.fromkeys(ids, self.now))

    def prune(self) -> None:
        """After everything was read: memberships of scopes that nobody wants any more go, and bodies with them."""
        self._places.end_unwanted()
        query = sa.select(record_table.c.id).where(record_table.c.source == self.source).order_by(record_table.c.id)
        after = ""
        while ids := list(self.connection.execute(query.where(record_table.c.id > after).limit(CHUNK)).scalars()):
            self._drop_bodies(self._unwanted(ids))
            after = ids[-1]
        self._tell_links()

    def _drop_bodies(self, ids: Sequence[RecordId]) -> None:
        delete_each(self.connection, record_table, [{"source": self.source, "id": i} for i in ids])

    def _tell_links(self) -> None:
        """Links that name what was touched hear of it: drift is judged anew, and their accounts are due."""
        self._take_note()
        for ids in chunks(sorted(self.touched.records)):
            found = self.connection.execute(_NAMED[self.side], {"source": self.source, "ids": ids}).all()
            self.touched.accounts.update(AccountName(row.account) for row in found)
            drift.recompute(self.connection, [row.id for row in found])
        self.touched.records.clear()

    def _take_note(self) -> None:
        """Who came and went, from the places to the numbers."""
        came, went = self._places.came, self._places.went
        self.touched.entered += len(came)
        self.touched.left += len(went)
        self.touched.scopes.update(scope for scope, _ in (*came, *went))
        self.touched.records.update(record for _, record in (*came, *went))
        came.clear()
        went.clear()

    def finish(self, *, but: AccountName | None = None) -> int:
        """Rechecks, the revision, and who becomes due (`but` not the one whose doing it was). Returns the revision."""
        self._tell_links()
        self._keep_rechecks()
        if self.touched.content or self.touched.entered or self.touched.left or self.keys.changed:
            grown = sa.update(source_table).where(source_table.c.id == self.source)
            self.connection.execute(grown.values(revision=source_table.c.revision + 1))
            self._make_due(but)
        current = sa.select(source_table.c.revision).where(source_table.c.id == self.source)
        return int(self.connection.execute(current).scalar_one())

    def _keep_rechecks(self) -> None:
        """The earlier date counts."""
        rows = [{"source": self.source, "record": i, "due_at": at} for i, at in self._rechecks.items()]
        for chunk in chunks(rows):
            new = insert(self.connection, recheck)
            sooner = new.excluded.due_at < recheck.c.due_at
            keys, due = ["source", "record"], {"due_at": new.excluded.due_at}
            self.connection.execute(new.on_conflict_do_update(index_elements=keys, set_=due, where=sooner), chunk)

    def _make_due(self, but: AccountName | None) -> None:
        """Accounts whose links were touched, or that follow a scope in which something happened."""
        for scopes in chunks(sorted(self.touched.scopes)):
            follows = sa.select(account.c.name).join(account_pair, account_pair.c.account == account.c.name)
            mine = (self._columns.source == self.source, self._columns.scope.in_(scopes))
            self.touched.accounts.update(self.connection.execute(follows.where(*mine)).scalars())
        for names in chunks(sorted(self.touched.accounts - {but})):
            late = sa.update(account).where(account.c.name.in_(names), account.c.next_due > self.now)
            self.connection.execute(late.values(next_due=self.now))


def wanted_scopes(connection: Connection, source: SourceId, side: Side) -> frozenset[ScopeId]:
    """The scopes that the accounts of this source follow."""
    columns = columns_of(side)
    follows = sa.select(columns.scope).join(account, account.c.name == account_pair.c.account)
    return frozenset(connection.execute(follows.where(columns.source == source)).scalars())
