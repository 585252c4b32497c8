"""Contacts to write, and short ways to say what a record holds."""

from __future__ import annotations

from typing import Any

from syncd.core.contact import Field, Record, Unit

NEW = "11111111-2222-4333-8444-555555555555"
NAME = Unit(Field.NAME, ("Zoë", "Q", "Żak 🌍"))
WHOLE = (
    NAME,
    Unit(Field.JOB, ("Acme", "Boss", "Sales")),
    Unit(Field.BIRTHDAY, ("1980", "5", "1")),
    Unit(Field.NOTES, ("line 1\nline 2",)),
    Unit(Field.EMAIL, ("first@x.test",), primary=True),
    Unit(Field.EMAIL, ("second@x.test",)),
    Unit(Field.PHONE, ("+49 30 1",), "work", primary=True),
    Unit(Field.PHONE, ("+49 170 2",), "mobile"),
    Unit(Field.PHONE, ("+49 30 3",), "workFax"),
    Unit(Field.URL, ("https://x.test",), "homePage"),
    Unit(Field.IM, ("zoe.z",), "skype"),
    Unit(Field.ADDRESS, ("Main 1", "Berlin", "Berlin", "10115", "Germany"), "work", primary=True),
    Unit(Field.ADDRESS, ("Side 2", "", "", "", "France"), "home"),
)


def said(record: Record) -> set[tuple[Field, tuple[str, ...], str]]:
    """Everything a record says."""
    return {(u.field, u.value, u.label) for u in record.units}


def unit(record: Record, *value: str) -> Unit:
    """The unit whose value begins so."""
    return next(u for u in record.units if u.value[: len(value)] == value)


def of(record: Record, field: Field) -> list[str]:
    """The first parts of a field's values."""
    return sorted(u.value[0] for u in record.units if u.field is field)


def changed(unit: Unit, *value: str, **attributes: Any) -> Unit:
    """The unit with another value, label or rank."""
    return Unit(
        unit.field, value or unit.value, attributes.get("label", unit.label), attributes.get("primary", unit.primary)
    )
