"""The objects this Creatio has: every entity set with its columns, lookups and reverse collections. No rows here."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Kind(Enum):
    """What a column holds; the value is its EDM type."""

    GUID = "Edm.Guid"
    LOOKUP = "Edm.Guid "
    TEXT = "Edm.String"
    INSTANT = "Edm.DateTimeOffset"
    DATE = "Edm.DateTimeOffset "
    BOOL = "Edm.Boolean"
    INT = "Edm.Int32"
    DECIMAL = "Edm.Decimal"
    STREAM = "Edm.Stream"

    @property
    def edm(self) -> str:
        return self.value.strip()


class OnDelete(Enum):
    """What happens to a row when the row its lookup points at is deleted."""

    CLEAR = "clear"
    CASCADE = "cascade"
    WEAK = "weak"  # no foreign key at all


@dataclass(frozen=True)
class Column:
    """One property. A lookup is written and selected as `ContactId` and travelled as `Contact`."""

    name: str
    kind: Kind
    size: int = 0
    required: bool = False
    target: str = ""
    on_delete: OnDelete = OnDelete.CLEAR
    default: Any = None

    @property
    def nav(self) -> str:
        return self.name.removesuffix("Id")


@dataclass(frozen=True)
class Entity:
    """One entity set, its columns in the order the server writes them."""

    name: str
    columns: dict[str, Column]
    system: bool = False
    navs: dict[str, Column] = field(default_factory=dict)
    reverses: dict[str, tuple[str, Column]] = field(default_factory=dict)  # collection -> (entity, its lookup)

    def lookups(self) -> list[Column]:
        return list(self.navs.values())


PRIVATE = "8d7f6d6c-4ca5-4b43-bdd9-a5e01a582260"
CORPORATE = "5d79e393-f8e0-4830-a76b-f3c7bce529ed"
PUBLIC = "d6fb4de6-0809-41fe-a84f-6d245cbc5f32"

# "Name 250!" text of 250, required · "Address *" unlimited text · "Owner>Contact" lookup, ">>" cascading, "~>" without
# a foreign key · "Confirmed bool=true" a default · "@base" the five system columns
_BASE = ("CreatedOn instant", "CreatedBy>Contact", "ModifiedOn instant", "ModifiedBy>Contact", "ProcessListeners int")
_LOOKUP = ("Name 250!", "Description 250")
_OBJECTS: dict[str, tuple[str, ...]] = {
    "Contact": (
        *("Name 250!", "Owner>Contact", "@base", "Dear 250", "SalutationType>ContactSalutationType", "Gender>Gender"),
        *("Account>Account", "DecisionRole>ContactDecisionRole", "Type>ContactType", "Job>Job", "JobTitle 250"),
        *("Department>Department", "BirthDate date", "Phone 250", "MobilePhone 250", "HomePhone 250", "Skype 250"),
        *("Email 250", "AddressType>AddressType", "Address *", "City>City", "Region>Region", "Zip 50"),
        *("Country>Country", "DoNotUseEmail bool", "DoNotUseCall bool", "DoNotUseFax bool", "DoNotUseSms bool"),
        *("DoNotUseMail bool", "Notes *", "Facebook 250", "LinkedIn 250", "Twitter 250", "FacebookId 250"),
        *("LinkedInId 250", "TwitterId 250", "ContactPhoto stream", "TwitterAFDA>SocialAccount"),
        *("FacebookAFDA>SocialAccount", "LinkedInAFDA>SocialAccount", "Photo>SysImage", "GPSN 50", "GPSE 50"),
        *("Surname 250", "GivenName 250", "MiddleName 250", "Confirmed bool=true", "IsNonActualEmail bool"),
        *(
            "Completeness int",
            "Language>SysLanguage",
            "Age int",
            "IsEmailConfirmed bool",
            "LeadConversionScore decimal",
        ),
        *("UsrLoyalty 250", "UsrCompany 250", "UsrScore int"),
    ),
    "ContactCommunication": (
        *("@base", "Contact>>Contact", "CommunicationType>CommunicationType!", "Number 250!", "Position int"),
        *("SocialMediaId 250", "SearchNumber 250", "Primary bool", "NonActual bool"),
        *("NonActualReason>NonActualReason", "DateSetNonActual instant", "IsCreatedBySynchronization bool"),
        *("ExternalCommunicationType 500",),
    ),
    "ContactAddress": (
        *("@base", "Contact>>Contact", "AddressType>AddressType", "Country>Country", "Region>Region", "City>City"),
        *("Address *", "Zip 50", "Primary bool"),
    ),
    "ContactCareer": (
        *("@base", "Contact>>Contact", "Account>Account", "Department>Department", "Job>Job", "JobTitle 250"),
        *("Primary bool=true", "Current bool=true", "StartDate instant", "DueDate instant"),
        *("JobChangeReason>JobChangeReason", "Description *", "DecisionRole>ContactDecisionRole"),
    ),
    "ContactAnniversary": (
        *("@base", "Contact>>Contact", "AnniversaryType>AnniversaryType", "Date date", "Description *"),
    ),
    "ContactCorrespondence": (
        *("@base", "Contact~>Contact", "SourceContactId 500", "Source guid", "SourceAccount guid"),
        *("SocialAccountName 250", "IsDeleted bool"),
    ),
    "ContactTag": ("@base", "Name 250!", f"Type>TagType!={PRIVATE}"),
    "ContactInTag": ("@base", "Entity>>Contact!", "Tag>>ContactTag!"),
    "TagType": ("@base", *_LOOKUP),
    "Tag": ("@base", "Name 250!", "Color 50", "TagAccess>TagAccess", "EntitySchemaName 250"),
    "TagAccess": ("@base", *_LOOKUP),
    "TagInRecord": ("@base", "Tag>>Tag!", "Record guid", "RecordSchemaName 250", "TagRecord guid"),
    "Account": (
        *("@base", "Name 250!", "AlternativeName 250", "Owner>Contact", "PrimaryContact>Contact", "Phone 250"),
        *("Web 250", "Country>Country", "Region>Region", "City>City", "Address *", "Zip 50", "Notes *"),
    ),
    "Country": ("@base", *_LOOKUP, "Code 50"),
    "Region": ("@base", *_LOOKUP, "Country>Country"),
    "City": ("@base", *_LOOKUP, "Country>Country", "Region>Region"),
    "CommunicationType": (
        *("@base", *_LOOKUP, "HyperlinkTemplate 250", "UseforAccounts bool", "UseforContacts bool"),
        *("ImageLink 250", "DisplayFormat 250"),
    ),
    "AddressType": ("@base", *_LOOKUP, "ForAccount bool", "ForContact bool"),
    "SysAdminUnit": ("@base", *_LOOKUP, "Contact~>Contact", "Active bool", "SysAdminUnitTypeValue int"),
    "SysImage": ("@base", "Name 250", "MimeType 250"),
    "SysLanguage": ("@base", *_LOOKUP, "Code 50"),
    "SocialAccount": ("@base", "Login 250", "Name 250"),
}
_PLAIN_LOOKUPS = (
    *("ContactSalutationType", "Gender", "ContactType", "ContactDecisionRole", "Department", "Job", "AnniversaryType"),
    *("NonActualReason", "JobChangeReason"),
)
_SYSTEM = {"SysAdminUnit", "SysImage", "SysLanguage"}
_WORDS = {"instant": Kind.INSTANT, "date": Kind.DATE, "bool": Kind.BOOL, "int": Kind.INT, "decimal": Kind.DECIMAL,
          "stream": Kind.STREAM, "guid": Kind.GUID}  # fmt: skip
_ARROWS = {">>": OnDelete.CASCADE, "~>": OnDelete.WEAK, ">": OnDelete.CLEAR}


def _column(text: str) -> Column:
    text, _, default = text.partition("=")
    required = text.endswith("!")
    text = text.rstrip("!")
    for arrow, rule in _ARROWS.items():
        if arrow in text:
            nav, target = text.split(arrow)
            return Column(nav + "Id", Kind.LOOKUP, 0, required, target, rule, default or None)
    name, word = text.split()
    if word in _WORDS:
        kind = _WORDS[word]
        wire = name + "Id" if kind is Kind.GUID else name
        return Column(wire, kind, default=True if default == "true" else None)
    return Column(name, Kind.TEXT, 0 if word == "*" else int(word), required)


def _entity(name: str, texts: tuple[str, ...]) -> Entity:
    columns = {"Id": Column("Id", Kind.GUID)}
    for text in texts:
        for one in _BASE if text == "@base" else (text,):
            column = _column(one)
            columns[column.name] = column
    navs = {c.nav: c for c in columns.values() if c.kind is Kind.LOOKUP}
    return Entity(name, columns, name in _SYSTEM, navs)


def _schema() -> dict[str, Entity]:
    plain = dict.fromkeys(_PLAIN_LOOKUPS, ("@base", *_LOOKUP))
    entities = {name: _entity(name, texts) for name, texts in (_OBJECTS | plain).items()}
    for entity in entities.values():
        for nav, column in entity.navs.items():
            entities[column.target].reverses[f"{entity.name}CollectionBy{nav}"] = (entity.name, column)
    return entities


SCHEMA: dict[str, Entity] = _schema()
