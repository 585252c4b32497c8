"""The values everything speaks of: units, records, bases, and what a side can hold. `fields.py` normalises."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NewType

import msgspec

RecordId = NewType("RecordId", str)
"""A CRM contact id (lower-case guid) or a Google CONTACT source id (lower-case hex)."""

SourceId = NewType("SourceId", str)
"""`crm:<name>` or `google:<sub>`: the login whose mirror, cursor, clock and lease a thing belongs to."""

ScopeId = NewType("ScopeId", str)
"""A tag id (CRM) or a group resource name (Google)."""

AccountName = NewType("AccountName", str)

Instant = NewType("Instant", int)
"""Microseconds since 1970, UTC, by the clock of the server that gave it; 0 means not known."""


class Side(StrEnum):
    """The two sides, always named in this order."""

    CRM = "crm"
    GOOGLE = "google"

    @property
    def other(self) -> Side:
        return Side.GOOGLE if self is Side.CRM else Side.CRM


class Field(StrEnum):
    """What a contact is made of. The comment gives the parts of `Unit.value`, each `""` when absent.

    NAME, JOB, BIRTHDAY, NOTES and CUSTOM slots hold one value; the others are lists.
    """

    NAME = "name"  # given, middle, family
    JOB = "job"  # company, title, department
    BIRTHDAY = "birthday"  # year ("" when unknown), month, day; decimal, no leading zeros
    NOTES = "notes"  # text
    EMAIL = "email"  # address                                label: home work other …
    PHONE = "phone"  # number as typed                        label: mobile work home other workFax …
    ADDRESS = "address"  # street, city, region, postal code, country   label: work home other
    URL = "url"  # address                                    label: homePage blog work facebook …
    IM = "im"  # user name                                    label: the protocol (skype)
    CUSTOM = "custom"  # text                                 label: the native key (UsrLoyalty, userDefined:Loyalty)


class Unit(msgspec.Struct, frozen=True, omit_defaults=True):
    """One mergeable piece of a contact, as its side said it (never canonicalised).

    `native` is the CRM's row id ("" for a column of the contact itself, and on Google). `stamp` is when this value was
    set, by its side's clock. `extra` is the rest of the native item, so that it can be sent back whole.
    """

    field: Field
    value: tuple[str, ...]
    label: str = ""
    primary: bool = False
    native: str = ""
    stamp: Instant = Instant(0)
    extra: dict[str, Any] | None = None


class Record(msgspec.Struct, frozen=True, omit_defaults=True):
    """One side's copy of a contact.

    `mask` names what was read whole (`Field` values, and `custom:<key>` for each custom slot that was asked for).
    `scopes` is the set of groups the record itself tells of (Google), or None where membership is read apart (CRM).
    `anchors` are recovery anchors (`Anchor` texts) found on it. `removed` are units seen to vanish, newest last.
    `extra` is what the adapter needs to write the record back (resource name, etag, foreign clientData, owner …).
    """

    id: RecordId
    version: str
    units: tuple[Unit, ...]
    mask: tuple[str, ...]
    stamp: Instant = Instant(0)
    scopes: tuple[ScopeId, ...] | None = None
    anchors: tuple[str, ...] = ()
    removed: tuple[Unit, ...] = ()
    extra: dict[str, Any] | None = None


class Base(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one side said when both last agreed, and how much of it had been read."""

    units: tuple[Unit, ...]
    mask: tuple[str, ...]


def base_of(record: Record) -> Base:
    """The base that equals this record: its units without what only a write-back needs."""
    return Base(tuple(bare(u) for u in record.units), record.mask)


def bare(unit: Unit) -> Unit:
    """The unit without stamp and extra: what was said, not when, nor how it is spelt on the wire."""
    if unit.stamp == 0 and unit.extra is None:
        return unit
    return Unit(unit.field, unit.value, unit.label, unit.primary, unit.native)


class Capabilities(msgspec.Struct, frozen=True):
    """What a side can hold and how it is written, as data.

    `labels[field]` maps each neutral label the side knows to itself or to the label it becomes; `"*"` is the rule for
    all others (a label, or `"="` for "kept as it is", or `"-"` for "cannot be held"). `limits[field]` is the longest
    value part in characters. `parts[field]` are the indexes of value parts that it can hold (all when absent).
    `multiple` are the list fields of which it holds more than one under one label.
    """

    fields: frozenset[Field]
    labels: dict[Field, dict[str, str]]
    limits: dict[Field, int]
    parts: dict[Field, tuple[int, ...]]
    yearless_birthday: bool
    own_ids: bool  # we choose the id of what we create
    guarded: bool  # the server itself refuses an update planned against an old version
    create_batch: int
    update_batch: int
    member_batch: int
    multiple: frozenset[Field] = frozenset({Field.EMAIL, Field.PHONE, Field.ADDRESS, Field.URL, Field.IM})


FIELD_MASK = tuple(f.value for f in Field if f is not Field.CUSTOM)
"""The mask of a record whose default fields were all read whole."""
