"""What saving a contact does: the name and its parts, careers, the birthday, and its mirrors in the details."""

from __future__ import annotations

from collections.abc import Mapping

from syncd.sandbox.creatio.addresses import Addresses
from syncd.sandbox.creatio.careers import record_career
from syncd.sandbox.creatio.communications import MIRRORED, Communications
from syncd.sandbox.creatio.errors import Refused
from syncd.sandbox.creatio.saving import Actor, NoHandlers, Saver
from syncd.sandbox.creatio.seed import BIRTHDAY
from syncd.sandbox.creatio.values import TICKS, Row

PARTS = ("GivenName", "MiddleName", "Surname")
FROM_CONTACT = [column for column in MIRRORED if column != "LinkedIn"]  # this one only follows its rows


def name_of(parts: Mapping[str, str], order: str) -> str:
    """The full name the parts make."""
    names = PARTS if order == "first_middle_last" else ("Surname", "GivenName", "MiddleName")
    return " ".join(parts[name].strip() for name in names if parts.get(name, "").strip())


def parts_of(name: str, order: str) -> dict[str, str]:
    """The parts a full name is cut into; all three, those not found empty."""
    words = name.split()
    parts = dict.fromkeys(PARTS, "")
    if order == "first_middle_last":
        parts["GivenName"] = words[0] if words else ""
        parts["MiddleName"] = words[1] if len(words) > 2 else ""  # words of a name
        parts["Surname"] = " ".join(words[2:]) or (words[1] if len(words) > 1 else "")
    else:
        parts["Surname"] = words[0] if words else ""
        parts["GivenName"] = words[1] if len(words) > 1 else ""
        parts["MiddleName"] = " ".join(words[2:])
    return parts


class People(NoHandlers):
    """Handlers of Contact."""

    def __init__(self, saver: Saver, communications: Communications, addresses: Addresses) -> None:
        self._saver, self._communications, self._addresses = saver, communications, addresses

    def before_insert(self, row: Row, actor: Actor) -> None:
        row.setdefault("OwnerId", actor.user.contact_id)
        self._derive_name({}, row)

    def before_update(self, old: Row, changes: Row, actor: Actor) -> None:
        self._derive_name(old, changes)

    def _derive_name(self, old: Row, changes: Row) -> None:
        """Only the name changed: the parts follow; only parts: the name does. A part set to null is no change."""
        order = self._saver.profile.name_order
        changed = [n for n in (*PARTS, "Name") if changes.get(n) is not None and changes[n] != old.get(n, "")]
        if changed == ["Name"]:
            changes.update(parts_of(changes["Name"], order))
        elif changed and "Name" not in changed:
            merged = {n: (changes[n] if n in changes else old.get(n)) or "" for n in PARTS}
            changes["Name"] = name_of(merged, order)

    def after_insert(self, row: Row, actor: Actor) -> None:
        self._follow({}, row, actor)
        bump = self._saver.profile.post_save_bump
        if bump:
            later = self._saver.store.rows("Contact")[row["Id"]]["ModifiedOn"] + int(bump * TICKS)
            self._saver.alter("Contact", row["Id"], {"ModifiedOn": later})

    def after_update(self, old: Row, new: Row, actor: Actor) -> None:
        self._follow(old, new, actor)

    def _follow(self, old: Row, new: Row, actor: Actor) -> None:
        record_career(self._saver, old, new, actor)
        self._keep_birthday(old, new, actor)
        self._addresses.follow_contact(old, new, actor)
        for column in FROM_CONTACT:
            if new.get(column) and new.get(column) != old.get(column):
                self._communications.follow_contact(new["Id"], column, new[column], actor)

    def _keep_birthday(self, old: Row, new: Row, actor: Actor) -> None:
        if old.get("BirthDate") == new.get("BirthDate"):
            return
        rows = self._saver.store.tables["ContactAnniversary"]
        kept = [k for k in rows.linked("ContactId", new["Id"]) if rows.rows[k].get("AnniversaryTypeId") == BIRTHDAY]
        if not new.get("BirthDate"):
            for key in kept:
                self._saver.erase("ContactAnniversary", key)
        elif kept:
            self._saver.alter("ContactAnniversary", kept[0], {"Date": new["BirthDate"]}, actor)
        else:
            values = {"ContactId": new["Id"], "AnniversaryTypeId": BIRTHDAY, "Date": new["BirthDate"]}
            self._saver.place("ContactAnniversary", values, actor)

    def before_delete(self, row: Row, actor: Actor) -> None:
        units = self._saver.store.rows("SysAdminUnit").values()
        if any(unit.get("ContactId") == row["Id"] for unit in units):
            raise Refused(500, f"The contact {row['Id']} belongs to a system user and cannot be deleted.")
        store = self._saver.store
        for key in store.tables["ContactCorrespondence"].linked("ContactId", row["Id"]):
            self._saver.alter("ContactCorrespondence", key, {"ContactId": None}, actor)
        for key in [k for k, r in store.rows("TagInRecord").items() if r.get("RecordId") == row["Id"]]:
            self._saver.erase("TagInRecord", key)


class Anniversaries(NoHandlers):
    """Handlers of ContactAnniversary: the birthday is the contact's BirthDate."""

    def __init__(self, saver: Saver) -> None:
        self._saver = saver

    def after_insert(self, row: Row, actor: Actor) -> None:
        self._mirror(row, row.get("Date"), actor)

    def after_update(self, old: Row, new: Row, actor: Actor) -> None:
        self._mirror(new, new.get("Date"), actor)

    def after_delete(self, row: Row, actor: Actor) -> None:
        self._mirror(row, None, actor)

    def _mirror(self, row: Row, date: int | None, actor: Actor) -> None:
        contact = self._saver.store.rows("Contact").get(row.get("ContactId", ""))
        if row.get("AnniversaryTypeId") == BIRTHDAY and contact is not None and contact.get("BirthDate") != date:
            self._saver.alter("Contact", contact["Id"], {"BirthDate": date}, actor)
