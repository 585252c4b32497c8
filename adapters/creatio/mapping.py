"""Rows of the CRM as records of the core. Reads nothing and writes nothing; names of lookups are given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from adapters.creatio.odata import NULL_DATE, Row, instant, link, moment
from adapters.creatio.slots import ADDRESS_LABELS, MIRRORS, ROW_SLOTS
from syncd.core.contact import FIELD_MASK, Field, Instant, Record, RecordId, Unit

NEVER: Final = Instant(0)

Name = Callable[[str, str], str]
"""(lookup set, row id) -> name."""


@dataclass
class Body:
    """All rows of one contact."""

    contact: Row
    communications: list[Row] = field(default_factory=list)
    addresses: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class Lens:
    """What the settings say about reading: custom columns, and the column of companies that have no account."""

    custom: tuple[str, ...] = ()
    company_column: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Contact columns beyond the standard ones."""
        return tuple(dict.fromkeys([*self.custom, *([self.company_column] if self.company_column else [])]))


def lookups_of(body: Body) -> Iterator[tuple[str, str]]:
    """The (set, id) whose names the record of these rows needs."""
    yield "Account", link(body.contact.get("AccountId"))
    yield "Department", link(body.contact.get("DepartmentId"))
    for row in body.addresses:
        for set_ in ("City", "Region", "Country"):
            yield set_, link(row.get(f"{set_}Id"))


def record(body: Body, name: Name, lens: Lens, job_stamp: Instant = NEVER) -> Record:
    """The contact as the CRM says it. `job_stamp` is when its account was renamed, where that is why it is read.

    Where a linked row is not shown to the login, its name cannot be told: the mask leaves the field out, as not read.
    Rows that are no units (foreign types, numbers no longer actual, blank rows) are noted in `extra["idle"]` as
    (row id, type, text, why), so that a write neither repeats nor loses them.
    """
    contact = body.contact
    unread = _unread(body, name)
    rows, idle = _communications(body)
    places, unused = _addresses(body.addresses, name)
    units = [u for u in (*_columns(contact, name, lens, job_stamp), *rows, *places) if u.field not in unread]
    stamps = [str(r.get("ModifiedOn") or NULL_DATE) for r in (contact, *body.communications, *body.addresses)]
    newest = max(stamps, key=moment)
    extra = {
        "name": str(contact.get("Name") or ""),
        "owner": link(contact.get("OwnerId")),
        "account": link(contact.get("AccountId")),
        "department": link(contact.get("DepartmentId")),
        "idle": [*idle, *unused],
    }
    return Record(
        id=RecordId(link(contact["Id"])),
        version=f"{stamps[0]}|{newest}|{len(stamps)}",
        units=tuple(units),
        mask=(*(f for f in FIELD_MASK if f not in unread), *(f"custom:{column}" for column in lens.custom)),
        stamp=max(instant(newest), job_stamp),
        extra=extra,
    )


def _unread(body: Body, name: Name) -> set[Field]:
    """Fields whose lookups point at rows that are not shown: a lost right, and no emptied value."""
    hidden = {set_ for set_, key in lookups_of(body) if key and not name(set_, key)}
    return {Field.JOB if set_ in ("Account", "Department") else Field.ADDRESS for set_ in hidden}


# ---------------------------------------------------------------------------------------------- columns


def _columns(contact: Row, name: Name, lens: Lens, job_stamp: Instant) -> Iterator[Unit]:
    stamp = instant(str(contact.get("ModifiedOn") or ""))
    given = name_parts(contact)
    if any(given):
        yield Unit(Field.NAME, given, stamp=stamp)
    job = _job(contact, name, lens)
    if any(job):
        yield Unit(Field.JOB, job, stamp=max(stamp, job_stamp))
    birthday = _birthday(contact)
    if birthday:
        yield Unit(Field.BIRTHDAY, birthday, stamp=stamp)
    notes = _text(contact, "Notes")
    if notes.strip():
        yield Unit(Field.NOTES, (notes,), stamp=stamp)
    for column in lens.custom:
        text, kind = _custom(contact.get(column))
        if text:
            yield Unit(Field.CUSTOM, (text,), column, stamp=stamp, extra={"kind": kind} if kind else None)


def name_parts(contact: Row) -> tuple[str, str, str]:
    """Given, middle and family name; a contact that has only a full name has it as given name."""
    parts = (_text(contact, "GivenName"), _text(contact, "MiddleName"), _text(contact, "Surname"))
    return parts if any(p.strip() for p in parts) else (_text(contact, "Name"), "", "")


def _job(contact: Row, name: Name, lens: Lens) -> tuple[str, str, str]:
    account = link(contact.get("AccountId"))
    company = name("Account", account) if account else ""
    if not company and lens.company_column:
        company = _text(contact, lens.company_column)
    department = link(contact.get("DepartmentId"))
    return company, _text(contact, "JobTitle"), name("Department", department) if department else ""


def _birthday(contact: Row) -> tuple[str, str, str] | None:
    raw = str(contact.get("BirthDate") or NULL_DATE)
    if raw.startswith("0001-"):
        return None
    day = datetime.fromisoformat(raw[:10])
    return str(day.year), str(day.month), str(day.day)


def _custom(value: Any) -> tuple[str, str]:
    """The text of a custom column, and its JSON kind unless it is a text. What reads as null is no value."""
    if isinstance(value, bool):
        return ("true" if value else "", "bool")
    if isinstance(value, int | float):
        return (f"{value:g}" if value else "", "number")
    text = str(value or "")
    return ("" if text.startswith("0001-01-01T") or not link(text) else text, "")


def _text(row: Row, column: str) -> str:
    return str(row.get(column) or "")


# ---------------------------------------------------------------------------------------------- rows


def _communications(body: Body) -> tuple[list[Unit], list[list[str]]]:
    """The units of a contact's communications, and the rows that are none."""
    idle: list[list[str]] = []
    units: list[Unit] = []
    primaries = _primaries(body)
    for row in sorted(body.communications, key=lambda r: (r["Id"] not in primaries, str(r["Id"]))):
        kind, number, key = link(row.get("CommunicationTypeId")), _text(row, "Number"), link(row["Id"])
        slot = ROW_SLOTS.get(kind)
        why = "type" if slot is None else "past" if row.get("NonActual") else "" if number.strip() else "blank"
        if slot is None or why:
            idle.append([key, kind, number, why])
            continue
        stamp = instant(_text(row, "ModifiedOn"))
        units.append(Unit(slot[0], (number,), slot[1], row["Id"] in primaries, key, stamp))
    return units, idle


def _primaries(body: Body) -> set[str]:
    """One primary row of each type. Some builds leave several flagged: then the contact's own column decides."""
    best: dict[str, Row] = {}
    for row in body.communications:
        kind = link(row.get("CommunicationTypeId"))
        if not row.get("Primary") or row.get("NonActual"):
            continue
        best[kind] = max([row, *([best[kind]] if kind in best else [])], key=lambda r: _claim(r, body.contact, kind))
    return {row["Id"] for row in best.values()}


def _claim(row: Row, contact: Row, kind: str) -> tuple[bool, str, str]:
    shown = _text(contact, MIRRORS[kind]) if kind in MIRRORS else ""
    return shown == _text(row, "Number"), moment(_text(row, "ModifiedOn") or NULL_DATE), str(row["Id"])


def _addresses(rows: Sequence[Row], name: Name) -> tuple[list[Unit], list[list[str]]]:
    units: list[Unit] = []
    idle: list[list[str]] = []
    for row in sorted(rows, key=lambda r: (not r.get("Primary"), str(r["Id"]))):
        kind, key = link(row.get("AddressTypeId")), link(row["Id"])
        city, region, country = (_place(row, set_, name) for set_ in ("City", "Region", "Country"))
        value = (_text(row, "Address"), city, region, _text(row, "Zip"), country)
        if not any(part.strip() for part in value):
            idle.append([key, kind, "", "blank"])
            continue
        extra = {"type": kind, **{s: link(row.get(f"{s}Id")) for s in ("City", "Region", "Country")}}
        label = ADDRESS_LABELS.get(kind, "other")
        stamp = instant(_text(row, "ModifiedOn"))
        units.append(Unit(Field.ADDRESS, value, label, bool(row.get("Primary")), key, stamp, extra))
    return units, idle


def _place(row: Row, set_: str, name: Name) -> str:
    key = link(row.get(f"{set_}Id"))
    return name(set_, key) if key else ""


# ---------------------------------------------------------------------------------------------- names


def family_first(contact: Row) -> bool | None:
    """Whether the site writes the family name first, as far as this contact tells."""
    given, family, whole = _text(contact, "GivenName"), _text(contact, "Surname"), _text(contact, "Name")
    if not given or not family or given == family:
        return None
    if whole.startswith(f"{family} {given}"):
        return True
    return False if whole.startswith(given) and whole.endswith(family) else None


def full_name(parts: Sequence[str], *, family_first: bool) -> str:
    """The full name that the parts make."""
    given, middle, family = (part.strip() for part in parts)
    words = (family, given, middle) if family_first else (given, middle, family)
    return " ".join(word for word in words if word)


def grouped(contacts: Iterable[Row], communications: Iterable[Row], addresses: Iterable[Row]) -> Mapping[str, Body]:
    """The rows by the contact they belong to; rows of contacts that are not given are left out."""
    bodies = {link(row["Id"]): Body(row) for row in contacts}
    for row in communications:
        owner = bodies.get(link(row.get("ContactId")))
        if owner is not None:
            owner.communications.append(row)
    for row in addresses:
        owner = bodies.get(link(row.get("ContactId")))
        if owner is not None:
            owner.addresses.append(row)
    return bodies
