"""The merge of two duplicate contacts, as the CRM's duplicate search does it."""

from __future__ import annotations

from syncd.sandbox.creatio.errors import not_found
from syncd.sandbox.creatio.saving import Actor, Saver
from syncd.sandbox.creatio.schema import SCHEMA, Column, OnDelete
from syncd.sandbox.creatio.values import Row

_OWN = {"Id", "Name", "GivenName", "MiddleName", "Surname", "CreatedOn", "CreatedById", "ModifiedOn", "ModifiedById"}


def merge_contacts(saver: Saver, survivor: str, loser: str, actor: Actor) -> None:
    """The survivor gets the loser's rows, unstamped, and fills its empty columns; the loser is deleted."""
    contacts = saver.store.rows("Contact")
    if survivor not in contacts or loser not in contacts or survivor == loser:
        raise not_found()
    for child, column in SCHEMA["Contact"].reverses.values():
        if column.name in saver.store.tables[child].links:
            _move(saver, child, column, survivor, loser)
    filled = {k: v for k, v in contacts[loser].items() if k not in _OWN and k not in contacts[survivor]}
    saver.alter("Contact", survivor, filled, actor)
    saver.delete("Contact", loser, actor)


def _move(saver: Saver, child: str, column: Column, survivor: str, loser: str) -> None:
    table = saver.store.tables[child]
    own = [table.rows[key] for key in table.linked(column.name, survivor)]
    for key in table.linked(column.name, loser):
        row = table.rows[key]
        if column.on_delete is OnDelete.CASCADE and any(_same(one, row) for one in own):
            continue  # goes with the loser
        moved: Row = {column.name: survivor}
        if any(one.get("Primary") and _kind(one) == _kind(row) for one in own):
            moved |= {"Primary": False, "IsCreatedBySynchronization": False}
        saver.alter(child, key, {k: v for k, v in moved.items() if k in SCHEMA[child].columns})


def _kind(row: Row) -> str | None:
    return row.get("CommunicationTypeId")


def _same(one: Row, other: Row) -> bool:
    """Whether the survivor has this row already: the same tag, the same number of the same type."""
    keys = ("TagId",) if "TagId" in one else ("CommunicationTypeId", "Number") if "Number" in one else ()
    return bool(keys) and all(one.get(key) == other.get(key) for key in keys)
