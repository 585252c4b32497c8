"""The People API's person as tables: what is asked for, what may be written, and where each unit is found."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.core.contact import Field
from syncd.core.errors import ConfigError, Problem

LEAVES: dict[str, tuple[str, ...]] = {
    "names": (
        "givenName", "middleName", "familyName", "honorificPrefix", "honorificSuffix", "phoneticGivenName",
        "phoneticMiddleName", "phoneticFamilyName", "phoneticHonorificPrefix", "phoneticHonorificSuffix",
        "phoneticFullName", "unstructuredName",
    ),
    "organizations": (
        "name", "title", "department", "type", "current", "jobDescription", "symbol", "domain", "location",
        "phoneticName", "costCenter", "fullTimeEquivalentMillipercent", "startDate", "endDate",
    ),
    "birthdays": ("date", "text"),
    "biographies": ("value", "contentType"),
    "emailAddresses": ("value", "type", "displayName"),
    "phoneNumbers": ("value", "type"),
    "addresses": (
        "streetAddress", "city", "region", "postalCode", "country", "type", "poBox", "extendedAddress", "countryCode",
        "formattedValue",
    ),
    "urls": ("value", "type"),
    "imClients": ("username", "protocol", "type"),
    "userDefined": ("key", "value"),
    "clientData": ("key", "value"),
    "nicknames": ("value", "type"),
    "occupations": ("value",),
    "interests": ("value",),
    "locales": ("value",),
    "miscKeywords": ("value", "type"),
    "sipAddresses": ("value", "type"),
    "externalIds": ("value", "type"),
    "relations": ("person", "type"),
    "locations": ("value", "type", "current", "buildingId", "floor", "floorSection", "deskCode"),
}  # fmt: skip
"""Every leaf of a field that a client may write. The rest is output only, and neither asked for nor sent."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Where a unit lives: the person's field, the leaves that are its value's parts, the leaf that is its label.

    `rest` are the field's other leaves.
    """

    place: str
    parts: tuple[str, ...]
    label: str
    rest: tuple[str, ...]


def shape(place: str, parts: tuple[str, ...], label: str = "") -> Shape:
    """The shape with the rest of its leaves."""
    return Shape(place, parts, label, tuple(leaf for leaf in LEAVES[place] if leaf not in (*parts, label)))


SHAPES: dict[Field, Shape] = {
    Field.NAME: shape("names", ("givenName", "middleName", "familyName")),
    Field.JOB: shape("organizations", ("name", "title", "department")),
    Field.BIRTHDAY: shape("birthdays", ("date",)),
    Field.NOTES: shape("biographies", ("value",)),
    Field.EMAIL: shape("emailAddresses", ("value",), "type"),
    Field.PHONE: shape("phoneNumbers", ("value",), "type"),
    Field.ADDRESS: shape("addresses", ("streetAddress", "city", "region", "postalCode", "country"), "type"),
    Field.URL: shape("urls", ("value",), "type"),
    Field.IM: shape("imClients", ("username",), "protocol"),
}

USER_DEFINED = shape("userDefined", ("value",), "key")
SINGLE = frozenset({Field.NAME, Field.JOB, Field.BIRTHDAY, Field.NOTES})
SINGLETONS = frozenset({"names", "birthdays", "biographies"})
"""Fields of which Google takes one item per contact."""

WHOLE_TEXT = {"addresses": "formattedValue", "names": "unstructuredName"}
"""The leaf that says in one text what the parts say: sent only where there are no parts, else the two may disagree."""

ALWAYS = (*(s.place for s in SHAPES.values()), "userDefined", "clientData", "memberships", "metadata")
PLAIN_LISTS = frozenset(LEAVES) - frozenset(ALWAYS)
_PLAIN_SHAPES = {place: shape(place, LEAVES[place][:1]) for place in PLAIN_LISTS}
KEY_PREFIX = "userDefined:"
TRUNCATED = {"emailAddresses": Field.EMAIL, "phoneNumbers": Field.PHONE}
"""Fields that a list (not a point read) cuts after `TRUNCATED_AT` items."""

TRUNCATED_AT = 100


def plain_list(place: str) -> Shape:
    """The shape of a custom slot that is a whole list field, such as `nicknames`."""
    return _PLAIN_SHAPES[place]


def check_custom(keys: tuple[str, ...]) -> None:
    """`ConfigError` for keys that name nothing that Google can hold."""
    wrong = tuple(
        Problem(f"map.{key}", "no such field in Google Contacts", f"userDefined:{key}, or one of {_choices()}")
        for key in keys
        if key not in PLAIN_LISTS and key.removeprefix(KEY_PREFIX) in ("", key)
    )
    if wrong:
        raise ConfigError(wrong)


def _choices() -> str:
    return ", ".join(sorted(PLAIN_LISTS))


def places(custom: tuple[str, ...]) -> tuple[str, ...]:
    """The fields to ask for, in one fixed order: a sync token holds only while they stay the same."""
    return (*ALWAYS, *sorted(PLAIN_LISTS & set(custom)))


def person_fields(custom: tuple[str, ...]) -> str:
    """The mask of every read, and of the read-back of every write."""
    return ",".join(places(custom))


def partial_person(custom: tuple[str, ...]) -> str:
    """What to send of each person (`fields`), so that texts which Google derives from others do not travel."""
    own = "resourceName,etag,metadata(sources(type,id,etag,updateTime),deleted,previousResourceNames)"
    items = [f"{p}({','.join(LEAVES[p])},metadata/primary)" for p in places(custom) if p in LEAVES]
    return ",".join([own, *items, "memberships/contactGroupMembership/contactGroupResourceName"])
