"""What moved in a table since the last reading: new and changed rows, and whether rows were removed.

The server tells neither deletions nor a place in a feed. Of each table the newest rows and the total are read, in one
page without a filter; a total lower than the last one and what came since can only mean rows that are gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from adapters.creatio.client import Client
from adapters.creatio.odata import NULL_DATE, Answer, Query, Row, earlier, moment
from adapters.creatio.paging import Walk, walk
from syncd.core.errors import Incomplete, MissingRight

NEWEST: Final = 120
"""Rows of the page that is read each time."""

OVERLAP: Final = 300.0
"""Seconds by which windows overlap: the server's transaction limit and the skew of its nodes, with room."""

SETTLED: Final = OVERLAP + 180.0
"""Seconds after which no row can appear any more with a time at or before one that was seen."""

SEEN_KEPT: Final = 5_000
"""Rows of the overlap that are remembered; with more, the next reading takes a removal for proven."""

SEEN_SETTLED: Final = 200


class Mark(msgspec.Struct, frozen=True, omit_defaults=True):
    """How far a table was read. `top` is the newest time the server gave, as it gave it, first seen at `since`.

    `seen` are the rows of the overlap with their times (None: too many). `settled`: nothing at or before `top` can
    still appear.
    """

    top: str
    since: float
    total: int
    settled: bool = False
    seen: dict[str, str] | None = None


@dataclass(frozen=True)
class Table:
    """A table that is watched. `guards`: a fall to no rows at all is taken for a lost right, and refused."""

    set: str
    select: tuple[str, ...]
    guards: bool = True

    def newest(self) -> Query:
        return Query(self.set, self.select, order="ModifiedOn desc,Id desc", top=NEWEST)


@dataclass(frozen=True)
class News:
    """`rows` are new or changed since the last mark. `removed` is how many are gone at least; None: perhaps some."""

    rows: list[Row]
    removed: int | None
    mark: Mark


def first_mark(table: Table, answer: Answer, now: float) -> Mark:
    """Where a full reading begins. Rows of the overlap are remembered, so that the next reading knows them."""
    rows, total = answer.rows(table.newest())
    top = _newest(map(_time, rows), NULL_DATE, now)
    edge = earlier(top, OVERLAP)
    inside = [row for row in rows if moment(_time(row)) >= moment(edge)]
    whole = len(inside) < len(rows) or len(rows) >= total
    return Mark(top, now, total, seen=_remembered(inside, top, {}) if whole else None)


def news(client: Client, table: Table, mark: Mark, answer: Answer, now: float, own_removals: int) -> News:
    """What the newest page says, and a walk where it does not reach back to the mark.

    Raises `MissingRight` when a guarded table shows no rows any more. `own_removals` are rows that we deleted ourselves
    since the mark.
    """
    page, total = answer.rows(table.newest())
    if not total and mark.total > own_removals and table.guards:
        raise emptied(table.set)
    floor = mark.top if mark.settled else earlier(mark.top, OVERLAP)
    inside = _inside(client, table, page, total, floor, strict=mark.settled)
    seen = mark.seen if mark.seen is not None else {}
    fresh = [row for row in inside if seen.get(row["Id"]) != _time(row)]
    edge = moment(earlier(mark.top, OVERLAP))
    created = sum(1 for row in fresh if row["Id"] not in seen and moment(_created(row)) >= edge)
    gone = mark.total - own_removals + created - total
    known = mark.seen is not None or mark.settled
    return News(fresh, gone if known else None, _advanced(mark, inside, total, now))


def emptied(set_: str) -> MissingRight:
    """A table that had rows and shows none: on the wire a lost right looks like that."""
    return MissingRight(
        f"the CRM shows no row of {set_} any more; that is taken for a lost right, not for deletions",
        f"Give the login “View any data”, or the right to read {set_}. Should the CRM really hold no row of it, "
        "put one in: a single one proves that it can be read.",
    )


def _inside(client: Client, table: Table, page: list[Row], total: int, floor: str, *, strict: bool) -> list[Row]:
    """Rows of the window, from the newest page if that reaches back so far, else by walking up from its floor."""
    edge = moment(floor)
    inside = [row for row in page if moment(_time(row)) > edge or (not strict and moment(_time(row)) == edge)]
    if len(inside) < len(page) or len(page) >= total:
        return inside
    if not page:
        raise Incomplete(f"{table.set} counts rows that it does not give")
    start = "" if floor == NULL_DATE else floor
    latest: dict[str, Row] = {}
    for rows in walk(client, Walk(table.set, table.select, "ModifiedOn", start, strict)):
        latest |= {row["Id"]: row for row in rows}
    return list(latest.values())


def _advanced(mark: Mark, inside: Iterable[Row], total: int, now: float) -> Mark:
    top = _newest(map(_time, inside), mark.top, now)
    same = moment(top) == moment(mark.top)
    since = mark.since if same else now
    settled = same and (mark.settled or now - since >= SETTLED)
    seen = _remembered(inside, top, mark.seen or {})
    if settled and (seen is None or len(seen) > SEEN_SETTLED):
        seen = {}
    return Mark(top, since, total, settled, seen)


def _newest(times: Iterable[str], at_least: str, now: float) -> str:
    """The latest of these times that is no lie: a row stamped ahead of its server's clock must hide nothing."""
    ahead = datetime.fromtimestamp(now + OVERLAP, UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
    return max([at_least, *(time for time in times if moment(time) <= moment(f"{ahead}Z"))], key=moment)


def _remembered(inside: Iterable[Row], top: str, before: dict[str, str]) -> dict[str, str] | None:
    edge = moment(earlier(top, OVERLAP))
    times = before | {row["Id"]: _time(row) for row in inside}
    kept = {key: time for key, time in times.items() if moment(time) >= edge}
    return kept if len(kept) <= SEEN_KEPT else None


def _time(row: Row) -> str:
    return str(row.get("ModifiedOn") or NULL_DATE)


def _created(row: Row) -> str:
    return str(row.get("CreatedOn") or NULL_DATE)
