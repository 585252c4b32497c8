"""Observation: readings are staged and promoted; records that a list lacked are asked for one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import sqlalchemy as sa

from state.mirror import Mirror, wanted_scopes
from state.part import Part, fence, side_of
from state.rows import CHUNK, among, chunks, delete_each
from state.schema import recheck, record, source
from state.staging import SqlStaging
from syncd.core.contact import Instant, Record, RecordId, Side, SourceId
from syncd.core.ports import Lease, Staging


class ObservationPart(Part):
    """`Store.stage`, `known`, `members`, `resolve_absent`, `rechecks`."""

    def stage(self, lease: Lease, side: Side) -> Staging:
        return SqlStaging(self.db, lease, side, self._pepper)

    def known(self, source_id: SourceId, ids: Iterable[RecordId]) -> set[RecordId]:
        """Which of these have a stored body."""
        there = (record.c.source == source_id, record.c.body.is_not(None))
        found: set[RecordId] = set()
        with self.db.read() as connection:
            for chunk in chunks(ids):
                found.update(
                    connection.execute(sa.select(record.c.id).where(*there, among(record.c.id, chunk))).scalars()
                )
        return found

    def members(self, source_id: SourceId) -> Iterator[RecordId]:
        """All ids with a stored body that are not gone, in order; no transaction stays open between them."""
        there = (record.c.source == source_id, record.c.body.is_not(None), ~record.c.gone)
        query = sa.select(record.c.id).where(*there).order_by(record.c.id).limit(CHUNK)
        after = ""
        while True:
            with self.db.read() as connection:
                ids = list(connection.execute(query.where(record.c.id > after)).scalars())
            if not ids:
                return
            yield from ids
            after = ids[-1]

    def resolve_absent(self, lease: Lease, found: Mapping[RecordId, Record | None], now: float) -> int:
        side = side_of(lease.source)
        with self.db.write() as connection:
            fence(connection, lease)
            scopes = wanted_scopes(connection, lease.source, side)
            mirror = Mirror(connection, lease.source, side, self._pepper, scopes=scopes, now=now)
            previous = connection.execute(sa.select(source.c.server_at).where(source.c.id == lease.source)).scalar_one()
            for items in chunks(found.items()):
                mirror.put_records([r for _, r in items if r is not None], Instant(previous), final=True)
                lost = [i for i, r in items if r is None]
                hidden = mirror.members(lost) if side is Side.CRM else set()  # a deleted one loses its tags with it
                mirror.hide([i for i in lost if i in hidden])
                mirror.gone([i for i in lost if i not in hidden])
                delete_each(connection, recheck, [{"source": lease.source, "record": i} for i, _ in items])
            mirror.finish()
            return mirror.touched.content + mirror.touched.entered + mirror.touched.left

    def rechecks(self, source_id: SourceId, now: float) -> tuple[RecordId, ...]:
        """What is due to be asked for one by one, longest due first."""
        due = sa.select(recheck.c.record).where(recheck.c.source == source_id, recheck.c.due_at <= now)
        with self.db.read() as connection:
            return tuple(connection.execute(due.order_by(recheck.c.due_at, recheck.c.record)).scalars())
