"""Two sides as plain values: capabilities like the real ones, users who edit, and a run of syncd without its engine."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import msgspec

from syncd.core.contact import (
    FIELD_MASK,
    AccountName,
    Base,
    Capabilities,
    Field,
    Instant,
    Record,
    RecordId,
    ScopeId,
    Side,
    Unit,
    bare,
    base_of,
)
from syncd.core.delta import SINGLE, digest, inherit, said
from syncd.core.fields import project
from syncd.core.merge import Arm, Merged, merge
from syncd.core.plan import carry, reconcile, settled
from syncd.core.policy import CompanyRule, ConflictRule, FirstLink, Flow, Lens, MapRow, Offset, Policy
from syncd.core.step import Case, Change, Link, LinkState, Presence, Step

SECOND = 1_000_000
NOW = Instant(1_800_000_000 * SECOND)
PHONES = {"mobile": "mobile", "work": "work", "home": "home", "other": "other", "workFax": "workFax", "*": "other"}
CRM = Capabilities(
    fields=frozenset(Field),
    labels={
        Field.EMAIL: {"*": ""},
        Field.PHONE: PHONES,
        Field.ADDRESS: {"work": "work", "home": "home", "*": "other"},
        Field.URL: {"homePage": "homePage", "facebook": "-", "*": "homePage"},
        Field.IM: {"skype": "skype", "*": "-"},
    },
    limits={Field.NAME: 40, Field.JOB: 40, Field.EMAIL: 40, Field.PHONE: 40, Field.CUSTOM: 40},
    parts={},
    yearless_birthday=False,
    own_ids=True,
    guarded=False,
    create_batch=25,
    update_batch=25,
    member_batch=90,
)
GOOGLE = msgspec.structs.replace(CRM, labels={}, limits={}, yearless_birthday=True, own_ids=False, guarded=True)
ROW = MapRow("UsrLoyalty", "userDefined:Loyalty")
LENS = Lens("LV", CRM, GOOGLE, (ROW,))
POLICY = Policy(
    lens=LENS,
    first_link=FirstLink.CRM,
    conflict=ConflictRule.FIELD,
    tie=Side.CRM,
    direction=Flow.BOTH,
    company=CompanyRule.LINK,
    offset=Offset(0, 0),
    now=NOW,
)
CRM_MASK = (*FIELD_MASK, "custom:UsrLoyalty")
GOOGLE_MASK = (*FIELD_MASK, "custom:userDefined:Loyalty")
GROUP = ScopeId("contactGroups/1")


def name(given: str, family: str = "", middle: str = "") -> Unit:
    """A name of its parts, the middle one last."""
    return Unit(Field.NAME, (given, middle, family))


def job(company: str, title: str = "", department: str = "") -> Unit:
    """Company, title, department."""
    return Unit(Field.JOB, (company, title, department))


def birthday(year: str, month: str, day: str) -> Unit:
    """Decimal parts; no year where it is ""."""
    return Unit(Field.BIRTHDAY, (year, month, day))


def notes(text: str) -> Unit:
    """A note."""
    return Unit(Field.NOTES, (text,))


def email(address: str, label: str = "", native: str = "") -> Unit:
    """An e-mail element."""
    return Unit(Field.EMAIL, (address,), label, native=native)


def phone(number: str, label: str = "mobile", native: str = "") -> Unit:
    """A phone element."""
    return Unit(Field.PHONE, (number,), label, native=native)


def url(address: str, label: str = "homePage", native: str = "") -> Unit:
    """A link element."""
    return Unit(Field.URL, (address,), label, native=native)


def address(*parts: str, label: str = "work", native: str = "") -> Unit:
    """An address; parts left out are empty."""
    return Unit(Field.ADDRESS, (*parts, *[""] * (5 - len(parts))), label, native=native)


def policy(**changed: object) -> Policy:
    """The usual rules, but for these."""
    return msgspec.structs.replace(POLICY, **changed)


def crm(*units: Unit, stamp: int = 100, mask: tuple[str, ...] = CRM_MASK, removed: tuple[Unit, ...] = ()) -> Record:
    """A CRM contact, read `stamp` seconds after the beginning of time."""
    return Record(RecordId("c1"), "1", units, mask, Instant(stamp * SECOND), removed=removed)


def google(
    *units: Unit, stamp: int = 100, mask: tuple[str, ...] = GOOGLE_MASK, anchors: tuple[str, ...] = ()
) -> Record:
    """A Google contact in the group."""
    return Record(RecordId("a1"), "e1", units, mask, Instant(stamp * SECOND), (GROUP,), anchors)


def agreed(*units: Unit) -> tuple[Record, Record]:
    """Both sides say the same; in the CRM list elements are rows."""
    rows = [u if u.field in SINGLE else msgspec.structs.replace(u, native=f"r{i}") for i, u in enumerate(units)]
    return crm(*rows), google(*units)


def merged(was: tuple[Record, Record] | None, now: tuple[Record, Record], rules: Policy = POLICY) -> Merged:
    """The merge of two records against what they said before (None: nothing is known of before)."""
    bases: tuple[Base | None, Base | None] = (None, None) if was is None else (base_of(was[0]), base_of(was[1]))
    return merge(Arm(now[0], bases[0]), Arm(now[1], bases[1]), rules)


def shown(changes: Iterable[Change]) -> list[tuple[object, object]]:
    """Changes as (old value, new value), where one part says it all as that part."""
    return [tuple(None if u is None else _short(u) for u in (c.old, c.new)) for c in changes]  # type: ignore[misc]


def _short(unit: Unit) -> object:
    return unit.value[0] if len(unit.value) == 1 else unit.value


def applied(record: Record, changes: Iterable[Change], side: Side, stamp: Instant, rows: Iterable[int]) -> Record:
    """What the server of that side shows after the changes; every change must fit what is there and what it holds."""
    units = list(record.units)
    numbers = iter(rows)
    for change in sorted(changes, key=lambda c: c.new is not None):
        if change.old is not None:
            found = [u for u in units if said(u) == said(change.old)]
            assert found, f"{change.field} to be changed is not there"
            units.remove(found[0])
        if change.new is not None:
            assert project(change.new, LENS.capabilities(side)) == change.new, f"{change.field} cannot be held"
            units += _stored(change.new, side, stamp, numbers)
    return msgspec.structs.replace(record, units=tuple(units), stamp=stamp)


KNOWN_COMPANIES = ("", "Acme", "Bolt")
KNOWN_CITIES = ("", "Riga")


def _stored(unit: Unit, side: Side, stamp: Instant, numbers: Iterable[int]) -> list[Unit]:
    """The CRM gives list elements row ids and stamps, and leaves empty what it has no lookup row for."""
    unit = bare(unit)
    if side is Side.GOOGLE:
        return [unit]
    value = unit.value
    if unit.field is Field.JOB and value[0] not in KNOWN_COMPANIES:
        value = ("", *value[1:])
    if unit.field is Field.ADDRESS and value[1] not in KNOWN_CITIES:
        value = (value[0], "", *value[2:])
    if not any(value):
        return []
    native = "" if unit.field in SINGLE else unit.native or f"row{next(iter(numbers))}"
    own = Instant(0) if unit.field in SINGLE else stamp
    return [msgspec.structs.replace(unit, value=value, native=native, stamp=own)]


class Pair:
    """One contact on both sides, its link, and the mirrors: what the engine and the store do, in its shortest form."""

    def __init__(self, rules: Policy = POLICY) -> None:
        self.rules = rules
        self.server = {Side.CRM: crm(name("Ann", "Lee")), Side.GOOGLE: google(name("Ann", "Lee"))}
        self.mirror = dict(self.server)
        self.base: dict[Side, Base | None] = {Side.CRM: None, Side.GOOGLE: None}
        self.read_at = dict.fromkeys(Side, Instant(100 * SECOND))
        self.clock = itertools.count(200, 10)
        self.rows = itertools.count(1)

    def edit(self, side: Side, units: Iterable[Unit]) -> None:
        """A user leaves the record with these units."""
        at = Instant(next(self.clock) * SECOND)
        stored: list[Unit] = []
        there = {said(u): u for u in self.server[side].units}
        for unit in units:
            stored += [there[said(unit)]] if said(unit) in there else _stored(unit, side, at, self.rows)
        self.server[side] = msgspec.structs.replace(self.server[side], units=tuple(stored), stamp=at)

    def observe(self) -> None:
        """Read both sides into the mirrors; a base that equalled the mirror keeps what the mirror said."""
        for side in Side:
            old, new = self.mirror[side], self.server[side]
            if digest(old) != digest(new) and self.base[side] is None:
                self.base[side] = base_of(old)
            self.mirror[side] = inherit(old, new, self.read_at[side])
            self.read_at[side] = Instant(next(self.clock) * SECOND)

    def case(self) -> Case:
        link = Link(
            1,
            AccountName("a"),
            LinkState.LIVE,
            RecordId("c1"),
            RecordId("a1"),
            self.base[Side.CRM],
            self.base[Side.GOOGLE],
            (0,),
        )
        here, there = self.mirror[Side.CRM], self.mirror[Side.GOOGLE]
        return Case(Presence(here, (0,), digest=digest(here)), Presence(there, (0,), digest=digest(there)), link)

    def sync(self) -> Step:
        """One run: plan, write, remember."""
        self.observe()
        step = reconcile(self.case(), self.rules)
        for side in Side:
            changes, planned = step.changes(side), self.mirror[side]
            after = planned
            if changes:
                at = Instant(next(self.clock) * SECOND)
                after = self.server[side] = applied(self.server[side], changes, side, at, self.rows)
                self.mirror[side] = carry(after, planned, changes, side, self.rules.offset)
            self.base[side] = settled(planned, changes, after)
        return step

    def units(self, side: Side, field: Field | None = None) -> list[Unit]:
        return [u for u in self.server[side].units if field is None or u.field is field]
