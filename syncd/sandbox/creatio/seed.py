"""The rows every Creatio is delivered with: lookups under their real ids, the Supervisor."""

from __future__ import annotations

import uuid
from typing import Final

from syncd.sandbox.creatio.schema import CORPORATE, PRIVATE, PUBLIC
from syncd.sandbox.creatio.values import Row

SUPERVISOR_CONTACT: Final = "410006e1-ca4e-4502-a9ec-e54d922d2c00"
SUPERVISOR_USER: Final = "7f3b869f-34f3-4f20-ab4d-7480a5fdf647"
EMPLOYEE: Final = "60733efc-f36b-1410-a883-16d83cab0980"
BIRTHDAY: Final = "173d56d2-fdca-df11-9b2a-001d60e938c6"

EMAIL: Final = "ee1c85c3-cfcb-df11-9b2a-001d60e938c6"
COMMUNICATION_TYPES: Final = {
    "Email": EMAIL,
    "Mobile phone": "d4a2dc80-30ca-df11-9b2a-001d60e938c6",
    "Business phone": "3dddb3cc-53ee-49c4-a71f-e9e257f59e49",
    "Home phone": "0da6a26b-d7bc-df11-b00f-001d60e938c6",
    "Other phone": "21c0d693-9a52-43fa-b7f1-c6d8b53975d4",
    "Extension phone": "e9d91e45-8d92-4e38-95a0-ef8aa28c9e7a",
    "Primary phone": "6a3fb10c-67cc-df11-9b2a-001d60e938c6",
    "Alternate phone": "2b387201-67cc-df11-9b2a-001d60e938c6",
    "Fax": "9a7ab41b-67cc-df11-9b2a-001d60e938c6",
    "Web": "6a8ba927-67cc-df11-9b2a-001d60e938c6",
    "Skype": "09e4bda6-cfcb-df11-9b2a-001d60e938c6",
    "Facebook": "2795dd03-bacf-e011-92c3-00155d04c01d",
    "LinkedIn": "ea0f3b0a-bacf-e011-92c3-00155d04c01d",
    "Twitter": "e7139487-bad3-e011-92c3-00155d04c01d",
    "Google": "efe5d7a2-5f38-e111-851e-00155d04c01d",
}
ADDRESS_TYPES: Final = {
    "Business": "fb7a3f6a-f36b-1410-6f81-1c6f65e50343",
    "Work": "780bf68c-4b6e-df11-b988-001d60e938c6",
    "Home": "4f8b2d67-71d0-45fb-897e-cd4a308a97c0",
    "Legal": "770bf68c-4b6e-df11-b988-001d60e938c6",
    "Shipping": "760bf68c-4b6e-df11-b988-001d60e938c6",
    "Other": "ce157f11-f425-4811-ba0e-e3816e8eced5",
}
_ROWS: Final[dict[str, dict[str, str | None]]] = {
    "CommunicationType": dict(COMMUNICATION_TYPES),
    "AddressType": dict(ADDRESS_TYPES),
    "TagType": {"Private": PRIVATE, "Corporate": CORPORATE, "Public": PUBLIC},
    "TagAccess": {"Private": None, "Corporate": None, "Public": None},
    "ContactType": {"Employee": EMPLOYEE, "Customer": None, "Contact person": None, "Supplier": None},
    "Gender": {"Male": "eeac42ee-65b6-df11-831a-001d60e938c6", "Female": "fc2483f8-65b6-df11-831a-001d60e938c6"},
    "ContactSalutationType": {"Mr.": None, "Mrs.": None, "Ms.": None},
    "ContactDecisionRole": {"Decision maker": None, "Influencer": None},
    "AnniversaryType": {"Birthday": BIRTHDAY, "Wedding day": None},
    "Department": {"Sales": None, "Marketing": None, "IT": None},
    "Job": {"Manager": None, "Director": None, "Specialist": None},
    "Country": {"Germany": None, "United Kingdom": None, "United States": None, "France": None},
    "Region": {"Berlin": None, "Bavaria": None, "Greater London": None},
    "City": {"Berlin": None, "Munich": None, "London": None},
    "NonActualReason": {"Left the company": None},
    "JobChangeReason": {"Promotion": None},
    "SysLanguage": {"English": None, "German": None},
}
_PLACES: Final = {
    ("Region", "Berlin"): ("Germany", ""), ("Region", "Bavaria"): ("Germany", ""),
    ("Region", "Greater London"): ("United Kingdom", ""), ("City", "Berlin"): ("Germany", "Berlin"),
    ("City", "Munich"): ("Germany", "Bavaria"), ("City", "London"): ("United Kingdom", "Greater London"),
}  # fmt: skip
_SPACE: Final = uuid.UUID("5a7d1c0e-3b7a-4a65-9d0f-0c5e7b2f9a11")


def lookup_id(entity: str, name: str) -> str:
    """The id of a delivered lookup row."""
    return _ROWS[entity][name] or str(uuid.uuid5(_SPACE, f"{entity}/{name}"))


def seed_rows() -> list[tuple[str, Row]]:
    """The rows of a new installation, without their system columns."""
    rows: list[tuple[str, Row]] = [
        (entity, {"Id": lookup_id(entity, name), "Name": name}) for entity, names in _ROWS.items() for name in names
    ]
    for entity, row in rows:
        country, region = _PLACES.get((entity, row["Name"]), ("", ""))
        if country:
            row["CountryId"] = lookup_id("Country", country)
        if region:
            row["RegionId"] = lookup_id("Region", region)
        if entity == "CommunicationType":
            row["UseforContacts"] = row["UseforAccounts"] = True
        if entity == "AddressType":
            row["ForContact"] = True
    return rows
