"""The save engine: defaults, validation, stamps, handlers, cascades. What a handler of one object does is elsewhere."""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from syncd.sandbox.creatio.errors import Refused, not_found
from syncd.sandbox.creatio.profile import Profile
from syncd.sandbox.creatio.rights import User
from syncd.sandbox.creatio.rows import Store
from syncd.sandbox.creatio.schema import SCHEMA, Column, Entity, Kind, OnDelete
from syncd.sandbox.creatio.values import TICKS, BadValue, Row, from_wire, sparse, utf16_length


@dataclass
class Actor:
    """Who saves, on an application server whose clock says `now` (seconds)."""

    user: User
    now: float
    _saves: int = 0

    def stamp(self) -> int:
        """The time of the next save of this request, in ticks with a seventh digit: later saves are a moment later."""
        self._saves += 1
        return (int(self.now * 1_000_000) + self._saves - 1) * 10 + 1 + self._saves % 9


class Handlers(Protocol):
    """What an object does around its saves. Each default does nothing."""

    def before_insert(self, row: Row, actor: Actor) -> None: ...
    def before_update(self, old: Row, changes: Row, actor: Actor) -> None: ...
    def after_insert(self, row: Row, actor: Actor) -> None: ...
    def after_update(self, old: Row, new: Row, actor: Actor) -> None: ...
    def before_delete(self, row: Row, actor: Actor) -> None: ...
    def after_delete(self, row: Row, actor: Actor) -> None: ...


class NoHandlers:
    """An object without handlers; the base of those with some."""

    def before_insert(self, row: Row, actor: Actor) -> None:
        """Complete or refuse the row about to be stored."""

    def before_update(self, old: Row, changes: Row, actor: Actor) -> None:
        """Complete or refuse the changes about to be stored."""

    def after_insert(self, row: Row, actor: Actor) -> None:
        """Act on a stored row."""

    def after_update(self, old: Row, new: Row, actor: Actor) -> None:
        """Act on a changed row."""

    def before_delete(self, row: Row, actor: Actor) -> None:
        """Refuse the deletion, or act before it."""

    def after_delete(self, row: Row, actor: Actor) -> None:
        """Act on what is left."""


class Saver:
    """Saves rows through their handlers, or raw as the platform's own SQL does. Callers hold a transaction."""

    def __init__(self, store: Store, profile: Profile, rng: random.Random) -> None:
        self.store, self.profile, self._rng = store, profile, rng
        self.handlers: dict[str, Handlers] = {}
        self._none = NoHandlers()

    def new_id(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def decode(self, entity: Entity, body: Mapping[str, Any]) -> Row:
        """Typed values of a JSON body; None where it clears. Navigation members are ignored, as the server does."""
        changes: Row = {}
        for name, value in body.items():
            if "/" in name or "@" in name or name in entity.navs or name in entity.reverses:
                continue
            column = entity.columns.get(name)
            if column is None:
                raise Refused(
                    400,
                    "The request is invalid. The property "
                    f"'{name}' does not exist on type 'Terrasoft.Configuration.{entity.name}'.",
                )
            try:
                changes[name] = from_wire(column, value)
            except BadValue as error:
                raise Refused(400, f"The request is invalid. {error}", "Microsoft.OData.ODataException") from error
        return changes

    def insert(self, name: str, changes: Row, actor: Actor) -> Row:
        """Stores a new row; returns it as saved, with the seven digits its stamps have in memory."""
        entity, handlers = SCHEMA[name], self.handlers.get(name, self._none)
        row = {c.name: c.default for c in entity.columns.values() if c.default is not None} | changes
        row["Id"] = row.get("Id") or self.new_id()
        if row["Id"] in self.store.rows(name):
            raise self._duplicate_id(name)
        handlers.before_insert(row, actor)
        self._require_valid(entity, row, entity.columns)
        saved = self._stamped(row, actor, new=True)
        self.store.put(name, self._stored(saved))
        handlers.after_insert(self.store.rows(name)[row["Id"]], actor)
        return sparse(saved)

    def update(self, name: str, key: str, changes: Row, actor: Actor) -> None:
        """Changes a row through its handlers; nothing at all happens when no value differs. Refused 404 if missing."""
        old = self.store.rows(name).get(key)
        if old is None:
            raise not_found()
        entity, handlers = SCHEMA[name], self.handlers.get(name, self._none)
        changes = {k: v for k, v in changes.items() if k not in ("Id", "ModifiedOn", "ModifiedById")}
        handlers.before_update(old, changes, actor)
        changed = {k: v for k, v in changes.items() if (v or None) != old.get(k)}
        if not changed and not self.profile.noop_patch_bumps:
            return
        self._require_valid(entity, changed, changed)
        new = self._stored(self._stamped(old | changed, actor, new=False))
        self.store.put(name, new)
        handlers.after_update(old, new, actor)

    def delete(self, name: str, key: str, actor: Actor) -> None:
        """Removes a row with what depends on it. Refused 404 if missing."""
        old = self.store.rows(name).get(key)
        if old is None:
            raise not_found()
        handlers = self.handlers.get(name, self._none)
        handlers.before_delete(old, actor)
        self.erase(name, key)
        handlers.after_delete(old, actor)

    def alter(self, name: str, key: str, changes: Row, actor: Actor | None = None) -> None:
        """Writes columns without handlers; stamped when an actor is given, else as plain SQL would."""
        old = self.store.rows(name).get(key)
        if old is not None:
            row = old | changes
            self.store.put(name, self._stored(self._stamped(row, actor, new=False) if actor else row))

    def place(self, name: str, values: Row, actor: Actor) -> str:
        """Stores a new row without handlers or validation."""
        row = self._stamped({"Id": self.new_id()} | values, actor, new=True)
        self.store.put(name, self._stored(row))
        return str(row["Id"])

    def erase(self, name: str, key: str) -> None:
        """Removes a row without handlers; dependents go too, other links to it become null."""
        for child, column in SCHEMA[name].reverses.values():
            table = self.store.tables[child]
            for one in table.linked(column.name, key) if column.name in table.links else ():
                if column.on_delete is OnDelete.CASCADE:
                    self.erase(child, one)
                elif column.on_delete is OnDelete.CLEAR:
                    self.alter(child, one, {column.name: None})
        self.store.remove(name, key)

    def _stamped(self, row: Row, actor: Actor, *, new: bool) -> Row:
        at, who = actor.stamp(), actor.user.contact_id
        stamps: Row = {"ModifiedOn": at, "ModifiedById": who}
        if new:
            stamps |= {"CreatedOn": row.get("CreatedOn") or at, "CreatedById": row.get("CreatedById") or who}
        return row | stamps

    def _stored(self, row: Row) -> Row:
        """The row as the database keeps it: with six fractional digits where that is all it has."""
        if self.profile.db_fraction == 6:
            row = row | {k: row[k] - row[k] % 10 for k in ("CreatedOn", "ModifiedOn") if row.get(k)}
        return sparse(row)

    def _require_valid(self, entity: Entity, values: Row, names: Mapping[str, Any]) -> None:
        for name in names:
            self._require_one(entity, entity.columns[name], values.get(name))

    def _require_one(self, entity: Entity, column: Column, value: Any) -> None:
        status = self.profile.validation_status
        if column.required and (value is None or not str(value).strip()):
            raise Refused(status, f"Value for the required column {column.name} of {entity.name} is not set.")
        if column.kind is Kind.LOOKUP and value and column.on_delete is not OnDelete.WEAK:
            self._require_target(entity, column, value)
        if column.kind is Kind.TEXT and value:
            if column.size and utf16_length(value) > column.size:
                raise Refused(status, f"The value of the column {column.name} exceeds {column.size} characters.")
            if "\0" in value and self.profile.db_fraction == 6:  # PostgreSQL, which stores no NUL
                raise Refused(500, '22021: invalid byte sequence for encoding "UTF8": 0x00', "Npgsql.PostgresException")

    def _require_target(self, entity: Entity, column: Column, value: str) -> None:
        if value not in self.store.rows(column.target):
            raise Refused(
                self.profile.fk_status,
                f'23503: insert or update on table "{entity.name}" violates foreign key constraint on "{column.name}"',
                "Npgsql.PostgresException",
            )

    def _duplicate_id(self, name: str) -> Refused:
        text = f'23505: duplicate key value violates unique constraint "PK{name}Id"'
        return Refused(self.profile.duplicate_id_status, text, "Npgsql.PostgresException")


def now_ticks(actor: Actor) -> int:
    """The actor's clock in whole microseconds of ticks, for dates that handlers set."""
    return int(actor.now * 1_000_000) * (TICKS // 1_000_000)
