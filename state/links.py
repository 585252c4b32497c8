"""Links as rows: read, put, dropped. The bases that equal the mirror are stored as NULL here and nowhere else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Row
from sqlalchemy.exc import IntegrityError

from state import codec, drift
from state.part import sources_of
from state.rows import among, chunks, columns_of, given
from state.schema import link as link_table
from state.schema import link_pair, record
from syncd.core.contact import AccountName, Base, Record, RecordId, Side
from syncd.core.delta import digest
from syncd.core.errors import Replan
from syncd.core.step import Link, LinkState, Step


class Told(NamedTuple):
    """What a link was decided on: the mirror contents planned against, and the side whose body came with the reply."""

    digests: dict[Side, str]
    fresh: Side | None = None


def told(step: Step, fresh: Side | None = None) -> Told:
    """What this step was decided on."""
    return Told({Side.CRM: step.crm_digest, Side.GOOGLE: step.google_digest}, fresh)


_PAIRS = (
    sa.select(link_pair.c.link, link_pair.c.pair)
    .where(given(link_pair.c.link))
    .order_by(link_pair.c.link, link_pair.c.pair)
)
_CONTENTS = sa.select(record.c.id, record.c.digest).where(
    record.c.source == sa.bindparam("source"), record.c.body.is_not(None), given(record.c.id)
)
_NUMBERED = sa.select(link_table).where(given(link_table.c.id))
_NAMED = {
    side: sa.select(link_table).where(link_table.c.account == sa.bindparam("account"), given(columns_of(side).id))
    for side in Side
}


def pairs_of(connection: Connection, ids: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """The agreed pairs of each link, ascending."""
    pairs: dict[int, list[int]] = defaultdict(list)
    for chunk in chunks(ids):
        for number, pair in connection.execute(_PAIRS, {"ids": chunk}):
            pairs[number].append(pair)
    return {i: tuple(found) for i, found in pairs.items()}


def to_link(row: Row[Any], pairs: tuple[int, ...]) -> Link:
    """The link of a row; its pairs are in a table of their own."""
    return Link(
        id=row.id,
        account=AccountName(row.account),
        state=LinkState(row.state),
        crm_id=row.crm_id,
        google_id=row.google_id,
        crm_base=codec.to_base(row.crm_base),
        google_base=codec.to_base(row.google_base),
        pairs=pairs,
        hold=codec.to_hold(row.hold),
        refused=row.refused,
        unplaced=row.unplaced,
    )


def read(connection: Connection, where: sa.ColumnElement[bool]) -> list[Link]:
    """The links of which this is true; the caller sees to it that they are few."""
    rows = connection.execute(sa.select(link_table).where(where).order_by(link_table.c.id)).all()
    pairs = pairs_of(connection, [row.id for row in rows])
    return [to_link(row, pairs.get(row.id, ())) for row in rows]


def put(connection: Connection, link: Link, decided: Told) -> Link:
    """One link as `put_all` stores it."""
    return put_all(connection, [(link, decided)])[0]


def put_all(connection: Connection, asked: Sequence[tuple[Link, Told]]) -> list[Link]:
    """The links as given, with a number if they had none; a base that equals the mirror of this moment becomes NULL.

    All are of one account; of one link that is asked for twice the last counts. Statements grow by the thousand links.
    """
    if not asked:
        return []
    last = {_key(link): (link, decided) for link, decided in asked}
    shelf = _Shelf(connection, [link for link, _ in last.values()])
    rows = [shelf.values(link, decided) for link, decided in last.values()]
    numbers = _save(connection, [shelf.number(link) for link, _ in last.values()], rows)
    _put_pairs(connection, {n: set(link.pairs) for n, (link, _) in zip(numbers, last.values(), strict=True)})
    drift.recompute(connection, numbers)
    by_number = {row.id: row for row in _rows(connection, _NUMBERED, numbers)}
    stored = {
        key: to_link(by_number[n], tuple(sorted(set(link.pairs))))
        for n, (key, (link, _)) in zip(numbers, last.items(), strict=True)
    }
    return [stored[_key(link)] for link, _ in asked]


def _key(link: Link) -> tuple[object, ...]:
    return (link.id,) if link.id else (link.crm_id, link.google_id)


class _Shelf:
    """What is stored now about links that are about to be put: their rows, and their records' content."""

    def __init__(self, connection: Connection, asked: Sequence[Link]) -> None:
        self._sources = sources_of(connection, asked[0].account)
        found = _rows(connection, _NUMBERED, [link.id for link in asked if link.id])
        fresh = [link for link in asked if not link.id]
        for side in Side:
            named = [i for link in fresh if (i := _named(link, side)) is not None]
            found += _rows(connection, _NAMED[side], named, account=asked[0].account)
        self._by_number = {row.id: row for row in found}
        self._by_records = {(row.crm_id, row.google_id): row for row in found}
        self._digests = {side: self._contents(connection, side, asked) for side in Side}

    def _contents(self, connection: Connection, side: Side, asked: Sequence[Link]) -> dict[RecordId, str]:
        """The content of the links' records on one side now, where a body is stored."""
        digests: dict[RecordId, str] = {}
        for ids in chunks(dict.fromkeys(i for link in asked if (i := _named(link, side)) is not None)):
            found = connection.execute(_CONTENTS, {"source": self._sources.of(side), "ids": ids})
            digests.update((i, content) for i, content in found)
        return digests

    def _before(self, link: Link) -> Row[Any] | None:
        """The row of this link: by its number, else the one that joins the same two records already."""
        return self._by_number.get(link.id) if link.id else self._by_records.get((link.crm_id, link.google_id))

    def number(self, link: Link) -> int:
        """0 for a link that is not stored yet."""
        before = self._before(link)
        return 0 if before is None else int(before.id)

    def values(self, link: Link, decided: Told) -> dict[str, Any]:
        """The columns to store."""
        values: dict[str, Any] = {
            "account": link.account,
            "state": link.state.value,
            "crm_id": link.crm_id,
            "google_id": link.google_id,
            "hold": codec.maybe_text(link.hold),
            "refused": link.refused,
            "unplaced": link.unplaced,
        }
        return values | {columns_of(side).base.name: self._base(side, link, decided) for side in Side}

    def _base(self, side: Side, link: Link, decided: Told) -> str | None:
        """What to store for this side.

        None as given means "the mirror as planned against": if that has moved on since, the base that the move left
        behind stays, so that the move is seen.
        """
        given = link.crm_base if side is Side.CRM else link.google_base
        named = _named(link, side)
        mirror = "" if named is None else self._digests[side].get(named, "")
        if given is not None:
            return None if digest(_as_record(given)) == mirror else codec.to_text(given)
        planned, before = decided.digests.get(side, ""), self._before(link)
        moved = bool(mirror and planned) and mirror != planned and decided.fresh is not side
        if not moved or before is None:
            return None
        kept: str | None = getattr(before, columns_of(side).base.name)
        return kept


def drop(connection: Connection, numbers: Sequence[int]) -> None:
    """Forget links; their history stays."""
    for chunk in chunks(numbers):
        connection.execute(sa.delete(link_pair).where(among(link_pair.c.link, chunk)))
        connection.execute(sa.delete(link_table).where(among(link_table.c.id, chunk)))


def _named(link: Link, side: Side) -> RecordId | None:
    return link.crm_id if side is Side.CRM else link.google_id


def _rows(connection: Connection, query: sa.Select[Any], ids: Iterable[Any], **more: str) -> list[Row[Any]]:
    found: list[Row[Any]] = []
    for chunk in chunks(dict.fromkeys(ids)):
        found += connection.execute(query, {"ids": chunk, **more}).all()
    return found


def _save(connection: Connection, numbers: Sequence[int], rows: Sequence[dict[str, Any]]) -> list[int]:
    """Update what is stored, insert what is new; the numbers, in order."""
    old = [{"the_id": n, **values} for n, values in zip(numbers, rows, strict=True) if n]
    new = [{"adrift": False, **values} for n, values in zip(numbers, rows, strict=True) if not n]
    try:
        for chunk in chunks(old):
            connection.execute(_UPDATE, chunk)
        made = iter(_inserted(connection, new))
    except IntegrityError:
        raise Replan("another link of this account names one of these records already") from None
    return [n or next(made) for n in numbers]


def _inserted(connection: Connection, rows: Sequence[dict[str, Any]]) -> list[int]:
    """The numbers, in order. The rows are told apart by what they name: asked for in order, SQLite takes one a time."""
    numbers: dict[tuple[Any, Any], int] = {}
    for chunk in chunks(rows):
        numbers.update(((crm_id, google_id), n) for n, crm_id, google_id in connection.execute(_INSERT, chunk))
    return [numbers[row["crm_id"], row["google_id"]] for row in rows]


_UPDATE = sa.update(link_table).where(link_table.c.id == sa.bindparam("the_id"))
_INSERT = sa.insert(link_table).returning(link_table.c.id, link_table.c.crm_id, link_table.c.google_id)


def _put_pairs(connection: Connection, wanted: Mapping[int, set[int]]) -> None:
    there = pairs_of(connection, wanted)
    moved = {n: pairs for n, pairs in wanted.items() if set(there.get(n, ())) != pairs}
    for chunk in chunks(n for n in moved if n in there):
        connection.execute(sa.delete(link_pair).where(among(link_pair.c.link, chunk)))
    rows = [{"link": n, "pair": pair} for n, pairs in moved.items() for pair in sorted(pairs)]
    for some in chunks(rows):
        connection.execute(sa.insert(link_pair), some)


def _as_record(base: Base) -> Record:
    return Record(RecordId(""), "", base.units, base.mask)
