"""Memberships as rows: which record is in which scope, and which of these moves were our own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from state import codec
from state.rows import CHUNK, delete_each, given, upsert
from state.schema import membership, own_move
from syncd.core.contact import Record, RecordId, ScopeId, SourceId
from syncd.core.ports import Member

HOLD_OFF = 900.0
"""Seconds for which Google may still serve what was before a write of ours."""

Place = tuple[ScopeId, RecordId]


_PLACES = sa.select(membership.c.scope, membership.c.record, membership.c.rows).where(
    membership.c.source == sa.bindparam("source"), given(membership.c.record)
)
_MOVES = sa.select(own_move).where(
    own_move.c.source == sa.bindparam("source"),
    own_move.c.made_at > sa.bindparam("since"),
    given(own_move.c.record),
)


class Move(NamedTuple):
    """A membership that we changed ourselves, and when."""

    entered: bool
    made_at: float


class Places:
    """The memberships of one source inside one write transaction; who came and went is noted as it happens."""

    def __init__(self, connection: Connection, source: SourceId, scopes: frozenset[ScopeId]) -> None:
        self.scopes = scopes
        self.came: list[Place] = []
        self.went: list[Place] = []
        self._connection = connection
        self._source = source

    def put(self, members: Sequence[Member]) -> None:
        """Memberships that exist, with all their native rows; at most a chunk."""
        wanted = {(m.scope, m.record): m for m in members if m.scope in self.scopes}
        have = self._rows([i for _, i in wanted]) if wanted else {}
        self.came.extend(place for place in wanted if place not in have)
        moved = [m for place, m in wanted.items() if have.get(place) != codec.to_text(m.rows)]
        upsert(self._connection, membership, [self._row(m) for m in moved])

    def end(self, places: Iterable[Place]) -> list[RecordId]:
        """Memberships that have ended, at most a chunk. Returns the records that left."""
        asked = list(dict.fromkeys(places))
        have = self._rows([i for _, i in asked]) if asked else {}
        gone = [place for place in asked if place in have]
        delete_each(self._connection, membership, [{"source": self._source, "scope": s, "record": i} for s, i in gone])
        self.went.extend(gone)
        return [i for _, i in gone]

    def end_unwanted(self) -> None:
        """Memberships of scopes that nobody wants any more."""
        strange = sa.select(membership.c.scope, membership.c.record).where(membership.c.source == self._source)
        while rows := self._connection.execute(
            strange.where(membership.c.scope.not_in(self.scopes)).limit(CHUNK)
        ).all():
            self.end([(ScopeId(row.scope), RecordId(row.record)) for row in rows])

    def follow(self, told: Mapping[RecordId, set[ScopeId]], have: Mapping[RecordId, set[ScopeId]]) -> None:
        """The memberships that records tell of themselves."""
        self.put([Member(s, i) for i, scopes in told.items() for s in sorted(scopes - have.get(i, set()))])
        self.end([(s, i) for i, scopes in told.items() for s in sorted(have.get(i, set()) - scopes)])

    def of(self, ids: Collection[RecordId]) -> dict[RecordId, set[ScopeId]]:
        """The scopes that each is in; who is in none is not in the answer."""
        scopes: dict[RecordId, set[ScopeId]] = defaultdict(set)
        for scope, record in self._rows(ids):
            scopes[record].add(scope)
        return scopes

    def _rows(self, ids: Collection[RecordId]) -> dict[Place, str]:
        found = self._connection.execute(_PLACES, {"source": self._source, "ids": ids})
        return {(scope, record): rows for scope, record, rows in found}

    def _row(self, m: Member) -> dict[str, Any]:
        return {"source": self._source, "scope": m.scope, "record": m.record, "rows": codec.to_text(m.rows)}

    # ------------------------------------------------------------------------------------------ our own moves

    def remember(self, entered: Iterable[Member], left: Iterable[Member], now: float) -> None:
        """Our own moves, for as long as an older state may still be served."""
        rows = {
            (m.scope, m.record): {"scope": m.scope, "record": m.record, "entered": came}
            for came, members in ((True, entered), (False, left))
            for m in members
            if m.scope in self.scopes
        }
        if rows:
            old = sa.delete(own_move).where(own_move.c.source == self._source, own_move.c.made_at < now - HOLD_OFF)
            self._connection.execute(old)
            stamped = {"source": self._source, "made_at": now}
            upsert(self._connection, own_move, [{**row, **stamped} for row in rows.values()])

    def moves(self, ids: Collection[RecordId], now: float) -> dict[Place, Move]:
        """Our moves of these records that an older state may not know."""
        found = self._connection.execute(_MOVES, {"source": self._source, "since": now - HOLD_OFF, "ids": ids})
        return {(ScopeId(row.scope), RecordId(row.record)): Move(row.entered, row.made_at) for row in found}


def contradicted(
    record: Record, have: set[ScopeId], told: set[ScopeId], moves: Mapping[Place, Move]
) -> dict[ScopeId, Move]:
    """Scopes in which this state would change what we moved ourselves a short while ago."""
    return {scope: move for scope in have ^ told if (move := moves.get((scope, record.id))) is not None}
