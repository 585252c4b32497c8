"""What one write needs on the wire: a contact's columns and rows as parts of a batch. Plans; sends nothing."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from adapters.creatio.mapping import full_name
from adapters.creatio.odata import ZERO_GUID
from adapters.creatio.parts import Part
from adapters.creatio.slots import (
    ADDRESS_LOOKUPS,
    ADDRESS_TEXTS,
    ADDRESS_TYPES,
    FALLBACK_TYPES,
    OTHER_ADDRESS,
    ROW_SLOTS,
    ROW_TYPES,
)
from adapters.creatio.tagging import NAMESPACE, Scheme
from syncd.core.contact import Field, Record, Unit
from syncd.core.ports import Create, Update
from syncd.core.step import Change, Why

Find = Callable[[str, str], str]
"""(lookup set, name) -> id of the one row of that name, or ""."""

ROW_FIELDS = frozenset({Field.EMAIL, Field.PHONE, Field.URL, Field.IM})


@dataclass(frozen=True)
class Site:
    """What the plan has to know of this CRM."""

    find: Find
    company: Literal["link", "create", "text"]
    company_column: str
    kinds: Mapping[str, str]
    family_first: bool
    scheme: Scheme


@dataclass
class Plan:
    """The parts of one write, in the order in which they must happen. `posted` are the row ids it makes."""

    parts: list[Part] = field(default_factory=list)
    posted: list[str] = field(default_factory=list)
    rows: tuple[str, ...] = ()  # tag rows it makes
    unholdable: bool = False


def wanted_names(changes: Iterable[Change]) -> Iterator[tuple[str, str]]:
    """The (lookup set, name) that have to be looked up before these changes can be planned."""
    for change in changes:
        new = change.new
        if new is None:
            continue
        if new.field is Field.JOB:
            yield from (("Account", new.value[0]), ("Department", new.value[2]))
        elif new.field is Field.ADDRESS:
            yield from ((set_, new.value[at]) for at, set_ in ADDRESS_LOOKUPS.items())


def additions(units: Sequence[Unit]) -> tuple[Change, ...]:
    """A new record's units as changes of nothing."""
    return tuple(Change(unit.field, None, unit, Why.NEW) for unit in units)


def plan_create(write: Create, owner: str, site: Site, group: str) -> Plan:
    """The contact with its columns, its rows, and its tags last: a half-written contact is in no scope."""
    assert write.id is not None  # noqa: S101  we choose the ids
    maker = _Maker(str(write.id), write.intent, site, group)
    columns = maker.columns(additions(write.units), None)
    columns.setdefault("Name", _name_of_nameless(write.units))
    maker.part("POST", "Contact", body={"Id": str(write.id), **({"OwnerId": owner} if owner else {}), **columns})
    maker.details(additions(write.units), None)
    tags = []
    for scope in write.scopes:
        key = maker.id(f"tag/{scope}")
        maker.part("POST", site.scheme.rows, body=site.scheme.row(key, str(write.id), scope))
        tags.append(key)
    maker.plan.rows = tuple(tags)
    return maker.plan


def _name_of_nameless(units: Sequence[Unit]) -> str:
    """The CRM wants a name: the company's, else the first e-mail, else the first phone."""
    first = {u.field: u.value[0] for u in reversed(units) if u.value[0].strip()}
    return next((first[f] for f in (Field.JOB, Field.EMAIL, Field.PHONE, Field.URL) if f in first), "?")[:250]


def plan_update(write: Update, site: Site, group: str) -> Plan:
    """The changed columns in one PATCH; then rows that go, rows that change or come, the primary ones last."""
    intent = write.intent or f"{write.record.id}/{write.record.version}"
    maker = _Maker(str(write.record.id), intent, site, group)
    columns = maker.columns(write.changes, write.record)
    if columns:
        maker.part("PATCH", "Contact", str(write.record.id), columns)
    maker.details(write.changes, write.record)
    return maker.plan


class _Maker:
    """Collects the parts of one contact."""

    def __init__(self, contact: str, intent: str, site: Site, group: str) -> None:
        self._contact, self._intent, self._site, self._group = contact, intent, site, group
        self.plan = Plan()

    def id(self, what: str) -> str:
        return str(uuid.uuid5(NAMESPACE, f"{self._intent}/{what}"))

    def part(
        self, method: Literal["POST", "PATCH", "DELETE"], set_: str, key: str = "", body: dict[str, Any] | None = None
    ) -> None:
        self.plan.parts.append(Part(f"{self._group}.{len(self.plan.parts)}", method, set_, key, body, self._group))
        if method == "POST" and body is not None:
            self.plan.posted.append(body["Id"])

    # columns

    def columns(self, changes: Iterable[Change], record: Record | None) -> dict[str, Any]:
        """The contact's own columns that change."""
        found: dict[str, Any] = {}
        for change in changes:
            if change.field is Field.NAME:
                found |= self._name(change, record)
            elif change.field is Field.JOB:
                found |= self._job(change)
            elif change.field is Field.BIRTHDAY:
                found |= self._birthday(change)
            elif change.field is Field.NOTES:
                found["Notes"] = change.new.value[0] if change.new else ""
            elif change.field is Field.CUSTOM:
                found |= self._custom(change)
        return found

    def _name(self, change: Change, record: Record | None) -> dict[str, Any]:
        """The full name and all its parts together: sent alone, the server derives one from the other its own way."""
        new = change.new
        if new is None or not any(part.strip() for part in new.value):
            return {}  # the CRM has no contact without a name
        if new.extra and new.extra.get("placeholder"):
            return {"Name": new.value[0], "GivenName": "", "MiddleName": "", "Surname": ""}
        given, middle, family = new.value
        whole = full_name(new.value, family_first=_order(record, self._site.family_first))
        return {"Name": whole[:250], "GivenName": given, "MiddleName": middle, "Surname": family}

    def _job(self, change: Change) -> dict[str, Any]:
        old = change.old.value if change.old else ("", "", "")
        new = change.new.value if change.new else ("", "", "")
        found: dict[str, Any] = {}
        if new[0] != old[0]:
            found |= self._company(new[0])
        if new[1] != old[1]:
            found["JobTitle"] = new[1]
        if new[2] != old[2]:
            found |= self._lookup("DepartmentId", "Department", new[2])
        return found

    def _company(self, name: str) -> dict[str, Any]:
        site = self._site
        text = {site.company_column: ""} if site.company == "text" else {}
        account = site.find("Account", name) if name else ""
        if account or not name:
            return {"AccountId": account or ZERO_GUID, **text}
        if site.company == "text":
            return {"AccountId": ZERO_GUID, site.company_column: name}
        self.plan.unholdable = True
        return {}

    def _lookup(self, column: str, set_: str, name: str) -> dict[str, Any]:
        found = self._site.find(set_, name) if name else ZERO_GUID
        if found:
            return {column: found}
        self.plan.unholdable = True
        return {}

    def _birthday(self, change: Change) -> dict[str, Any]:
        if change.new is None:
            return {"BirthDate": None}
        year, month, day = change.new.value
        if not year:
            self.plan.unholdable = True
            return {}
        return {"BirthDate": f"{int(year):04}-{int(month):02}-{int(day):02}T00:00:00Z"}

    def _custom(self, change: Change) -> dict[str, Any]:
        unit = change.new or change.old
        column = unit.label if unit else ""
        kind = self._site.kinds.get(column, "")
        text = change.new.value[0] if change.new else ""
        if not kind:
            return {column: text}
        try:
            return {column: _typed(text, kind)}
        except ValueError:
            self.plan.unholdable = True
            return {}

    # rows

    def details(self, changes: Iterable[Change], record: Record | None) -> None:
        """Row parts in the order the server's mirrors need: removals, secondary rows, primary rows, addresses."""
        rows = [c for c in changes if c.field in ROW_FIELDS]
        addresses = [c for c in changes if c.field is Field.ADDRESS]
        have = _Rows(record, [c.old.native for c in rows if c.old and c.new is None])
        self._remove("ContactCommunication", rows)
        for change, new in _primary_last(rows):
            self._put_row(change, new, have)
        self._restore_primaries(have)
        self._remove("ContactAddress", addresses)
        for change, new in _primary_last(addresses):
            self._put_address(change, new)

    def _remove(self, set_: str, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.new is None and change.old and change.old.native:
                self.part("DELETE", set_, change.old.native)

    def _put_row(self, change: Change, new: Unit, have: _Rows) -> None:
        kind = _type_of(new)
        if not kind:
            self.plan.unholdable = True
            return
        number, old = new.value[0], change.old
        twin = have.holder(kind, number)
        if old is not None and old.native:
            self._change_row(old, new, kind, have, twin)
        elif twin is not None:
            self._revive(twin, new, have)
        else:
            self._add_row(new, kind, number, have)

    def _add_row(self, new: Unit, kind: str, number: str, have: _Rows) -> None:
        key = self.id(f"row/{kind}/{number}")
        body = {"Id": key, "ContactId": self._contact, "CommunicationTypeId": kind, "Number": number}
        self.part("POST", "ContactCommunication", body=body | ({"Primary": True} if new.primary else {}))
        have.put(key, kind, number, primary=new.primary, came=True)

    def _change_row(self, old: Unit, new: Unit, kind: str, have: _Rows, twin: str | None) -> None:
        if twin is not None and twin != old.native:
            self.part("DELETE", "ContactCommunication", old.native)  # the server would, or would refuse the twin
            return
        body: dict[str, Any] = {}
        if new.value != old.value:
            body["Number"] = new.value[0]
        if kind != _type_of(old):
            body["CommunicationTypeId"] = kind
        if new.primary and not old.primary:
            body["Primary"] = True
        if body:
            self.part("PATCH", "ContactCommunication", old.native, body)
        have.put(old.native, kind, new.value[0], primary=new.primary, came=False)

    def _revive(self, twin: str, new: Unit, have: _Rows) -> None:
        """The value is there already: no second row of it. A row that was set aside becomes actual again."""
        if twin in have.idle:
            self.part("PATCH", "ContactCommunication", twin, {"NonActual": False})
        elif new.primary and twin not in have.primaries.values():
            self.part("PATCH", "ContactCommunication", twin, {"Primary": True})

    def _restore_primaries(self, have: _Rows) -> None:
        """On older builds every new row makes itself the primary one: the old one is named again, last."""
        for kind in have.crowded:
            primary = have.primaries.get(kind)
            if primary and primary not in self.plan.posted:
                self.part("PATCH", "ContactCommunication", primary, {"Primary": True})

    # addresses

    def _put_address(self, change: Change, new: Unit) -> None:
        old = change.old
        body = self._address(old.value if old else ("",) * 5, new.value)
        kind = _address_type(old, new)
        if old is None or not old.native:
            if not body:
                return
            key = self.id(f"address/{new.label}/{'/'.join(new.value)}")
            body = {"Id": key, "ContactId": self._contact, "AddressTypeId": kind, **body}
            self.part("POST", "ContactAddress", body=body | ({"Primary": True} if new.primary else {}))
            return
        if old.label != new.label:
            body["AddressTypeId"] = kind
        if new.primary and not old.primary:
            body["Primary"] = True
        if body:
            self.part("PATCH", "ContactAddress", old.native, body)

    def _address(self, old: tuple[str, ...], new: tuple[str, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for at in range(5):
            if new[at] == old[at]:
                continue
            if at in ADDRESS_TEXTS:
                found[ADDRESS_TEXTS[at]] = new[at]
            else:
                set_ = ADDRESS_LOOKUPS[at]
                found |= self._lookup(f"{set_}Id", set_, new[at])
        return found


class _Rows:
    """The communications of a contact while a plan is made: who holds which number, who is primary of its type."""

    def __init__(self, record: Record | None, removed: Sequence[str]) -> None:
        self._held: dict[str, tuple[str, str]] = {}  # row id -> (type, number)
        self.idle: set[str] = set()
        self.primaries: dict[str, str] = {}
        self.crowded: dict[str, None] = {}  # types to which a secondary row came
        for unit in record.units if record else ():
            if unit.field in ROW_FIELDS and unit.native and unit.native not in removed:
                self.put(unit.native, _type_of(unit), unit.value[0], primary=unit.primary, came=False)
        for key, kind, number, why in (record.extra or {}).get("idle", ()) if record else ():
            if why == "past" and kind in ROW_SLOTS:
                self._held[key] = (kind, number)
                self.idle.add(key)

    def put(self, id: str, kind: str, number: str, *, primary: bool, came: bool) -> None:
        self._held[id] = (kind, number)
        if primary:
            self.primaries[kind] = id
        elif came:
            self.crowded[kind] = None

    def holder(self, kind: str, number: str) -> str | None:
        return next((key for key, held in self._held.items() if held == (kind, number)), None)


def _primary_last(changes: Sequence[Change]) -> list[tuple[Change, Unit]]:
    return sorted(((c, c.new) for c in changes if c.new is not None), key=lambda pair: pair[1].primary)


def _type_of(unit: Unit) -> str:
    """The communication type a unit is written as; "" when there is none."""
    label = "" if unit.field is Field.EMAIL else unit.label
    return ROW_TYPES.get((unit.field, label)) or FALLBACK_TYPES.get(unit.field, "")


def _address_type(old: Unit | None, new: Unit) -> str:
    """The type of an address. One that the neutral labels do not tell apart keeps the type it has."""
    if old is not None and old.label == new.label and old.extra and old.extra.get("type"):
        return str(old.extra["type"])
    return ADDRESS_TYPES.get(new.label, OTHER_ADDRESS)


def _order(record: Record | None, usual: bool) -> bool:  # noqa: FBT001  the site's usual order
    """Whether the full name begins with the family name: as on this contact so far, else as the site usually does."""
    if record is None:
        return usual
    value = next((u.value for u in record.units if u.field is Field.NAME), ("", "", ""))
    whole = str((record.extra or {}).get("name") or "")
    if not value[0].strip() or not value[2].strip() or value[0] == value[2]:
        return usual
    if whole.startswith(f"{value[2]} {value[0]}"):
        return True
    return usual if not whole.startswith(value[0]) else False


def _typed(text: str, kind: str) -> bool | int | float | None:
    if not text.strip():
        return None
    if kind == "bool":
        return text.strip().casefold() in ("true", "1", "yes")
    number = float(text.replace(",", "."))
    return int(number) if number.is_integer() else number
