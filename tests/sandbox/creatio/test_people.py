"""What saving a contact does besides: names, careers, birthdays, addresses."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.sandbox.creatio import CreatioSandbox
from syncd.sandbox.creatio.seed import ADDRESS_TYPES, BIRTHDAY, lookup_id
from syncd.sandbox.wire import Clock
from tests.sandbox.creatio.wire_client import Client

ZERO = "00000000-0000-0000-0000-000000000000"
NAMES = ("Name", "GivenName", "MiddleName", "Surname")


def named(row: dict[str, Any]) -> tuple[str, ...]:
    """The four names."""
    return tuple(row[name] for name in NAMES)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"Name": "API Test"}, ("API Test", "API", "", "Test")),
        ({"Name": "Ann"}, ("Ann", "Ann", "", "")),
        ({"Name": "Ann May van Lee"}, ("Ann May van Lee", "Ann", "May", "van Lee")),
        ({"GivenName": "Ann", "Surname": "Lee"}, ("Ann Lee", "Ann", "", "Lee")),
        ({"Name": "Dr X", "GivenName": "Ann", "Surname": "Lee"}, ("Dr X", "Ann", "", "Lee")),
    ],
)
def test_new_contact_derives_name_or_parts(api: Client, body: dict[str, str], expected: tuple[str, ...]) -> None:
    """Only the name: parts are cut; only parts: the name is built; both: nothing is derived."""
    assert named(api.post("Contact", body)) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"Surname": "Ray"}, ("Ann May Ray", "Ann", "May", "Ray")),
        ({"MiddleName": ""}, ("Ann Lee", "Ann", "", "Lee")),
        ({"MiddleName": None}, ("Ann May Lee", "Ann", "", "Lee")),
        ({"Name": "Bob Ray"}, ("Bob Ray", "Bob", "", "Ray")),
        ({"Name": "Dr Ann Lee", "GivenName": "Ann", "Surname": "Lee"}, ("Dr Ann Lee", "Dr", "Ann", "Lee")),
        ({"Name": "Dr Ann Ray", "Surname": "Ray"}, ("Dr Ann Ray", "Ann", "May", "Ray")),
    ],
)
def test_changed_contact_derives_from_what_really_changed(
    api: Client, crm: CreatioSandbox, change: dict[str, Any], expected: tuple[str, ...]
) -> None:
    """Parts equal to the stored ones are no change: the name is cut anew. A part set to null is no change either."""
    contact = crm.insert("Contact", {"Name": "Ann May Lee"})
    api.patch("Contact", contact, change)
    assert named(api.get("Contact", contact)) == expected


def test_name_order_is_a_setting(api: Client, crm: CreatioSandbox) -> None:
    """Where the family name comes first, names are cut and built that way."""
    crm.profile.name_order = "last_first_middle"
    assert named(api.post("Contact", {"Name": "Lee Ann May"})) == ("Lee Ann May", "Ann", "May", "Lee")
    assert api.post("Contact", {"GivenName": "Ann", "Surname": "Lee"})["Name"] == "Lee Ann"


def careers(api: Client, contact: str) -> list[tuple[str, bool, bool]]:
    """(title, primary, current), oldest first."""
    rows = api.rows("ContactCareer", filter=f"Contact/Id eq {contact}", orderby="CreatedOn,Id")
    return [(row["JobTitle"], row["Primary"], row["Current"]) for row in rows]


def test_job_flip_flop_leaves_a_career_behind(api: Client, crm: CreatioSandbox, clock: Clock) -> None:
    """A changed job closes the career and opens one; each way back does so again; clearing demotes."""
    contact = crm.insert("Contact", {"Name": "A", "JobTitle": "Clerk"})
    assert careers(api, contact) == [("Clerk", True, True)]
    for title in ("Boss", "Clerk"):
        clock.advance(1)
        api.patch("Contact", contact, {"JobTitle": title})
    assert careers(api, contact) == [("Clerk", False, False), ("Boss", False, False), ("Clerk", True, True)]
    api.patch("Contact", contact, {"JobTitle": ""})
    assert careers(api, contact)[-1] == ("Clerk", False, False)


def test_filled_job_column_completes_the_career(api: Client, crm: CreatioSandbox) -> None:
    """An empty column filled changes the open career instead."""
    contact = crm.insert("Contact", {"Name": "A", "JobTitle": "Clerk"})
    account = crm.insert("Account", {"Name": "Acme"})
    api.patch("Contact", contact, {"AccountId": account})
    rows = api.rows("ContactCareer", filter=f"Contact/Id eq {contact}")
    assert [(row["JobTitle"], row["AccountId"]) for row in rows] == [("Clerk", account)]


def test_primary_career_written_directly_becomes_the_job(api: Client, crm: CreatioSandbox) -> None:
    """The contact's job columns mirror the primary career."""
    contact = crm.insert("Contact", {"Name": "A", "JobTitle": "Clerk"})
    api.post("ContactCareer", {"ContactId": contact, "JobTitle": "Boss", "Primary": True})
    assert api.get("Contact", contact)["JobTitle"] == "Boss"
    assert sorted(primary for _, primary, _ in careers(api, contact)) == [False, True]


def test_birth_date_and_anniversary_follow_each_other(api: Client, crm: CreatioSandbox, clock: Clock) -> None:
    """A date without its time, in two places."""
    contact = api.post("Contact", {"Name": "A", "BirthDate": "1960-05-01T13:30:00Z"})["Id"]
    assert api.get("Contact", contact)["BirthDate"] == "1960-05-01T00:00:00Z"
    rows = api.rows("ContactAnniversary", filter=f"Contact/Id eq {contact}")
    assert [(row["AnniversaryTypeId"], row["Date"]) for row in rows] == [(BIRTHDAY, "1960-05-01T00:00:00Z")]
    before = api.get("Contact", contact)["ModifiedOn"]
    clock.advance(1)
    api.patch("ContactAnniversary", rows[0]["Id"], {"Date": "1961-06-02T00:00:00Z"})
    assert api.get("Contact", contact)["BirthDate"] == "1961-06-02T00:00:00Z"
    assert api.get("Contact", contact)["ModifiedOn"] > before
    api.patch("Contact", contact, {"BirthDate": None})
    assert api.rows("ContactAnniversary") == []


def test_first_address_is_primary_and_copied_to_the_contact(api: Client, crm: CreatioSandbox) -> None:
    """A new primary one demotes its siblings without a stamp; others touch nothing."""
    contact = crm.insert("Contact", {"Name": "A"})
    berlin = lookup_id("City", "Berlin")
    kind = ADDRESS_TYPES["Business"]
    first = api.post(
        "ContactAddress", {"ContactId": contact, "AddressTypeId": kind, "Address": "Weg 1", "CityId": berlin}
    )
    stamp = api.get("ContactAddress", first["Id"])["ModifiedOn"]
    row = api.get("Contact", contact)
    assert (first["Primary"], row["Address"], row["CityId"], row["AddressTypeId"]) == (True, "Weg 1", berlin, kind)
    api.post("ContactAddress", {"ContactId": contact, "Address": "Weg 2"})
    assert api.get("Contact", contact) == row
    api.post("ContactAddress", {"ContactId": contact, "Address": "Weg 3", "Primary": True})
    assert (api.get("Contact", contact)["Address"], api.get("Contact", contact)["CityId"]) == ("Weg 3", ZERO)
    demoted = api.get("ContactAddress", first["Id"])
    assert (demoted["Primary"], demoted["ModifiedOn"]) == (False, stamp)


def test_deleted_primary_address_promotes_the_newest_left(api: Client, crm: CreatioSandbox, clock: Clock) -> None:
    """And with the last one the contact's columns are emptied."""
    contact = crm.insert("Contact", {"Name": "A"})
    ids = []
    for street in ("Weg 1", "Weg 2", "Weg 3"):
        clock.advance(1)
        ids.append(api.post("ContactAddress", {"ContactId": contact, "Address": street})["Id"])
    api.delete("ContactAddress", ids[0])
    assert api.get("ContactAddress", ids[2])["Primary"] is True
    assert api.get("Contact", contact)["Address"] == "Weg 3"
    stamp = api.get("Contact", contact)["ModifiedOn"]
    clock.advance(1)
    api.delete("ContactAddress", ids[1])
    assert api.get("Contact", contact)["ModifiedOn"] == stamp
    api.delete("ContactAddress", ids[2])
    assert api.get("Contact", contact)["Address"] == ""


def test_contact_address_columns_make_and_change_the_primary_row(api: Client, crm: CreatioSandbox) -> None:
    """Clearing a text clears it in the row, clearing a lookup does not, clearing all six does nothing."""
    berlin = lookup_id("City", "Berlin")
    contact = api.post("Contact", {"Name": "A", "Address": "Weg 1", "Zip": "10115", "CityId": berlin})["Id"]

    def row() -> tuple[str, str, str]:
        one = api.rows("ContactAddress", filter=f"Contact/Id eq {contact}")[0]
        return one["Address"], one["Zip"], one["CityId"]

    assert row() == ("Weg 1", "10115", berlin)
    api.patch("Contact", contact, {"Zip": "", "CityId": None})
    assert row() == ("Weg 1", "", berlin)
    api.patch("Contact", contact, {"Address": ""})
    assert row() == ("Weg 1", "", berlin)
