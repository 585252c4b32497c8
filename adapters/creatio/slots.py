"""Which native row is which neutral unit: type ids, labels, columns, what the CRM can hold. Data, no logic."""

from __future__ import annotations

from typing import Final

from syncd.core.contact import Capabilities, Field

EMAIL: Final = "ee1c85c3-cfcb-df11-9b2a-001d60e938c6"
MOBILE: Final = "d4a2dc80-30ca-df11-9b2a-001d60e938c6"
WORK_PHONE: Final = "3dddb3cc-53ee-49c4-a71f-e9e257f59e49"
HOME_PHONE: Final = "0da6a26b-d7bc-df11-b00f-001d60e938c6"
OTHER_PHONE: Final = "21c0d693-9a52-43fa-b7f1-c6d8b53975d4"
FAX: Final = "9a7ab41b-67cc-df11-9b2a-001d60e938c6"
WEB: Final = "6a8ba927-67cc-df11-9b2a-001d60e938c6"
SKYPE: Final = "09e4bda6-cfcb-df11-9b2a-001d60e938c6"
FACEBOOK: Final = "2795dd03-bacf-e011-92c3-00155d04c01d"
LINKEDIN: Final = "ea0f3b0a-bacf-e011-92c3-00155d04c01d"
TWITTER: Final = "e7139487-bad3-e011-92c3-00155d04c01d"

ROW_SLOTS: Final[dict[str, tuple[Field, str]]] = {
    EMAIL: (Field.EMAIL, ""),
    MOBILE: (Field.PHONE, "mobile"),
    WORK_PHONE: (Field.PHONE, "work"),
    HOME_PHONE: (Field.PHONE, "home"),
    OTHER_PHONE: (Field.PHONE, "other"),
    FAX: (Field.PHONE, "workFax"),
    WEB: (Field.URL, "homePage"),
    FACEBOOK: (Field.URL, "facebook"),
    LINKEDIN: (Field.URL, "linkedIn"),
    TWITTER: (Field.URL, "twitter"),
    SKYPE: (Field.IM, "skype"),
}
"""Communication types that are units. All others (extensions, the customer's own) stay as they are, unread."""

ROW_TYPES: Final = {slot: kind for kind, slot in ROW_SLOTS.items()}
FALLBACK_TYPES: Final = {Field.EMAIL: EMAIL, Field.PHONE: OTHER_PHONE, Field.URL: WEB}

MIRRORS: Final = {
    EMAIL: "Email",
    WORK_PHONE: "Phone",
    MOBILE: "MobilePhone",
    HOME_PHONE: "HomePhone",
    SKYPE: "Skype",
}
"""Contact columns that show the primary row of a type. Read to tell the primary; never written."""

BUSINESS: Final = "fb7a3f6a-f36b-1410-6f81-1c6f65e50343"
HOME: Final = "4f8b2d67-71d0-45fb-897e-cd4a308a97c0"
OTHER_ADDRESS: Final = "ce157f11-f425-4811-ba0e-e3816e8eced5"
ADDRESS_LABELS: Final = {BUSINESS: "work", HOME: "home"}
ADDRESS_TYPES: Final = {"work": BUSINESS, "home": HOME, "other": OTHER_ADDRESS}

ADDRESS_LOOKUPS: Final = {1: "City", 2: "Region", 4: "Country"}
"""Parts of an address's value that are lookups, by index. The others are texts:"""
ADDRESS_TEXTS: Final = {0: "Address", 3: "Zip"}

PRIVATE_TAG: Final = "8d7f6d6c-4ca5-4b43-bdd9-a5e01a582260"

CONTACT: Final = (
    *("Id", "Name", "OwnerId", "CreatedOn", "ModifiedOn", "AccountId", "JobTitle", "DepartmentId", "BirthDate"),
    *("Phone", "MobilePhone", "HomePhone", "Skype", "Email", "Notes", "Surname", "GivenName", "MiddleName"),
)
COMMUNICATION: Final = (
    *("Id", "ModifiedOn", "ContactId", "CommunicationTypeId", "Number", "Primary", "NonActual"),
)  # fmt: skip
ADDRESS: Final = (
    *("Id", "ModifiedOn", "ContactId", "AddressTypeId", "CountryId", "RegionId", "CityId", "Address", "Zip", "Primary"),
)  # fmt: skip

_LABELS: Final = {
    Field.EMAIL: {"*": ""},
    Field.PHONE: {label: label for label in ("mobile", "work", "home", "other", "workFax")} | {"*": "other"},
    Field.ADDRESS: {"work": "work", "home": "home", "other": "other", "*": "other"},
    # Social rows go to Google only: what is typed there never becomes one.
    Field.URL: {"homePage": "homePage", "facebook": "-", "linkedIn": "-", "twitter": "-", "*": "homePage"},
    Field.IM: {"skype": "skype", "*": "-"},
}
_LIMITS: Final = {
    **dict.fromkeys((Field.NAME, Field.JOB, Field.EMAIL, Field.PHONE, Field.URL, Field.IM, Field.CUSTOM), 250),
}

CAPABILITIES: Final = Capabilities(
    fields=frozenset(Field),
    labels=_LABELS,
    limits=_LIMITS,
    parts={},
    yearless_birthday=False,
    own_ids=True,
    guarded=False,
    create_batch=25,
    update_batch=25,
    member_batch=90,
)
