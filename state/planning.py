"""What a plan is made from: the work of a run, single cases, partners by their keys. Reads only.

Streams go by pages, each in a transaction of its own, unless they come from a snapshot.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row

from state import codec
from state import links as link_rows
from state.cases import Frame, LinkRows, Newcomers, Shelf, frame_of, still_new
from state.keys import hashed
from state.part import Part, sources_of
from state.rows import CHUNK, among, chunks, columns_of
from state.schema import (
    DIRTY,
    UNPLACED,
    WAITING,
    account_pair,
    claim,
    link,
    match_key,
    membership,
    newcomer_hold,
    record,
)
from syncd.core.contact import AccountName, Record, RecordId, ScopeId, Side, SourceId
from syncd.core.errors import Replan
from syncd.core.ports import KeyKind
from syncd.core.step import Case, Link, LinkState, Presence

CLAIM = "claim"


class PlanningPart(Part):
    """`Store.work`, `case`, `cases`, `presence`, `links_of`, `candidates`, `bodies`, `claims`, `counts`."""

    def work(self, account: AccountName, *, unplaced: bool = False) -> Iterator[Case]:
        yield from self._linked(account, DIRTY, refused=False)
        if unplaced:
            yield from self._linked(account, WAITING, refused=False)
        with self.db.read() as connection:
            frame = frame_of(connection, account)
        for side in Side:
            scopes = list(frame.pairs[side])
            for position, scope in enumerate(scopes):
                yield from self._newcomers(frame, side, scope, scopes[:position])

    def cases(self, account: AccountName) -> Iterator[Case]:
        """Every link of the account, parked and creating ones too."""
        yield from self._linked(account, sa.true(), refused=True)

    def case(self, account: AccountName, number: int) -> Case:
        """The link of that number. Raises Replan where there is none any more."""
        mine = sa.select(link).where(link.c.account == account, link.c.id == number)
        with self.db.read() as connection:
            rows = connection.execute(mine).all()
            found = LinkRows(connection, frame_of(connection, account), rows)
        for case in found.cases(refused=True):
            return case
        raise Replan(f"link {number} of {account} is no more")

    def _linked(
        self, account: AccountName, which: sa.ColumnElement[bool] | sa.TextClause, *, refused: bool
    ) -> Iterator[Case]:
        query = sa.select(link).where(link.c.account == account, which).order_by(link.c.id).limit(CHUNK)
        after = 0
        while True:
            with self.db.read() as connection:
                rows: Sequence[Row[Any]] = connection.execute(query.where(link.c.id > after)).all()
                found = LinkRows(connection, frame_of(connection, account), rows)
            if not rows:
                return
            after = rows[-1].id
            yield from found.cases(refused=refused)

    def _newcomers(self, frame: Frame, side: Side, scope: ScopeId, seen: Sequence[ScopeId]) -> Iterator[Case]:
        """Members of a scope without a link, but for those that a scope seen before has shown already."""
        here = membership.alias()
        source = frame.sources.of(side)
        named = (link.c.account == frame.account, columns_of(side).id == here.c.record)
        shown = (membership.c.source == source, membership.c.scope.in_(seen), membership.c.record == here.c.record)
        query = sa.select(here.c.record).where(here.c.source == source, here.c.scope == scope)
        query = query.where(~sa.exists().where(*named), ~sa.exists().where(*shown))
        query = query.order_by(here.c.record).limit(CHUNK)
        after = ""
        while True:
            with self.db.read() as connection:
                ids = list(connection.execute(query.where(here.c.record > after)).scalars())
                found = Newcomers(connection, frame, side, ids)
            if not ids:
                return
            after = ids[-1]
            yield from found.cases()

    def presence(self, account: AccountName, side: Side, ids: Iterable[RecordId]) -> dict[RecordId, Presence]:
        """How each of these stands in that account, whether or not anything is known of it."""
        asked = set(ids)
        with self.db.read() as connection:
            shelf = Shelf(connection, frame_of(connection, account), side, asked)
        return {record_id: shelf.presence(record_id) for record_id in asked}

    def links_of(self, account: AccountName, side: Side, ids: Iterable[RecordId]) -> dict[RecordId, Link]:
        column = columns_of(side).id
        found: dict[RecordId, Link] = {}
        with self.db.read() as connection:
            for chunk in chunks(ids):
                for read in link_rows.read(connection, sa.and_(link.c.account == account, among(column, chunk))):
                    named = read.crm_id if side is Side.CRM else read.google_id
                    if named is not None:
                        found[named] = read
        return found

    def candidates(
        self, source: SourceId, keys: Iterable[tuple[KeyKind, str]]
    ) -> dict[tuple[KeyKind, str], set[RecordId]]:
        """The records that have each key; every key asked for is answered, by an empty set if need be."""
        asked = {(kind.value, hashed(self._pepper, kind, text)): (kind, text) for kind, text in keys}
        found: dict[tuple[KeyKind, str], set[RecordId]] = {key: set() for key in asked.values()}
        by_kind: dict[str, list[bytes]] = defaultdict(list)
        for kind, key in asked:
            by_kind[kind].append(key)
        columns = (match_key.c.key, match_key.c.record)
        with self.db.read() as connection:
            for kind, hashes in by_kind.items():
                for chunk in chunks(hashes):
                    there = (match_key.c.source == source, match_key.c.kind == kind, match_key.c.key.in_(chunk))
                    for row in connection.execute(sa.select(*columns).where(*there)):
                        found[asked[kind, bytes(row.key)]].add(row.record)
        return found

    def sharing(
        self, kind: KeyKind, source: SourceId, ids: Iterable[RecordId], other: SourceId
    ) -> dict[RecordId, set[RecordId]]:
        """By the keys' hashes alone: what was hashed need not be known."""
        theirs = match_key.alias()
        same = (theirs.c.source == other, theirs.c.kind == kind.value, theirs.c.key == match_key.c.key)
        mine = (match_key.c.source == source, match_key.c.kind == kind.value)
        query = sa.select(match_key.c.record, theirs.c.record.label("other")).where(*mine, *same)
        found: dict[RecordId, set[RecordId]] = defaultdict(set)
        with self.db.read() as connection:
            for chunk in chunks(ids):
                for row in connection.execute(query.where(match_key.c.record.in_(chunk))):
                    found[row.record].add(row.other)
        return dict(found)

    def bodies(self, source: SourceId, ids: Iterable[RecordId]) -> dict[RecordId, Record]:
        """The stored bodies of those that are not gone; contacts that nothing follows have none."""
        there = (record.c.source == source, record.c.body.is_not(None), ~record.c.gone)
        found: dict[RecordId, Record] = {}
        with self.db.read() as connection:
            for chunk in chunks(ids):
                query = sa.select(record.c.id, record.c.body).where(*there, among(record.c.id, chunk))
                found.update((row.id, codec.to_record(row.body)) for row in connection.execute(query))
        return found

    def claims(self, source: SourceId, keys: Iterable[str]) -> dict[str, str]:
        """The intents that hold these keys; keys nobody holds are not in the answer."""
        asked = {hashed(self._pepper, CLAIM, key): key for key in keys}
        found: dict[str, str] = {}
        with self.db.read() as connection:
            for chunk in chunks(asked):
                held = sa.select(claim.c.key, claim.c.intent).where(claim.c.source == source, claim.c.key.in_(chunk))
                found.update((asked[bytes(row.key)], row.intent) for row in connection.execute(held))
        return found

    def unplaced(self, account: AccountName) -> bool:
        """Whether some link of the account waits for a row of a lookup."""
        some = sa.select(link.c.id).where(link.c.account == account, UNPLACED).limit(1)
        with self.db.read() as connection:
            return connection.execute(some).first() is not None

    def unread(self, account: AccountName) -> tuple[tuple[Side, RecordId], ...]:
        """Listed members that no link names and no body is known of."""
        found: list[tuple[Side, RecordId]] = []
        with self.db.read() as connection:
            for side in Side:
                columns = columns_of(side)
                source = sources_of(connection, account).of(side)
                scopes = sa.select(columns.scope).where(account_pair.c.account == account)
                body = (record.c.source == membership.c.source, record.c.id == membership.c.record)
                query = sa.select(membership.c.record).distinct().order_by(membership.c.record)
                query = query.where(membership.c.source == source, membership.c.scope.in_(scopes))
                query = query.where(~sa.exists().where(*body, record.c.body.is_not(None)))
                query = query.where(~sa.exists().where(link.c.account == account, columns.id == membership.c.record))
                found += [(side, RecordId(i)) for i in connection.execute(query).scalars()]
        return tuple(found)

    def counts(self, account: AccountName) -> dict[str, int]:
        """`live`, `creating`, `parked`: links; `holds`: links and newcomers that wait; `crm.0`, `google.0`: members."""
        mine = link.c.account == account
        numbers = {state.value: 0 for state in LinkState}
        with self.db.read() as connection:
            by_state = sa.select(link.c.state, sa.func.count().label("number")).where(mine).group_by(link.c.state)
            numbers.update({row.state: row.number for row in connection.execute(by_state)})
            held = sa.select(sa.func.count()).where(mine, link.c.hold.is_not(None))
            waiting = sa.select(sa.func.count()).where(newcomer_hold.c.account == account, still_new())
            numbers["holds"] = connection.execute(held).scalar_one() + connection.execute(waiting).scalar_one()
            frame = frame_of(connection, account)
            for side in Side:
                for scope, pairs in frame.pairs[side].items():
                    there = (
                        membership.c.source == sources_of(connection, account).of(side),
                        membership.c.scope == scope,
                    )
                    members = connection.execute(sa.select(sa.func.count()).where(*there)).scalar_one()
                    numbers.update({f"{side.value}.{pair}": members for pair in pairs})
        return numbers
