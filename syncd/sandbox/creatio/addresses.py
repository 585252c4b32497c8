"""Contact addresses and the six address columns of the contact that mirror the primary one."""

from __future__ import annotations

from syncd.sandbox.creatio.saving import Actor, NoHandlers, Saver
from syncd.sandbox.creatio.values import Row

COLUMNS = ("AddressTypeId", "Address", "CityId", "RegionId", "Zip", "CountryId")
TEXTS = ("Address", "Zip")


class Addresses(NoHandlers):
    """Handlers of ContactAddress."""

    def __init__(self, saver: Saver) -> None:
        self._saver = saver

    def _of(self, contact: str) -> list[Row]:
        return self._saver.store.tables["ContactAddress"].oldest_first("ContactId", contact)

    def before_insert(self, row: Row, actor: Actor) -> None:
        if row.get("ContactId") and not self._of(row["ContactId"]):
            row["Primary"] = True

    def after_insert(self, row: Row, actor: Actor) -> None:
        self._mirror(row, actor)

    def after_update(self, old: Row, new: Row, actor: Actor) -> None:
        self._mirror(new, actor)

    def _mirror(self, row: Row, actor: Actor) -> None:
        contact = row.get("ContactId")
        if not row.get("Primary") or not contact:
            return
        for other in self._of(contact):
            if other["Id"] != row["Id"] and other.get("Primary"):
                self._saver.alter("ContactAddress", other["Id"], {"Primary": False})
        self._copy(contact, {name: row.get(name) for name in COLUMNS}, actor)

    def _copy(self, contact: str, values: Row, actor: Actor) -> None:
        stored = self._saver.store.rows("Contact").get(contact)
        if stored is not None and any(stored.get(name) != value for name, value in values.items()):
            self._saver.alter("Contact", contact, values, actor)

    def after_delete(self, row: Row, actor: Actor) -> None:
        contact = row.get("ContactId")
        if not row.get("Primary") or not contact:
            return
        left = self._of(contact)
        if not left:
            self._copy(contact, dict.fromkeys(COLUMNS), actor)
            return
        self._saver.alter("ContactAddress", left[-1]["Id"], {"Primary": True})
        self._copy(contact, {name: left[-1].get(name) for name in COLUMNS}, actor)

    def follow_contact(self, old: Row, new: Row, actor: Actor) -> None:
        """The contact's own columns changed: its (oldest) primary row follows. A cleared lookup does not."""
        changed = [name for name in COLUMNS if old.get(name) != new.get(name)]
        if not changed or not any(new.get(name) for name in COLUMNS):
            return
        primary = next((row for row in self._of(new["Id"]) if row.get("Primary")), None)
        if primary is None:
            values = {name: new[name] for name in COLUMNS if name in new}
            self._saver.place("ContactAddress", {"ContactId": new["Id"], "Primary": True} | values, actor)
            return
        moved = {name: new.get(name) for name in changed if new.get(name) or name in TEXTS}
        if any(primary.get(name) != value for name, value in moved.items()):
            self._saver.alter("ContactAddress", primary["Id"], moved, actor)
