"""A reading on its way into the mirror: held in memory while it is small, in a table beyond, and promoted at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from state import codec
from state.database import Database
from state.keys import hashes_by_row
from state.mirror import Mirror, Touched
from state.part import fence, lost
from state.rows import CHUNK, among, chunks, upsert
from state.schema import membership, staged
from state.schema import record as record_table
from state.schema import source as source_table
from syncd.core.contact import Instant, RecordId, ScopeId, Side
from syncd.core.ports import Ending, Lease, Member, Page, Promoted

LIGHT = 10_000
"""Keys and memberships held in memory: far smaller than bodies."""

RECORD, KEYS, MEMBER = "record", "keys", "member"
"""The parts of a reading. `a` is a record, a record, a scope; `b` is nothing, a row, a record."""


class Piece(NamedTuple):
    """One row of a staged reading; a record without a value is gone."""

    a: str
    b: str
    value: str | None


class Stash:
    """What was read so far, the last word on each thing; spilled into `staged` when it grows."""

    def __init__(self, lease: Lease) -> None:
        self.spilled = False
        self._lease = lease
        self._parts: dict[str, dict[tuple[str, str], str | None]] = {RECORD: {}, KEYS: {}, MEMBER: {}}

    def put(self, part: str, a: str, b: str, value: str | None) -> None:
        self._parts[part][a, b] = value

    @property
    def full(self) -> bool:
        return len(self._parts[RECORD]) >= CHUNK or len(self._parts[KEYS]) + len(self._parts[MEMBER]) >= LIGHT

    def spill(self, connection: Connection) -> None:
        """Move what is in memory into the table. The first time, what a dead reading left there goes."""
        if not self.spilled:
            connection.execute(sa.delete(staged).where(staged.c.source == self._lease.source))
        self.spilled = True
        for part, pieces in self._parts.items():
            keys = ("source", "part", "a", "b", "value")
            rows = [(self._lease.source, part, a, b, value) for (a, b), value in pieces.items()]
            upsert(connection, staged, [dict(zip(keys, row, strict=True)) for row in rows])
            pieces.clear()

    def chunks(self, connection: Connection, part: str) -> Iterator[list[Piece]]:
        """Everything of one part, in order, a chunk at a time."""
        if not self.spilled:
            yield from chunks(
                Piece(a, b, value) for (a, b), value in sorted(self._parts[part].items(), key=lambda i: i[0])
            )
            return
        after = ("", "")
        mine = (staged.c.source == self._lease.source, staged.c.part == part)
        query = (
            sa.select(staged.c.a, staged.c.b, staged.c.value).where(*mine).order_by(staged.c.a, staged.c.b).limit(CHUNK)
        )
        while rows := connection.execute(query.where(sa.tuple_(staged.c.a, staged.c.b) > after)).all():
            yield [Piece(row.a, row.b, row.value) for row in rows]
            after = (rows[-1].a, rows[-1].b)

    def seen(self, connection: Connection, ids: Sequence[RecordId]) -> set[RecordId]:
        """Which of these records the reading spoke of."""
        if not self.spilled:
            known = {a for part in (RECORD, KEYS) for a, _ in self._parts[part]}
            return {i for i in ids if i in known}
        mine = (staged.c.source == self._lease.source, staged.c.part.in_((RECORD, KEYS)), among(staged.c.a, ids))
        return set(connection.execute(sa.select(staged.c.a).where(*mine)).scalars())

    def listed(self, connection: Connection, scope: ScopeId, ids: Sequence[RecordId]) -> set[RecordId]:
        """Which of these records the reading saw in that scope."""
        if not self.spilled:
            return {i for i in ids if (scope, i) in self._parts[MEMBER]}
        mine = (
            staged.c.source == self._lease.source,
            staged.c.part == MEMBER,
            staged.c.a == scope,
            among(staged.c.b, ids),
        )
        return set(connection.execute(sa.select(staged.c.b).where(*mine)).scalars())

    def clear(self, connection: Connection) -> None:
        if self.spilled:
            connection.execute(sa.delete(staged).where(staged.c.source == self._lease.source))


class SqlStaging:
    """`ports.Staging`. Good for one reading; nothing of it counts before `promote` has returned."""

    def __init__(self, db: Database, lease: Lease, side: Side, pepper: bytes) -> None:
        self.db = db
        self._lease = lease
        self._side = side
        self._pepper = pepper
        self._stash = Stash(lease)
        self._renamed: dict[RecordId, RecordId] = {}

    def add(self, page: Page) -> None:
        self._renamed.update(page.renamed)
        for record in page.records:
            self._put(RECORD, record.id, "", codec.to_text(record))
        for lost_id in page.gone:
            self._put(RECORD, lost_id, "", None)
        for (record_id, row), keys in hashes_by_row(page.keys, self._pepper).items():
            self._put(KEYS, record_id, row, codec.to_text(keys))
        for member in page.members:
            self._put(MEMBER, member.scope, member.record, codec.to_text(member.rows))

    def _put(self, part: str, a: str, b: str, value: str | None) -> None:
        self._stash.put(part, a, b, value)
        if self._stash.full:
            with self.db.write() as connection:
                fence(connection, self._lease)
                self._stash.spill(connection)

    def promote(self, ending: Ending, scopes: Sequence[ScopeId], now: float) -> Promoted:
        with self.db.write() as connection:
            previous = self._advance(connection, ending, now)
            if self._stash.spilled:
                self._stash.spill(connection)
            mirror = Mirror(connection, self._lease.source, self._side, self._pepper, scopes=scopes, now=now)
            for old, new in self._renamed.items():
                mirror.rename(old, new)
            self._promote_members(connection, mirror, ending)
            self._promote_records(connection, mirror, previous)
            self._promote_keys(connection, mirror)
            absent = tuple(self._absent(connection)) if ending.snapshot else ()
            mirror.ask_again(absent)
            if ending.snapshot:
                mirror.prune()
            self._stash.clear(connection)
            return _promoted(mirror.touched, mirror.finish(), absent)

    def _advance(self, connection: Connection, ending: Ending, now: float) -> Instant:
        """Cursor and times, and the fence with them: where nothing else changed, this is all that is written.

        Returns when the reading before this one began, by the server's clock.
        """
        mine = source_table.c.id == self._lease.source
        previous = connection.execute(sa.select(source_table.c.server_at).where(mine)).scalar()
        values = {"cursor": codec.to_text(ending.cursor), "read_at": now}
        if ending.server_now:
            values["server_at"] = ending.server_now
        if ending.snapshot:
            values["full_at"] = now
        ours = sa.update(source_table).where(mine, source_table.c.epoch == self._lease.epoch)
        if connection.execute(ours.values(values)).rowcount != 1:
            raise lost(self._lease)
        return Instant(previous or 0)

    def _promote_members(self, connection: Connection, mirror: Mirror, ending: Ending) -> None:
        for pieces in self._stash.chunks(connection, MEMBER):
            mirror.put_members([Member(ScopeId(p.a), RecordId(p.b), codec.to_words(p.value or "[]")) for p in pieces])
        for scope in ending.listed:
            for ids in self._members_of(connection, scope):
                listed = self._stash.listed(connection, scope, ids)
                mirror.end_members([(scope, i) for i in ids if i not in listed])

    def _members_of(self, connection: Connection, scope: ScopeId) -> Iterator[list[RecordId]]:
        mine = (membership.c.source == self._lease.source, membership.c.scope == scope)
        query = sa.select(membership.c.record).where(*mine).order_by(membership.c.record).limit(CHUNK)
        after = ""
        while ids := list(connection.execute(query.where(membership.c.record > after)).scalars()):
            yield ids
            after = ids[-1]

    def _promote_records(self, connection: Connection, mirror: Mirror, previous: Instant) -> None:
        for pieces in self._stash.chunks(connection, RECORD):
            mirror.put_records([codec.to_record(p.value) for p in pieces if p.value is not None], previous)
            mirror.gone([RecordId(p.a) for p in pieces if p.value is None])

    def _promote_keys(self, connection: Connection, mirror: Mirror) -> None:
        for pieces in self._stash.chunks(connection, KEYS):
            rows = {(RecordId(p.a), p.b): codec.to_keys(p.value or "[]") for p in pieces}
            mirror.keys.put(rows)

    def _absent(self, connection: Connection) -> Iterator[RecordId]:
        """Bodies that everything read did not mention. That is a question, not an answer: they are asked for singly."""
        there = (record_table.c.source == self._lease.source, ~record_table.c.gone, record_table.c.body.is_not(None))
        query = sa.select(record_table.c.id).where(*there).order_by(record_table.c.id).limit(CHUNK)
        after = ""
        while ids := list(connection.execute(query.where(record_table.c.id > after)).scalars()):
            seen = self._stash.seen(connection, ids)
            yield from (i for i in ids if i not in seen)
            after = ids[-1]


def _promoted(touched: Touched, revision: int, absent: tuple[RecordId, ...]) -> Promoted:
    return Promoted(touched.content, revision, touched.stale, absent, touched.entered, touched.left)
