"""Accounts, runs, and what people ask for: history, holds, secrets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from state import codec, drift, history
from state.cases import still_new
from state.part import Part, ensure_source, fence, side_of
from state.rows import upsert
from state.schema import account as account_table
from state.schema import account_pair, link, newcomer_hold, secret
from state.schema import history as history_table
from state.schema import run as run_table
from state.vault import Vault
from syncd.core.contact import AccountName, RecordId, ScopeId, Side
from syncd.core.errors import Fatal
from syncd.core.ports import AccountRow, HistoryRow, Lease
from syncd.core.step import Hold

Waiting = tuple[AccountName, int, Hold, RecordId | None, RecordId | None]
"""Account, link (0: a newcomer), why, and the two records."""


class AccountsPart(Part):
    """`Store.account`, `accounts`, `put_account`, `due`, `put_run`, `runs`."""

    def account(self, name: AccountName) -> AccountRow | None:
        with self.db.read() as connection:
            rows = _accounts(connection, account_table.c.name == name)
        return rows[0] if rows else None

    def accounts(self) -> tuple[AccountRow, ...]:
        """All, by name."""
        with self.db.read() as connection:
            return _accounts(connection, sa.true())

    def put_account(self, row: AccountRow) -> None:
        """The row as given. New pairs or sources are told to the account's links."""
        with self.db.write() as connection:
            before = _accounts(connection, account_table.c.name == row.name)
            for source in (row.crm, row.google):
                if source is not None:
                    ensure_source(connection, source, side_of(source))
            upsert(connection, account_table, [_account_values(row)])
            moved = [
                not before or getattr(before[0], name) != getattr(row, name) for name in ("pairs", "crm", "google")
            ]
            if any(moved):
                _put_pairs(connection, row)
                drift.recompute_account(connection, row.name)

    def due(self, now: float, limit: int) -> tuple[AccountName, ...]:
        """Longest due first."""
        late = sa.select(account_table.c.name).where(account_table.c.next_due <= now)
        late = late.order_by(account_table.c.next_due, account_table.c.name).limit(limit)
        with self.db.read() as connection:
            return tuple(connection.execute(late).scalars())

    def set_account_due(self, account: AccountName, next_due: float, seen: float, ran_at: float | None = None) -> None:
        """The account's next run, unless its `next_due` is no longer `seen`: then somebody made it due meanwhile."""
        column = account_table.c.next_due
        values: dict[str, Any] = {"next_due": sa.case((column == seen, next_due), else_=column)}
        if ran_at is not None:
            values["last_run"] = ran_at
        with self.db.write() as connection:
            connection.execute(sa.update(account_table).where(account_table.c.name == account).values(values))

    def put_run(self, run: str, account: AccountName, started: float, report: Mapping[str, Any]) -> None:
        row = {"id": run, "account": account, "started": started, "report": codec.to_text(dict(report))}
        with self.db.write() as connection:
            upsert(connection, run_table, [row])

    def runs(self, account: AccountName | None, limit: int) -> tuple[dict[str, Any], ...]:
        """The newest first: the report, with `run`, `account` and `started`."""
        query = sa.select(run_table).order_by(run_table.c.started.desc(), run_table.c.id).limit(limit)
        if account is not None:
            query = query.where(run_table.c.account == account)
        with self.db.read() as connection:
            rows = connection.execute(query).all()
        return tuple(
            {**codec.to_object(row.report), "run": row.id, "account": row.account, "started": row.started}
            for row in rows
        )


class MemoryPart(Part):
    """`Store.history`, `holds`, `hold_newcomer`."""

    def history(
        self, account: AccountName | None, *, run: str | None, record: RecordId | None, limit: int
    ) -> tuple[HistoryRow, ...]:
        """The newest first; what is None is not asked about."""
        asked = {history_table.c.account: account, history_table.c.run: run, history_table.c.record: record}
        with self.db.read() as connection:
            return history.read(connection, [c == value for c, value in asked.items() if value is not None], limit)

    def holds(self, account: AccountName | None) -> tuple[Waiting, ...]:
        """Links that wait for a person, then newcomers (as link 0)."""
        held = sa.select(link).where(link.c.hold.is_not(None)).order_by(link.c.account, link.c.id)
        order = (newcomer_hold.c.account, newcomer_hold.c.side, newcomer_hold.c.record)
        new = sa.select(newcomer_hold).where(still_new()).order_by(*order)
        if account is not None:
            held, new = held.where(link.c.account == account), new.where(newcomer_hold.c.account == account)
        with self.db.read() as connection:
            links = [
                _held(row.account, row.id, row.hold, row.crm_id, row.google_id) for row in connection.execute(held)
            ]
            newcomers = [_held_newcomer(row) for row in connection.execute(new)]
        return (*links, *newcomers)

    def hold_newcomer(
        self, lease: Lease, account: AccountName, side: Side, record: RecordId, hold: Hold | None, digest: str
    ) -> None:
        key = {"account": account, "side": side.value, "record": record}
        with self.db.write() as connection:
            fence(connection, lease)
            if hold is not None:
                upsert(connection, newcomer_hold, [{**key, "hold": codec.to_text(hold), "digest": digest}])
            else:
                same = [newcomer_hold.c[name] == value for name, value in key.items()]
                connection.execute(sa.delete(newcomer_hold).where(*same))


class SecretsPart(Part):
    """`Store.secret`, `put_secret`, and resealing after the key has changed."""

    def secret(self, owner: str, name: str) -> bytes | None:
        """Raises StateCorrupt where the stored secret was changed, moved, or sealed with a key that is not there."""
        mine = sa.select(secret.c.value).where(secret.c.owner == owner, secret.c.name == name)
        with self.db.read() as connection:
            blob = connection.execute(mine).scalar()
        return None if blob is None else self._open_vault().open(owner, name, bytes(blob))

    def put_secret(self, owner: str, name: str, value: bytes | None) -> None:
        """None forgets it."""
        with self.db.write() as connection:
            if value is None:
                connection.execute(sa.delete(secret).where(secret.c.owner == owner, secret.c.name == name))
            else:
                blob = self._open_vault().seal(owner, name, value)
                upsert(connection, secret, [{"owner": owner, "name": name, "value": blob}])

    def reseal(self) -> int:
        """Seal everything with the newest key, so that older ones may go. Returns how many secrets had another."""
        vault = self._open_vault()
        with self.db.write() as connection:
            rows = [row for row in connection.execute(sa.select(secret)) if not vault.current(bytes(row.value))]
            fresh = [
                {
                    "owner": row.owner,
                    "name": row.name,
                    "value": vault.seal(row.owner, row.name, vault.open(row.owner, row.name, bytes(row.value))),
                }
                for row in rows
            ]
            upsert(connection, secret, fresh)
        return len(fresh)

    def _open_vault(self) -> Vault:
        if self._vault is None:
            raise Fatal("secrets need a key; name a key file or a systemd credential")
        return self._vault


def _accounts(connection: Connection, which: sa.ColumnElement[bool]) -> tuple[AccountRow, ...]:
    rows = connection.execute(sa.select(account_table).where(which).order_by(account_table.c.name)).all()
    pairs: dict[str, list[tuple[ScopeId, ScopeId]]] = defaultdict(list)
    joined = sa.select(account_pair).join(account_table, account_table.c.name == account_pair.c.account).where(which)
    for pair in connection.execute(joined.order_by(account_pair.c.account, account_pair.c.pair)):
        pairs[pair.account].append((pair.crm_scope, pair.google_scope))
    return tuple(_account(row, tuple(pairs[row.name])) for row in rows)


def _account(row: Row[Any], pairs: tuple[tuple[ScopeId, ScopeId], ...]) -> AccountRow:
    return AccountRow(
        name=row.name,
        crm=row.crm,
        google=row.google,
        state=row.state,
        message=row.message,
        pairs=pairs,
        fingerprint=row.fingerprint,
        planned=(row.planned_crm, row.planned_google),
        next_due=row.next_due,
        last_run=row.last_run,
        failures=row.failures,
        facts=codec.to_object(row.facts),
    )


def _account_values(row: AccountRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "crm": row.crm,
        "google": row.google,
        "state": row.state,
        "message": row.message,
        "fingerprint": row.fingerprint,
        "planned_crm": row.planned[0],
        "planned_google": row.planned[1],
        "next_due": row.next_due,
        "last_run": row.last_run,
        "failures": row.failures,
        "facts": codec.to_text(row.facts),
    }


def _put_pairs(connection: Connection, row: AccountRow) -> None:
    connection.execute(sa.delete(account_pair).where(account_pair.c.account == row.name))
    pairs = [
        {"account": row.name, "pair": n, "crm_scope": tag, "google_scope": group}
        for n, (tag, group) in enumerate(row.pairs)
    ]
    if pairs:
        connection.execute(sa.insert(account_pair), pairs)


def _held(account: str, number: int, hold: str, crm_id: str | None, google_id: str | None) -> Waiting:
    return (
        AccountName(account),
        number,
        codec.to_known_hold(hold),
        None if crm_id is None else RecordId(crm_id),
        None if google_id is None else RecordId(google_id),
    )


def _held_newcomer(row: Row[Any]) -> Waiting:
    on_crm = row.side == Side.CRM.value
    return _held(row.account, 0, row.hold, row.record if on_crm else None, None if on_crm else row.record)
