"""What every part of the store stands on: the database, the clock, the fence. Has no method of the port itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from state.database import Database
from state.schema import account, source
from state.vault import Vault
from syncd.core.contact import AccountName, Side, SourceId
from syncd.core.errors import ContractBroken, LeaseLost
from syncd.core.ports import Lease


class Sources(NamedTuple):
    """The two logins of an account."""

    crm: SourceId
    google: SourceId | None

    def of(self, side: Side) -> SourceId | None:
        return self.crm if side is Side.CRM else self.google


class Part:
    """Shared by the parts that `SqlStore` is made of. `pepper` makes keys mean nothing outside this database."""

    def __init__(self, db: Database, pepper: bytes, vault: Vault | None, clock: Callable[[], float]) -> None:
        self.db = db
        self._pepper = pepper
        self._vault = vault
        self._clock = clock


def fence(connection: Connection, lease: Lease) -> None:
    """The first statement of every transaction under a lease: nobody took the source over. Raises LeaseLost."""
    if connection.execute(_FENCE, {"of": lease.source, "since": lease.epoch}).rowcount != 1:
        raise lost(lease)


_FENCE = (
    sa.update(source)
    .where(source.c.id == sa.bindparam("of"), source.c.epoch == sa.bindparam("since"))
    .values(epoch=source.c.epoch)
)


def lost(lease: Lease) -> LeaseLost:
    """What the holder of this lease is told."""
    return LeaseLost(f"another worker took {lease.source} over from {lease.owner}")


def side_of(source_id: SourceId) -> Side:
    """The side that the id itself names: `crm:…` or `google:…`."""
    word = source_id.partition(":")[0]
    try:
        return Side(word)
    except ValueError:
        raise ContractBroken(f"{source_id} names no side") from None


def ensure_source(connection: Connection, id: SourceId, side: Side) -> None:
    """A row for this source; a new one is due at once and has never been read."""
    if connection.execute(sa.select(source.c.id).where(source.c.id == id)).first() is None:
        connection.execute(sa.insert(source).values(new_source(id, side)))


def new_source(id: SourceId, side: Side) -> dict[str, object]:
    """The row of a source that was never read."""
    zeros = dict.fromkeys(
        ("revision", "read_at", "full_at", "server_at", "next_due", "failures", "epoch", "lease_until"), 0
    )
    return {"id": id, "side": side.value, "cursor": None, "facts": "{}", "owner": None, **zeros}


def sources_of(connection: Connection, name: AccountName) -> Sources:
    """The sources of an account; there must be one of that name."""
    row = connection.execute(_SOURCES, {"account": name}).first()
    if row is None:
        raise ContractBroken(f"there is no account {name}")
    return Sources(SourceId(row.crm), None if row.google is None else SourceId(row.google))


_SOURCES = sa.select(account.c.crm, account.c.google).where(account.c.name == sa.bindparam("account"))
