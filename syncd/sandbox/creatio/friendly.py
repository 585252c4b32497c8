"""Contacts in a shape convenient to type: e-mails, phones, addresses and the company as plain lists and names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.sandbox.creatio.crm import Crm, Who
from syncd.sandbox.creatio.seed import ADDRESS_TYPES, COMMUNICATION_TYPES, EMAIL

_NAMED = {"Account": "Account", "Job": "Job", "Department": "Department", "Gender": "Gender", "Type": "ContactType"}
_PLACES = {"Country": "Country", "Region": "Region", "City": "City"}
_ALIASES = {"mobile": "Mobile phone", "work": "Business phone", "home": "Home phone", "other": "Other phone"}


def add_contact(crm: Crm, shape: Mapping[str, Any], by: Who = None) -> str:
    """A contact from columns, `emails` (texts), `phones` ({type, number}), `addresses`, lookups by name, `tags` (ids).

    The first of a list becomes the primary one.
    """
    contact = crm.insert("Contact", _columns(crm, shape, by), by)
    _add_details(crm, contact, shape, by)
    for tag in shape.get("tags", ()):
        crm.tag(contact, tag, by)
    return contact


def edit_contact(crm: Crm, contact: str, shape: Mapping[str, Any], by: Who = None) -> None:
    """Change columns; `emails`, `phones` and `addresses` replace what is there when given."""
    columns = _columns(crm, shape, by)
    if columns:
        crm.patch("Contact", contact, columns, by)
    wanted = {(kind, number) for kind, number, _ in _communications(shape)}
    listed = {EMAIL} if "emails" in shape else set()
    if "phones" in shape:
        listed |= {kind for name, kind in COMMUNICATION_TYPES.items() if "phone" in name}
    kept = set()
    for row in crm.children("ContactCommunication", "ContactId", contact):
        key = (row["CommunicationTypeId"], row["Number"])
        if key in wanted:
            kept.add(key)
        elif key[0] in listed:
            crm.delete("ContactCommunication", row["Id"], by)
    if "addresses" in shape:
        for row in crm.children("ContactAddress", "ContactId", contact):
            crm.delete("ContactAddress", row["Id"], by)
    _add_details(crm, contact, shape, by, kept)


def _columns(crm: Crm, shape: Mapping[str, Any], by: Who) -> dict[str, Any]:
    details = {"emails", "phones", "addresses", "tags"}
    columns = {k: v for k, v in shape.items() if k not in details and k not in _NAMED}
    for name, entity in _NAMED.items():
        if name in shape:
            columns[name + "Id"] = _lookup(crm, entity, shape[name], by) if shape[name] else None
    return columns


def _lookup(crm: Crm, entity: str, name: str, by: Who) -> str:
    """The id of a row by name, made when missing."""
    rows = crm.store.rows(entity).values()
    found = next((row["Id"] for row in rows if row.get("Name") == name), None)
    return str(found) if found else crm.insert(entity, {"Name": name}, by)


def _communications(shape: Mapping[str, Any]) -> list[tuple[str, str, bool]]:
    """(type, number, primary) of the shape's e-mails and phones, the first of each type last."""
    pairs = [(EMAIL, number) for number in shape.get("emails", ())]
    for phone in shape.get("phones", ()):
        name = _ALIASES.get(phone["type"].lower(), phone["type"])
        pairs.append((COMMUNICATION_TYPES[name], phone["number"]))
    first = dict(reversed(pairs))
    return [(kind, number, first[kind] == number) for kind, number in reversed(pairs)]


def _add_details(
    crm: Crm, contact: str, shape: Mapping[str, Any], by: Who, kept: set[tuple[str, str]] | None = None
) -> None:
    for kind, number, primary in _communications(shape):
        if (kind, number) not in (kept or ()):
            row = {"ContactId": contact, "CommunicationTypeId": kind, "Number": number, "Primary": primary}
            crm.insert("ContactCommunication", row, by)
    for at, address in enumerate(shape.get("addresses", ())):
        row = {k: v for k, v in address.items() if k not in _PLACES and k != "type"}
        row |= {f"{name}Id": _lookup(crm, name, address[name], by) for name in _PLACES if address.get(name)}
        kind = ADDRESS_TYPES[address.get("type", "Business")]
        row |= {"ContactId": contact, "AddressTypeId": kind, "Primary": at == 0}
        crm.insert("ContactAddress", row, by)
