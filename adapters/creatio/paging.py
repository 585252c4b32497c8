"""Reading many rows: by time, and as a listing whose completeness is proven. Knows no tables of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from adapters.creatio.client import Client
from adapters.creatio.odata import NULL_DATE, Answer, Query, Row
from syncd.core.errors import Incomplete

PAGE: Final = 1_000
LISTING_PAGE: Final = 5_000
LISTING_TRIES: Final = 2
FEW: Final = 5
"""Rows that may be deleted while a table is read."""


@dataclass(frozen=True)
class Walk:
    """Rows in the order of a time column, from a moment on (`strict`: only later ones)."""

    set: str
    select: tuple[str, ...]
    column: str
    start: str = ""
    strict: bool = False
    page: int = PAGE

    def query(self) -> Query:
        where = f"{self.column} {'gt' if self.strict else 'ge'} {self.start}" if self.start else ""
        return Query(self.set, self.select, where, f"{self.column},Id", self.page)


def walk(client: Client, way: Walk) -> Iterator[list[Row]]:
    """The rows in pages. Each row that keeps its time while we walk comes exactly once.

    The key is the time with `ge`, rows already seen at that time left out; ids order differently on each database.
    A page of one single time (a bulk change) is followed by all rows of exactly that time.
    """
    seen: set[str] = set()
    while True:
        rows, left = client.rows(way.query())
        yield [row for row in rows if row["Id"] not in seen]
        if len(rows) >= left:
            return
        if not rows:
            raise Incomplete(f"{way.set} counts rows that it does not give")
        first, last = str(rows[0][way.column]), str(rows[-1][way.column])
        if first == last:
            known = {str(row["Id"]) for row in rows}
            yield from _at(client, way, last, known)
            way, seen = replace(way, start=last, strict=True), set()
        else:
            way = replace(way, start=last, strict=False)
            seen = {str(row["Id"]) for row in rows if row[way.column] == last}


def _at(client: Client, way: Walk, time: str, known: set[str]) -> Iterator[list[Row]]:
    """All other rows of exactly one time."""
    literal = "null" if time == NULL_DATE else time
    query = Query(way.set, way.select, f"{way.column} eq {literal}", "Id", LISTING_PAGE)
    for rows in listing(client, query):
        yield [row for row in rows if row["Id"] not in known]


def whole_table(client: Client, set_: str, select: tuple[str, ...], total: int) -> Iterator[list[Row]]:
    """Every row, by the time it was made, which does not move while we walk. `select` has to hold `CreatedOn`.

    Rows put in by a script may lack that time; they are met where fewer than `total` rows came. `Incomplete` when many
    are still missing then: that is no deletion meanwhile, but a right that was lost.
    """
    way, seen = Walk(set_, select, "CreatedOn", page=LISTING_PAGE), 0
    for rows in walk(client, way):
        seen += len(rows)
        yield rows
    for rows in listing(client, Query(set_, select, "CreatedOn eq null", "Id", LISTING_PAGE)) if seen < total else ():
        seen += len(rows)
        yield rows
    if total - seen > max(FEW, total // 100):
        raise Incomplete(f"{set_} gave {seen} of {total} rows")


def pages(total: int) -> int:
    """Requests that a whole table takes."""
    return -(-total // LISTING_PAGE) or 1


def listing(client: Client, query: Query) -> Iterator[list[Row]]:
    """Every row of an ordered query by offset. `Incomplete` unless the count stays the same and is met, row by row."""
    yield from _rest(client, query, client.read([query])[0])


def _rest(client: Client, query: Query, first: Answer) -> Iterator[list[Row]]:
    rows, total = first.rows(query)
    yield rows
    seen = {str(row["Id"]) for row in rows}
    got = len(rows)
    while got < total:
        rows, count = client.rows(replace(query, skip=got))
        if count != total or not rows:
            raise Incomplete(f"{query.set} changed while it was listed")
        yield rows
        seen |= {str(row["Id"]) for row in rows}
        got += len(rows)
    if got != total or len(seen) != total:
        raise Incomplete(f"{query.set} listed {len(seen)} of {total} rows")


def complete(client: Client, query: Query, first: Answer | None = None) -> list[Row]:
    """The whole listing at once, begun anew once when it moved; `first` may be its first page, read already."""
    for attempt in range(LISTING_TRIES):
        try:
            answer = first if first is not None and not attempt else client.read([query])[0]
            return [row for page in _rest(client, query, answer) for row in page]
        except Incomplete:
            if attempt + 1 == LISTING_TRIES:
                raise
    raise Incomplete(f"{query.set} could not be listed")
