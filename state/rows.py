"""Rows in and out by the thousand: chunks, and `INSERT … ON CONFLICT` in both dialects."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy import Column, Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

from state.schema import account, account_pair, link
from syncd.core.contact import Side

CHUNK = 1_000
"""Rows in one statement, and in memory at once."""

T = TypeVar("T")


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """The items in lists of at most `size`; none is empty."""
    iterator = iter(items)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk


class SideColumns(NamedTuple):
    """The columns that speak of one side."""

    id: Column[Any]
    base: Column[Any]
    source: Column[Any]
    scope: Column[Any]


_SIDES = {
    Side.CRM: SideColumns(link.c.crm_id, link.c.crm_base, account.c.crm, account_pair.c.crm_scope),
    Side.GOOGLE: SideColumns(link.c.google_id, link.c.google_base, account.c.google, account_pair.c.google_scope),
}


def columns_of(side: Side) -> SideColumns:
    """Where this side is spoken of."""
    return _SIDES[side]


def insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """The dialect's own insert, which knows conflicts."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert, or overwrite all other columns of the row with the same primary key."""
    keys = [column.name for column in table.primary_key]
    for chunk in chunks(rows):
        statement = insert(connection, table)
        others = {name: statement.excluded[name] for name in chunk[0] if name not in keys}
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=others), chunk)


def delete_each(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Delete the rows that have these values."""
    for chunk in chunks(rows):
        same = [table.c[name] == sa.bindparam(f"the_{name}") for name in chunk[0]]
        connection.execute(
            sa.delete(table).where(*same), [{f"the_{name}": value for name, value in row.items()} for row in chunk]
        )
