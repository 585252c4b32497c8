"""Contact communications and the contact columns that mirror them, in the three builds in the wild.

L is the base product, M adds the Marketing package's override, C is the newer common behaviour.
"""

from __future__ import annotations

from syncd.sandbox.creatio.errors import Cancelled
from syncd.sandbox.creatio.saving import Actor, NoHandlers, Saver, now_ticks
from syncd.sandbox.creatio.seed import COMMUNICATION_TYPES, EMAIL
from syncd.sandbox.creatio.values import Row

LEGACY_FLAG = "IsCreatedBySynchronization"  # despite its name it is the old "primary"
MIRRORED = {
    "Email": EMAIL,
    "Phone": COMMUNICATION_TYPES["Business phone"],
    "MobilePhone": COMMUNICATION_TYPES["Mobile phone"],
    "HomePhone": COMMUNICATION_TYPES["Home phone"],
    "Skype": COMMUNICATION_TYPES["Skype"],
    "Facebook": COMMUNICATION_TYPES["Facebook"],
    "LinkedIn": COMMUNICATION_TYPES["LinkedIn"],
    "Twitter": COMMUNICATION_TYPES["Twitter"],
}
COLUMN_OF = {kind: column for column, kind in MIRRORED.items()}
TABLE = "ContactCommunication"


def search_number(number: str) -> str:
    """The computed search form: a phone's digits backwards, anything else in lower case."""
    digits = "".join(c for c in number if c.isdigit())
    return digits[::-1] if digits and "@" not in number else number.lower()


class Communications(NoHandlers):
    """Handlers of ContactCommunication; the build is read from the profile at each save."""

    def __init__(self, saver: Saver) -> None:
        self._saver = saver

    @property
    def _common(self) -> bool:
        return self._saver.profile.comm == "C"

    @property
    def _marketing(self) -> bool:
        return self._saver.profile.comm == "M"

    def _of(self, contact: str, kind: str, without: str = "") -> list[Row]:
        """The contact's rows of one type, oldest first."""
        table = self._saver.store.tables[TABLE]
        rows = table.oldest_first("ContactId", contact)
        return [row for row in rows if row["Id"] != without and row["CommunicationTypeId"] == kind]

    def _twins(self, row: Row) -> list[Row]:
        if not row.get("ContactId") or not row.get("CommunicationTypeId"):
            return []
        rows = self._of(row["ContactId"], row["CommunicationTypeId"], row.get("Id", ""))
        return [other for other in rows if other["Number"] == row.get("Number")]

    # before

    def before_insert(self, row: Row, actor: Actor) -> None:
        row["SearchNumber"] = search_number(row.get("Number") or "")[:250]
        contact, kind = row.get("ContactId"), row.get("CommunicationTypeId")
        if not self._common:
            row["Primary"] = row[LEGACY_FLAG] = not (self._marketing and row.get("NonActual"))
        elif contact and kind:
            if self._twins(row):
                raise Cancelled
            actual = [other for other in self._of(contact, kind) if not other.get("NonActual")]
            row["Primary"] = not row.get("NonActual") and (bool(row.get("Primary")) or not actual)

    def before_update(self, old: Row, changes: Row, actor: Actor) -> None:
        new = old | changes
        if "Number" in changes:
            changes["SearchNumber"] = search_number(changes["Number"] or "")[:250]
        if new.get("CommunicationTypeId") != old["CommunicationTypeId"]:
            changes["ExternalCommunicationType"] = None
            self._retype(old, new, changes)
        if changes.get("NonActual") and not old.get("NonActual"):
            changes.setdefault("DateSetNonActual", now_ticks(actor))
            if self._common or self._marketing:
                changes.update({"Primary": False, LEGACY_FLAG: False})
        if self._common and changes.get("Primary") and new.get("NonActual"):
            changes["Primary"] = False
        if self._common and self._twins(old | changes):
            raise Cancelled

    def _retype(self, old: Row, new: Row, changes: Row) -> None:
        if not self._common:
            changes.update({"Primary": True, LEGACY_FLAG: True})
        elif not changes.get("Primary") and old.get("ContactId") and new.get("CommunicationTypeId"):
            actual = [r for r in self._of(old["ContactId"], new["CommunicationTypeId"]) if not r.get("NonActual")]
            changes["Primary"] = not actual and not new.get("NonActual")

    # after

    def after_insert(self, row: Row, actor: Actor) -> None:
        if not row.get("ContactId"):
            return
        if self._common:
            self._settle_common(row, actor)
        else:
            self._demote_legacy(row)
            self._settle_legacy({}, row, actor)

    def after_update(self, old: Row, new: Row, actor: Actor) -> None:
        if old.get("ContactId") != new.get("ContactId"):
            self.after_delete(old, actor)
            self.after_insert(new, actor)
            return
        if not new.get("ContactId"):
            return
        if self._common:
            self._update_common(old, new, actor)
            return
        if new["CommunicationTypeId"] != old["CommunicationTypeId"]:
            self._blank(old, actor)
            self._demote_legacy(new)
        elif new.get("Primary") and not old.get("Primary") and self._saver.profile.legacy_primary_patch == "mirror":
            self._saver.alter(TABLE, new["Id"], {LEGACY_FLAG: True})
            new = self._saver.store.rows(TABLE)[new["Id"]]
            self._demote_legacy(new)
        self._settle_legacy(old, new, actor)

    def after_delete(self, row: Row, actor: Actor) -> None:
        if not row.get("ContactId"):
            return
        kind = row["CommunicationTypeId"]
        if self._common:
            if row.get("Primary"):
                self._promote(row["ContactId"], kind, row["Number"], actor)
        elif self._marketing and kind == EMAIL:
            self._mirror(row["ContactId"], kind, self._newest_actual(row["ContactId"], kind), actor)
        elif row.get(LEGACY_FLAG) and (not self._marketing or kind in COLUMN_OF):
            self._blank(row, actor)
            self._touch(row["ContactId"], actor)

    # L and M

    def _demote_legacy(self, row: Row) -> None:
        """Plain SQL: only the old flag of the siblings is cleared, so several rows can stay `Primary`."""
        cleared: Row = {LEGACY_FLAG: False}
        if self._saver.profile.legacy_demotes_primary:
            cleared["Primary"] = False
        for other in self._of(row["ContactId"], row["CommunicationTypeId"], row["Id"]):
            self._saver.alter(TABLE, other["Id"], cleared)

    def _settle_legacy(self, old: Row, row: Row, actor: Actor) -> None:
        contact, kind = row["ContactId"], row["CommunicationTypeId"]
        for twin in self._twins(row):
            self._saver.erase(TABLE, twin["Id"])
        if self._marketing and kind == EMAIL:
            self._mirror(contact, kind, self._newest_actual(contact, kind), actor)
            self._touch(contact, actor)
            return
        primary = bool(row.get(LEGACY_FLAG))
        moved = row["Number"] != old.get("Number") or kind != old.get("CommunicationTypeId") or not old.get(LEGACY_FLAG)
        if primary and moved:
            self._mirror(contact, kind, row["Number"], actor)
        if not self._marketing or (kind in COLUMN_OF and primary and moved):
            self._touch(contact, actor)

    def _newest_actual(self, contact: str, kind: str) -> str:
        rows = [row for row in self._of(contact, kind) if not row.get("NonActual")]
        return str(rows[-1]["Number"]) if rows else ""

    def _blank(self, row: Row, actor: Actor) -> None:
        """Empty the contact column of a number that is gone, if it still shows it."""
        column = COLUMN_OF.get(row["CommunicationTypeId"])
        contact = self._saver.store.rows("Contact").get(row["ContactId"])
        if column and contact is not None and contact.get(column) == row["Number"]:
            self._saver.alter("Contact", contact["Id"], {column: None}, actor)

    # C

    def _settle_common(self, row: Row, actor: Actor) -> None:
        if row.get("Primary"):
            for other in self._of(row["ContactId"], row["CommunicationTypeId"], row["Id"]):
                if other.get("Primary"):
                    self._saver.alter(TABLE, other["Id"], {"Primary": False})
            self._mirror(row["ContactId"], row["CommunicationTypeId"], row["Number"], actor)

    def _update_common(self, old: Row, new: Row, actor: Actor) -> None:
        retyped = new["CommunicationTypeId"] != old["CommunicationTypeId"]
        gone = new.get("NonActual") and not old.get("NonActual")
        if old.get("Primary") and (retyped or gone):
            self._promote(old["ContactId"], old["CommunicationTypeId"], old["Number"], actor)
        self._settle_common(new, actor)

    def _promote(self, contact: str, kind: str, gone: str, actor: Actor) -> None:
        """The primary left: the newest actual row takes its place, or the column that showed it is emptied."""
        rows = [row for row in self._of(contact, kind) if not row.get("NonActual")]
        if rows:
            self._saver.alter(TABLE, rows[-1]["Id"], {"Primary": True})
            self._mirror(contact, kind, rows[-1]["Number"], actor)
        else:
            self._blank({"ContactId": contact, "CommunicationTypeId": kind, "Number": gone}, actor)

    # contact columns

    def _mirror(self, contact: str, kind: str, number: str, actor: Actor) -> None:
        column = COLUMN_OF.get(kind)
        row = self._saver.store.rows("Contact").get(contact)
        if column and row is not None and row.get(column, "") != number:
            self._saver.alter("Contact", contact, {column: number}, actor)

    def _touch(self, contact: str, actor: Actor) -> None:
        self._saver.alter("Contact", contact, {}, actor)

    def follow_contact(self, contact: str, column: str, value: str, actor: Actor) -> None:
        """The contact's column got a new non-empty value: its primary row follows, or is made."""
        kind = MIRRORED[column]
        rows = self._of(contact, kind)
        flag = "Primary" if self._common else LEGACY_FLAG
        primary = [row for row in rows if row.get(flag)] or [row for row in rows if row.get("Primary")]
        try:
            if primary:
                self._saver.update(TABLE, primary[-1]["Id"], {"Number": value}, actor)
            else:
                values = {"ContactId": contact, "CommunicationTypeId": kind, "Number": value, "Primary": True}
                self._saver.insert(TABLE, values, actor)
        except Cancelled:
            return
