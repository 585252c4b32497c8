"""POST, PATCH, DELETE: what is stored, what is refused, how values look, what goes with a deleted contact."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.sandbox.creatio import CreatioSandbox
from syncd.sandbox.wire import Clock
from tests.sandbox.creatio.wire_client import EMAIL, NOBODY, Client

ZERO = "00000000-0000-0000-0000-000000000000"


def test_nothing_is_written_as_zeros_and_empty_text(api: Client) -> None:
    """Null lookups, dates and texts in a reply, in the order of the columns, streams as links."""
    row = api.post("Contact", {"Name": "API Test", "AccountId": ZERO, "JobTitle": None})
    assert (row["AccountId"], row["BirthDate"], row["JobTitle"]) == (ZERO, "0001-01-01T00:00:00Z", "")
    assert list(row)[1:6] == ["Id", "Name", "OwnerId", "CreatedOn", "CreatedById"]
    assert row["ContactPhoto@odata.mediaReadLink"] == f"Contact({row['Id']})/ContactPhoto"
    assert (row["GivenName"], row["Surname"], row["Confirmed"]) == ("API", "Test", True)


def test_post_honours_the_client_id_and_says_where(api: Client) -> None:
    """201, the full entity, Location; a second POST of the id is refused and changes nothing."""
    reply = api.odata("POST", "Contact", {"Id": NOBODY.upper(), "Name": "Ann Lee"})
    assert reply.status == 201
    assert reply.headers["Location"].endswith(f"/0/odata/Contact({NOBODY})")
    assert reply.json()["@odata.context"].endswith("$metadata#Contact/$entity")
    before = api.crm.dump()
    again = api.odata("POST", "Contact", {"Id": NOBODY, "Name": "Other"})
    assert (again.status, "error" in again.json()) == (500, True)
    assert api.crm.dump() == before


def test_post_echoes_seven_digits_and_the_stored_stamp_is_later(api: Client) -> None:
    """A watermark from the reply of a POST can miss the very row."""
    row = api.post("Contact", {"Name": "Ann Lee", "Email": "a@b.example"})
    stored = api.get("Contact", row["Id"])["ModifiedOn"]
    assert len(row["ModifiedOn"].partition(".")[2]) == len("1234567Z")
    assert len(stored.partition(".")[2]) <= len("123456Z")
    assert stored > row["ModifiedOn"]


def test_echoed_stamp_of_an_unbumped_row_does_not_find_it(api: Client) -> None:
    """Stored with six digits it is earlier than its own echo."""
    row = api.post("Contact", {"Name": "Ann Lee"})
    assert api.rows("Contact", filter=f"ModifiedOn ge {row['ModifiedOn']}") == []


def test_post_save_bump_moves_the_stamp_later(api: Client, crm: CreatioSandbox) -> None:
    """A process after the save may touch the contact again."""
    crm.profile.post_save_bump = 2.0
    row = api.post("Contact", {"Name": "Ann Lee"})
    assert api.get("Contact", row["Id"])["ModifiedOn"] > row["ModifiedOn"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"Name": "A", "Nothing": 1}, 400),
        ({"Name": "A", "UsrScore": "5"}, 400),
        ({"Name": "A", "AccountId": "x"}, 400),
        ({"Name": "A", "BirthDate": "1980-05-01"}, 400),
        ({"Name": "A", "Confirmed": 1}, 400),
        ({"Name": "A", "AccountId": NOBODY}, 500),
        ({"Name": "A", "Zip": "x" * 51}, 500),
        ({"Name": "x" * 251}, 500),
        ({"Name": "A", "Dear": "\U0001f600" * 126}, 500),
        ({"Name": "A", "Dear": "x\x00"}, 500),
        ({"Name": "  "}, 500),
        ({"Email": "a@b.example"}, 500),
        ([], 400),
    ],
)
def test_bad_body_is_refused_and_nothing_is_written(api: Client, body: Any, status: int) -> None:
    """Unknown columns and wrong types 400; lengths, keys and required columns 500; never cut to fit."""
    before = api.crm.dump()
    assert api.odata("POST", "Contact", body).status == status
    assert api.crm.dump() == before


@pytest.mark.parametrize(
    ("entity", "row"),
    [
        ("ContactCommunication", {"Number": "1"}),
        ("ContactCommunication", {"CommunicationTypeId": EMAIL}),
        ("ContactTag", {"TypeId": None, "Name": "x"}),
        ("ContactTag", {}),
        ("ContactInTag", {"EntityId": None}),
    ],
)
@pytest.mark.parametrize("status", [400, 500])
def test_missing_required_column_is_refused(
    api: Client, crm: CreatioSandbox, entity: str, row: dict[str, Any], status: int
) -> None:
    """Each object has its required columns; the status is a switch."""
    crm.profile.change({"validation_status": status})
    assert api.odata("POST", entity, row).status == status


@pytest.mark.parametrize("member", ["Account", "Account/Id", "Account@odata.bind"])
def test_navigation_in_a_body_is_ignored_and_the_link_stays_null(api: Client, crm: CreatioSandbox, member: str) -> None:
    """A success that did not do it."""
    account = crm.insert("Account", {"Name": "Acme"})
    row = api.post("Contact", {"Name": "Ann", member: {"Id": account} if member == "Account" else account})
    assert row["AccountId"] == ZERO


def test_patch_changes_only_what_it_names(api: Client, crm: CreatioSandbox, clock: Clock) -> None:
    """204 and a stamp by the user's contact."""
    user = crm.add_user("ann", "pw", contact_name="Ann User")
    contact = crm.insert("Contact", {"Name": "Bob Ray", "JobTitle": "Boss", "Notes": "<p>x</p>"})
    before = api.get("Contact", contact)
    clock.advance(60)
    api.login("ann", "pw")
    api.patch("Contact", contact, {"Dear": "Sir"})
    after = api.get("Contact", contact)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"Dear", "ModifiedOn", "ModifiedById"}
    assert after["ModifiedById"] == user.contact_id


@pytest.mark.parametrize("empty", [None, ZERO])
def test_null_and_the_zero_guid_clear_a_lookup(api: Client, crm: CreatioSandbox, empty: str | None) -> None:
    """Either way out of a link."""
    contact = crm.insert("Contact", {"Name": "A", "AccountId": crm.insert("Account", {"Name": "Acme"}), "Dear": "x"})
    api.patch("Contact", contact, {"AccountId": empty, "Dear": ""})
    row = api.get("Contact", contact)
    assert (row["AccountId"], row["Dear"]) == (ZERO, "")


@pytest.mark.parametrize("bumps", [False, True])
def test_patch_that_changes_nothing_follows_the_switch(
    api: Client, crm: CreatioSandbox, clock: Clock, bumps: bool
) -> None:
    """Normally no save happens at all."""
    crm.profile.noop_patch_bumps = bumps
    contact = crm.insert("Contact", {"Name": "Ann Lee", "Dear": "x"})
    before = api.get("Contact", contact)["ModifiedOn"]
    clock.advance(60)
    api.patch("Contact", contact, {"Dear": "x", "ModifiedOn": "2020-01-01T00:00:00Z"})
    assert (api.get("Contact", contact)["ModifiedOn"] != before) is bumps


def test_delete_takes_all_details_and_leaves_no_trace(api: Client, crm: CreatioSandbox) -> None:
    """Tags, communications, addresses, careers, anniversaries go; nothing tells that they were there."""
    before = crm.dump()
    contact = api.post(
        "Contact",
        {"Name": "A", "Email": "a@b.example", "JobTitle": "x", "BirthDate": "1980-05-01T00:00:00Z", "Zip": "1"},
    )["Id"]
    tag = crm.add_tag("Google")
    crm.tag(contact, tag)
    shared = crm.insert("Tag", {"Name": "New"})
    crm.insert("TagInRecord", {"TagId": shared, "RecordId": contact, "RecordSchemaName": "Contact"})
    api.delete("Contact", contact)
    api.delete("ContactTag", tag)
    api.delete("Tag", shared)
    assert crm.dump() == before
    assert api.odata("DELETE", f"Contact({contact})").status == 404


def test_delete_nulls_links_and_keeps_the_correspondence(api: Client, crm: CreatioSandbox) -> None:
    """What has no foreign key survives with an empty link; an account's contacts stay."""
    account = crm.insert("Account", {"Name": "Acme"})
    contact = crm.insert("Contact", {"Name": "A", "AccountId": account})
    row = crm.insert("ContactCorrespondence", {"ContactId": contact, "SourceContactId": "c1"})
    api.delete("Account", account)
    assert api.get("Contact", contact)["AccountId"] == ZERO
    api.delete("Contact", contact)
    assert api.get("ContactCorrespondence", row)["ContactId"] == ZERO


def test_contact_of_a_user_cannot_be_deleted(api: Client, crm: CreatioSandbox) -> None:
    """System users hold on to their contact."""
    user = crm.add_user("ann", "pw")
    assert api.odata("DELETE", f"Contact({user.contact_id})").status == 500


def test_system_objects_can_be_read_and_not_written(api: Client, crm: CreatioSandbox) -> None:
    """A user is looked up by name or by the e-mail of its contact."""
    user = crm.add_user("ann", "pw", email="ann@crm.example")
    for where in ("Name eq 'ann'", "Contact/Email eq 'ann@crm.example'"):
        rows = api.rows("SysAdminUnit", select="Id,Name,ContactId", filter=where)
        assert [row["ContactId"] for row in rows] == [user.contact_id]
    assert api.odata("POST", "SysAdminUnit", {"Name": "x"}).status == 403
    assert api.odata("DELETE", f"SysAdminUnit({user.id})").status == 403
    crm.profile.system_tables = False
    assert api.odata("GET", "SysAdminUnit").status == 403


def test_decimals_are_text_for_whoever_asks(api: Client, crm: CreatioSandbox) -> None:
    """IEEE754Compatible=true turns decimals into strings."""
    contact = crm.insert("Contact", {"Name": "A", "LeadConversionScore": 1.5})
    kind = "application/json;IEEE754Compatible=true"
    assert api.get("Contact", contact)["LeadConversionScore"] == 1.5
    reply = api.odata("GET", f"Contact({contact})", Accept=kind)
    assert reply.json()["LeadConversionScore"] == "1.5"


def test_sql_update_stamps_nothing(api: Client, crm: CreatioSandbox, clock: Clock) -> None:
    """A script in the database leaves ModifiedOn as it was."""
    contact = crm.insert("Contact", {"Name": "Ann Lee"})
    before = api.get("Contact", contact)
    clock.advance(5)
    crm.sql_update("Contact", contact, {"Dear": "x"})
    assert api.get("Contact", contact) == before | {"Dear": "x"}
