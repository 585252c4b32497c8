"""Match keys of contacts whose body is not read: from the rows that were read anyway. The folding is the core's."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from adapters.creatio.mapping import name_parts
from adapters.creatio.odata import Row, link
from adapters.creatio.slots import ROW_SLOTS
from syncd.core.contact import Field, RecordId
from syncd.core.match import email_key, name_key, phone_key
from syncd.core.ports import KeyKind, KeyRow


def name_keys(contacts: Iterable[Row], bodies: Collection[RecordId]) -> Iterator[KeyRow]:
    """One key of each contact, of its own columns."""
    for row in contacts:
        owner = RecordId(link(row["Id"]))
        if owner not in bodies:
            yield KeyRow(owner, "", KeyKind.NAME, name_key(*name_parts(row)))


def row_keys(communications: Iterable[Row], bodies: Collection[RecordId], *, changed: bool) -> Iterator[KeyRow]:
    """The keys of e-mail and phone rows. With `changed` also the removal of keys that a row no longer makes."""
    for row in communications:
        owner = RecordId(link(row.get("ContactId")))
        if not owner or owner in bodies:
            continue
        field = ROW_SLOTS.get(link(row.get("CommunicationTypeId")), (None, ""))[0]
        number = "" if row.get("NonActual") else str(row.get("Number") or "")
        kind, text = KeyKind.EMAIL, ""
        if field is Field.EMAIL:
            text = email_key(number)
        elif field is Field.PHONE:
            kind, text = KeyKind.PHONE, phone_key(number)
        if text or changed:
            yield KeyRow(owner, link(row["Id"]), kind, text)


def former_keys(correspondences: Iterable[Row]) -> Iterator[KeyRow]:
    """Google ids that the CRM's own old synchronisation remembered."""
    for row in correspondences:
        owner, text = RecordId(link(row.get("ContactId"))), str(row.get("SourceContactId") or "").strip().lower()
        if owner and text and not row.get("IsDeleted"):
            yield KeyRow(owner, link(row["Id"]), KeyKind.FORMER, text.rpartition("/")[2])
