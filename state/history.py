"""What is remembered of every value written over, every move and every conflict: written before, completed after."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from state import codec
from state.rows import among, chunks
from state.schema import history
from syncd.core.contact import AccountName, RecordId, Side
from syncd.core.ports import CallItem, Create, HistoryRow, Update
from syncd.core.step import Conflict, Step

SENT = "sent"
SETTLED = "settled"


class Occasion(NamedTuple):
    """When and for whom something was written; `call` is None where nothing was sent."""

    run: str
    account: AccountName
    at: float
    call: str | None = None


def of_items(occasion: Occasion, side: Side, items: Sequence[CallItem]) -> list[dict[str, Any]]:
    """The rows that must be there before a call goes out."""
    return [
        {**_blank(occasion, side, number, item.link), "outcome": SENT, **row}
        for number, item in enumerate(items)
        for row in _of_write(item)
    ]


def _of_write(item: CallItem) -> list[dict[str, Any]]:
    write, kind = item.write, codec.kind_of(item.write)
    if isinstance(write, Create):
        return [{"record": write.id, "kind": kind}]
    if isinstance(write, Update):
        return [
            {
                "record": write.record.id,
                "kind": kind,
                "field": change.field.value,
                "old": codec.maybe_text(change.old),
                "new": codec.maybe_text(change.new),
                "why": change.why.value,
            }
            for change in write.changes
        ]
    return [{"record": write.record, "kind": kind, "field": write.scope}]


def of_conflicts(occasion: Occasion, number: int, link: int, step: Step) -> list[dict[str, Any]]:
    """One row a conflict, on the side that lost: `old` is what it had, `new` what it gets."""
    return [_of_conflict(occasion, number, link, step, conflict) for conflict in step.conflicts]


def _of_conflict(occasion: Occasion, number: int, link: int, step: Step, conflict: Conflict) -> dict[str, Any]:
    loser = conflict.winner.other
    return {
        **_blank(occasion, loser, number, link),
        "record": step.crm_id if loser is Side.CRM else step.google_id,
        "kind": "conflict",
        "field": conflict.field.value,
        "old": codec.maybe_text(conflict.lost),
        "new": codec.maybe_text(conflict.won),
        "why": conflict.why.value,
        "outcome": SENT if occasion.call else SETTLED,
    }


def _blank(occasion: Occasion, side: Side, number: int, link: int) -> dict[str, Any]:
    empty = {"record": None, "kind": "", "field": "", "old": None, "new": None, "why": "", "outcome": ""}
    return {**empty, **occasion._asdict(), "item": number, "side": side.value, "link": link}


def write(connection: Connection, rows: Iterable[dict[str, Any]]) -> None:
    """Add these rows."""
    for chunk in chunks(rows):
        connection.execute(sa.insert(history), chunk)


def unwritten_conflicts(connection: Connection, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that this run has not written yet: a step goes out in several calls, its conflicts are told once."""
    told = {_identity(row) for row in rows}
    fresh: dict[tuple[Any, ...], dict[str, Any]] = {_identity(row): row for row in rows}
    for run in {row["run"] for row in rows}:
        records = {row["record"] for row in rows}
        mine = sa.select(history).where(history.c.run == run, history.c.kind == "conflict")
        for chunk in chunks(sorted(r for r in records if r is not None)):
            told_before = connection.execute(mine.where(among(history.c.record, chunk))).mappings()
            for key in told & {_identity(row) for row in told_before}:
                fresh.pop(key, None)
    return list(fresh.values())


def _identity(row: Any) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("run", "account", "side", "record", "field", "old", "new"))


class Ending(NamedTuple):
    """What became of an item, with the ids that were not known before (0, None: still not)."""

    outcome: str
    link: int
    record: RecordId | None


def complete(connection: Connection, call: str, became: Mapping[int, Ending]) -> None:
    """What became of each item of a call, by number. Ids that were known stay as they were written."""
    told = sa.select(history.c.id, history.c.item, history.c.link, history.c.record).where(history.c.call == call)
    ends = [(row, became[row.item]) for row in connection.execute(told) if row.item in became]
    rows = [
        {"row": row.id, "became": end.outcome, "of": row.link or end.link, "whom": row.record or end.record}
        for row, end in ends
    ]
    for chunk in chunks(rows):
        connection.execute(_COMPLETE, chunk)


_COMPLETE = (
    sa.update(history)
    .where(history.c.id == sa.bindparam("row"))
    .values(outcome=sa.bindparam("became"), link=sa.bindparam("of"), record=sa.bindparam("whom"))
)


def read(connection: Connection, which: Collection[sa.ColumnElement[bool]], limit: int) -> tuple[HistoryRow, ...]:
    """The newest first."""
    rows = connection.execute(sa.select(history).where(*which).order_by(history.c.id.desc()).limit(limit))
    return tuple(_row(row) for row in rows)


def _row(row: Row[Any]) -> HistoryRow:
    return HistoryRow(
        run=row.run,
        account=row.account,
        at=row.at,
        side=Side(row.side),
        record=row.record,
        link=row.link,
        kind=row.kind,
        field=row.field,
        old=codec.to_unit(row.old),
        new=codec.to_unit(row.new),
        why=row.why,
        outcome=row.outcome,
    )
