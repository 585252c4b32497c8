"""Cases put together from rows: a chunk of links or newcomers, with both sides' bodies and memberships."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from state import codec
from state.links import pairs_of, to_link
from state.part import Sources, sources_of
from state.rows import among, chunks, columns_of, given
from state.schema import account, account_pair, link, membership, newcomer_hold, record
from syncd.core.contact import AccountName, RecordId, ScopeId, Side
from syncd.core.step import Case, HoldReason, Presence

NOWHERE = Presence()


_OWN_PAIRS = (
    sa.select(account_pair).where(account_pair.c.account == sa.bindparam("account")).order_by(account_pair.c.pair)
)
_BODIES = sa.select(record.c.id, record.c.body, record.c.digest, record.c.gone).where(
    record.c.source == sa.bindparam("source"), given(record.c.id)
)
_PLACES = sa.select(membership.c.record, membership.c.scope, membership.c.rows).where(
    membership.c.source == sa.bindparam("source"), given(membership.c.record)
)


class Frame(NamedTuple):
    """What an account's cases are seen through: its sources, and the pairs that each scope stands for."""

    account: AccountName
    sources: Sources
    pairs: dict[Side, dict[ScopeId, tuple[int, ...]]]


class Body(NamedTuple):
    """A mirror row, not decoded yet: a chunk of texts is small, a chunk of records is not."""

    text: str | None
    digest: str
    gone: bool


def frame_of(connection: Connection, name: AccountName) -> Frame:
    """The frame of an account as it is configured now."""
    pairs: dict[Side, dict[ScopeId, tuple[int, ...]]] = {side: {} for side in Side}
    for row in connection.execute(_OWN_PAIRS, {"account": name}):
        for side, scope in ((Side.CRM, row.crm_scope), (Side.GOOGLE, row.google_scope)):
            pairs[side][scope] = (*pairs[side].get(scope, ()), row.pair)
    return Frame(name, sources_of(connection, name), pairs)


class Shelf:
    """One side's bodies and memberships of a chunk of ids."""

    def __init__(self, connection: Connection, frame: Frame, side: Side, ids: Collection[RecordId]) -> None:
        self._bodies: dict[RecordId, Body] = {}
        self._rows: dict[RecordId, dict[int, tuple[str, ...]]] = defaultdict(dict)
        source = frame.sources.of(side)
        for chunk in chunks(sorted(ids)):
            self._load(connection, source, chunk, frame.pairs[side])

    def _load(
        self,
        connection: Connection,
        source: str | None,
        ids: Sequence[RecordId],
        pairs: Mapping[ScopeId, tuple[int, ...]],
    ) -> None:
        for id_, body, digest, gone in connection.execute(_BODIES, {"source": source, "ids": ids}):
            self._bodies[id_] = Body(body, digest, gone)
        for record_id, scope, rows in connection.execute(_PLACES, {"source": source, "ids": ids}):
            for pair in pairs.get(scope, ()):
                self._rows[record_id][pair] = codec.to_words(rows)

    def digest(self, id: RecordId) -> str:
        body = self._bodies.get(id)
        return "" if body is None else body.digest

    def presence(self, id: RecordId | None) -> Presence:
        if id is None:
            return NOWHERE
        body, rows = self._bodies.get(id), self._rows.get(id, {})
        return Presence(
            record=None if body is None or body.text is None else codec.to_record(body.text),
            pairs=tuple(sorted(rows)),
            rows={pair: native for pair, native in sorted(rows.items()) if native},
            gone=body is not None and body.gone,
            digest="" if body is None else body.digest,
        )


class LinkRows:
    """A chunk of link rows with all that belongs to them; decoded one by one, as they are asked for."""

    def __init__(self, connection: Connection, frame: Frame, rows: Sequence[Row[Any]]) -> None:
        self._rows = rows
        self._pairs = pairs_of(connection, [row.id for row in rows])
        self._shelves = {
            side: Shelf(connection, frame, side, {i for row in rows if (i := getattr(row, columns_of(side).id.name))})
            for side in Side
        }

    def cases(self, *, refused: bool) -> Iterator[Case]:
        """One case a link; without `refused`, those whose content was refused as it is now are left out."""
        crm, google = self._shelves[Side.CRM], self._shelves[Side.GOOGLE]
        for row in self._rows:
            content = f"{crm.digest(row.crm_id)}:{google.digest(row.google_id)}"
            if refused or row.adrift or row.refused != content:
                link = to_link(row, self._pairs.get(row.id, ()))
                yield Case(crm=crm.presence(row.crm_id), google=google.presence(row.google_id), link=link)


class Newcomers:
    """A chunk of one side's members without a link."""

    def __init__(self, connection: Connection, frame: Frame, side: Side, ids: Sequence[RecordId]) -> None:
        self._side = side
        self._ids = ids
        self._shelf = Shelf(connection, frame, side, ids)
        self._refused = _refused(connection, frame.account, side, ids)

    def cases(self) -> Iterator[Case]:
        """One case a record; those whose content, as it is now, the other side refused are left out."""
        for newcomer in self._ids:
            if self._refused.get(newcomer) != self._shelf.digest(newcomer):
                presence = self._shelf.presence(newcomer)
                on_crm = self._side is Side.CRM
                yield Case(crm=presence, google=NOWHERE) if on_crm else Case(crm=NOWHERE, google=presence)


def _refused(connection: Connection, account: AccountName, side: Side, ids: Collection[RecordId]) -> dict[str, str]:
    """The refused contents of newcomers, by record."""
    mine = (newcomer_hold.c.account == account, newcomer_hold.c.side == side.value, among(newcomer_hold.c.record, ids))
    rows = connection.execute(sa.select(newcomer_hold).where(*mine))
    holds = ((row.record, row.digest, codec.to_hold(row.hold)) for row in rows)
    return {record: digest for record, digest, hold in holds if hold is not None and hold.reason is HoldReason.REFUSED}


def still_new() -> sa.ColumnElement[bool]:
    """Of `newcomer_hold`: the record is in a scope of its account and has no link there, so the hold still means it."""
    on_crm = newcomer_hold.c.side == Side.CRM.value
    member = sa.and_(
        account.c.name == newcomer_hold.c.account,
        account_pair.c.account == account.c.name,
        membership.c.source == sa.case((on_crm, account.c.crm), else_=account.c.google),
        membership.c.scope == sa.case((on_crm, account_pair.c.crm_scope), else_=account_pair.c.google_scope),
        membership.c.record == newcomer_hold.c.record,
    )
    linked = sa.and_(
        link.c.account == newcomer_hold.c.account,
        sa.case((on_crm, link.c.crm_id), else_=link.c.google_id) == newcomer_hold.c.record,
    )
    return sa.and_(sa.exists().where(member), ~sa.exists().where(linked))
