"""Whether a link has drifted from its members: kept as a column, so that a run's work is an index and not a scan."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.sql.elements import ColumnElement

from state.rows import chunks, columns_of, given
from state.schema import account, account_pair, link, link_pair, membership, record
from syncd.core.contact import AccountName, Side


def recompute(connection: Connection, links: Sequence[int]) -> None:
    """Set `adrift` of these links; called by every transaction that moved what it depends on."""
    for ids in chunks(links):
        connection.execute(_some(), {"ids": ids})


def recompute_account(connection: Connection, name: AccountName) -> None:
    """The same for all links of an account whose pairs or sources were set anew."""
    connection.execute(_update().where(link.c.account == name))


@cache
def _some() -> sa.Update:
    return _update().where(given(link.c.id))


def _update() -> sa.Update:
    adrift = truth()
    return sa.update(link).values(adrift=adrift).where(link.c.adrift != adrift)


def truth() -> ColumnElement[bool]:
    """A side is in other pairs than were agreed, a pair is no more, or a record of a live link is gone."""
    forgotten = sa.exists().where(
        link_pair.c.link == link.c.id,
        ~sa.exists().where(account_pair.c.account == link.c.account, account_pair.c.pair == link_pair.c.pair),
    )
    lost = sa.and_(link.c.state == "live", sa.or_(_gone(Side.CRM), _gone(Side.GOOGLE)))
    return sa.or_(_differs(Side.CRM), _differs(Side.GOOGLE), forgotten, lost)


def _differs(side: Side) -> ColumnElement[bool]:
    columns = columns_of(side)
    agreed = sa.exists().where(link_pair.c.link == link.c.id, link_pair.c.pair == account_pair.c.pair)
    member = sa.exists().where(
        account.c.name == link.c.account,
        membership.c.source == columns.source,
        membership.c.scope == columns.scope,
        membership.c.record == columns.id,
    )
    pair = account_pair.c.account == link.c.account
    return sa.exists().where(pair, agreed.correlate(link, account_pair) != member.correlate(link, account_pair))


def _gone(side: Side) -> ColumnElement[bool]:
    columns = columns_of(side)
    same = (record.c.source == columns.source, record.c.id == columns.id)
    return sa.exists().where(account.c.name == link.c.account, *same, record.c.gone)
