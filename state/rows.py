"""Rows in and out by the thousand: chunks, and `INSERT … ON CONFLICT` in both dialects."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy import Column, Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal

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


class _Values(sa.types.TypeDecorator[Collection[str] | Collection[int]]):
    """Many values in one parameter: JSON for SQLite, an array for PostgreSQL."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, *, numbers: bool) -> None:
        super().__init__()
        self.numbers = numbers

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.Text())
        return dialect.type_descriptor(postgresql.ARRAY(sa.BigInteger() if self.numbers else sa.Text()))

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        return msgspec.json.encode(list(value)).decode() if dialect.name == "sqlite" else list(value)


_WORDS, _NUMBERS = _Values(numbers=False), _Values(numbers=True)


class _Among(sa.ColumnElement[bool]):
    """See `among`."""

    inherit_cache = True
    type = sa.Boolean()
    _traverse_internals: list[tuple[str, InternalTraversal]] = [  # noqa: RUF012 - as the base class declares it
        ("column", InternalTraversal.dp_clauseelement),
        ("values", InternalTraversal.dp_clauseelement),
    ]

    def __init__(self, column: sa.ColumnElement[Any], values: sa.BindParameter[Any]) -> None:
        self.column = column
        self.values = values


@compiles(_Among, "sqlite")
def _among_sqlite(element: _Among, compiler: SQLCompiler, **how: Any) -> str:
    column, values = compiler.process(element.column, **how), compiler.process(element.values, **how)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - both are compiled SQL


@compiles(_Among)
def _among(element: _Among, compiler: SQLCompiler, **how: Any) -> str:
    return f"{compiler.process(element.column, **how)} = ANY({compiler.process(element.values, **how)})"


def among(column: sa.ColumnElement[Any], values: Collection[str] | Collection[int]) -> sa.ColumnElement[bool]:
    """`column.in_(values)` for texts or whole numbers, as one parameter.

    The statement is the same however many they are, so it is compiled once; a list would be spelt out at every call.
    """
    return _Among(column, sa.bindparam(None, values, type_=_kind_of(column), unique=True))


def given(column: sa.ColumnElement[Any], name: str = "ids") -> sa.ColumnElement[bool]:
    """`among` for a statement that is built once: the values come with each execution, under this name."""
    return _Among(column, sa.bindparam(name, type_=_kind_of(column)))


def _kind_of(column: sa.ColumnElement[Any]) -> _Values:
    return _NUMBERS if isinstance(column.type, sa.BigInteger | sa.Integer) else _WORDS


def insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """The dialect's own insert, which knows conflicts."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def upsert(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert, or overwrite all other columns of the row with the same primary key. The rows have the same columns."""
    for chunk in chunks(rows):
        connection.execute(_upsert(connection.dialect.name, table, tuple(chunk[0])), chunk)


@lru_cache
def _upsert(dialect: str, table: Table, names: tuple[str, ...]) -> sa.Insert:
    statement = sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
    keys = [column.name for column in table.primary_key]
    others = {name: statement.excluded[name] for name in names if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=others)


def delete_each(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Delete the rows that have these values."""
    for chunk in chunks(rows):
        statement = _delete(table, tuple(chunk[0]))
        connection.execute(statement, [{f"the_{name}": value for name, value in row.items()} for row in chunk])


@lru_cache
def _delete(table: Table, names: tuple[str, ...]) -> sa.Delete:
    return sa.delete(table).where(*(table.c[name] == sa.bindparam(f"the_{name}") for name in names))
