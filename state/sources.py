"""Sources and their leases: who may write, and what is known of the login itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from state import codec
from state.part import Part, ensure_source, lost, new_source, side_of
from state.schema import source
from syncd.core.contact import Side, SourceId
from syncd.core.errors import Busy
from syncd.core.ports import Lease, SourceRow


class SourcePart(Part):
    """`Store.source`, `lease`, `renew`, `release`, `note`, `due_sources`; and `free_leases`."""

    def source(self, id: SourceId, side: Side) -> SourceRow:
        """As stored; a source never heard of has never been read and is due."""
        with self.db.read() as connection:
            row = connection.execute(sa.select(source).where(source.c.id == id)).mappings().first()
        return _source(dict(row) if row is not None else new_source(id, side))

    def lease(self, source_id: SourceId, owner: str, until: float, now: float) -> Lease:
        """The right to write, if nobody holds it or its holder let it run out; the same owner does not get it twice."""
        with self.db.write() as connection:
            ensure_source(connection, source_id, side_of(source_id))
            free = sa.or_(source.c.owner.is_(None), source.c.lease_until <= now)
            taken = sa.update(source).where(source.c.id == source_id, free)
            values = {"owner": owner, "epoch": source.c.epoch + 1, "lease_until": until}
            if connection.execute(taken.values(values)).rowcount != 1:
                raise _busy(connection, source_id, now)
            epoch = connection.execute(sa.select(source.c.epoch).where(source.c.id == source_id)).scalar_one()
        return Lease(source_id, owner, epoch)

    def renew(self, lease: Lease, until: float) -> None:
        with self.db.write() as connection:
            mine = sa.update(source).where(source.c.id == lease.source, source.c.epoch == lease.epoch)
            mine = mine.where(source.c.owner == lease.owner)
            if connection.execute(mine.values(lease_until=until)).rowcount != 1:
                raise lost(lease)

    def release(self, lease: Lease) -> None:
        """Give it back; nothing happens when it is lost already."""
        with self.db.write() as connection:
            mine = sa.update(source).where(source.c.id == lease.source, source.c.epoch == lease.epoch)
            connection.execute(mine.values(owner=None, lease_until=0.0))

    def free_leases(self) -> None:
        """End every lease, for a caller who knows that whoever held one is gone; should one live on, it is fenced."""
        with self.db.write() as connection:
            held = sa.update(source).where(source.c.owner.is_not(None))
            connection.execute(held.values(owner=None, lease_until=0.0, epoch=source.c.epoch + 1))

    def note(
        self,
        source_id: SourceId,
        facts: Mapping[str, Any],
        *,
        next_due: float | None = None,
        failures: int | None = None,
    ) -> None:
        """Facts to be merged into what is known (None forgets one), and when the source is to be read next."""
        with self.db.write() as connection:
            ensure_source(connection, source_id, side_of(source_id))
            mine = source.c.id == source_id
            row = connection.execute(sa.select(source.c.facts).where(mine)).one()
            known = codec.to_object(row.facts)
            merged = {key: value for key, value in {**known, **facts}.items() if value is not None}
            values: dict[str, Any] = {} if merged == known else {"facts": codec.to_text(merged)}
            if next_due is not None:
                values["next_due"] = next_due
            if failures is not None:
                values["failures"] = failures
            if values:
                connection.execute(sa.update(source).where(mine).values(values))

    def due_sources(self, now: float, side: Side) -> tuple[SourceId, ...]:
        """Longest due first."""
        due = sa.select(source.c.id).where(source.c.side == side.value, source.c.next_due <= now)
        with self.db.read() as connection:
            return tuple(connection.execute(due.order_by(source.c.next_due, source.c.id)).scalars())

    def set_due(self, source_id: SourceId, next_due: float, failures: int) -> None:
        """When the source is to be read next, and how often in a row that failed."""
        self.note(source_id, {}, next_due=next_due, failures=failures)

    def forget_cursors(self) -> None:
        """Every source is read whole next time: this state is older than the world."""
        with self.db.write() as connection:
            connection.execute(sa.update(source).values(cursor=None, full_at=0.0, next_due=0.0))


def _busy(connection: Connection, source_id: SourceId, now: float) -> Busy:
    row = connection.execute(sa.select(source.c.owner, source.c.lease_until).where(source.c.id == source_id)).one()
    return Busy(f"{row.owner} is at work on {source_id}", after=max(0.0, row.lease_until - now))


def _source(row: Mapping[str, Any]) -> SourceRow:
    return SourceRow(
        id=row["id"],
        side=Side(row["side"]),
        cursor=None if row["cursor"] is None else codec.to_object(row["cursor"]),
        revision=row["revision"],
        read_at=row["read_at"],
        full_at=row["full_at"],
        next_due=row["next_due"],
        failures=row["failures"],
        facts=codec.to_object(row["facts"]),
    )
