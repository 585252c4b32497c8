"""Three-way merge unit by unit, the default map, and what is kept exactly as it was."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.cli.demo.stage import ANNA, EMAIL, MOBILE, WORK
from syncd.sandbox.creatio.seed import ADDRESS_TYPES, COMMUNICATION_TYPES
from tests.e2e.conftest import Opener
from tests.e2e.world import World

BASIC = 'tag = "Google"\ngroup = "Creatio"\n'


# ------------------------------------------------------------------------------------------------- units


@pytest.mark.every_dress
def test_edits_of_different_units_both_survive(world: World) -> None:
    """The phone number changed on the phone, the e-mail in the CRM: both changes go across."""
    contact, resource = world.pair(email="ann@example.org", mobile="+12025550100", Notes="Met")
    world.phone.edit(resource, phoneNumbers=[{"value": "+12025550111", "type": "mobile"}])
    world.change_row(contact, "Email", "ann@new.example")
    assert world.synced()["conflicts"] == 0
    assert world.card(resource)["emails"] == world.row(contact)["emails"] == ["ann@new.example"]
    assert world.card(resource)["phones"] == [("+12025550111", "mobile")]
    assert [n for n, _ in world.row(contact)["phones"]] == ["+12025550111"]
    world.expect_silence()


def test_name_parts_travel_together(world: World) -> None:
    """Given name here and family name there are one unit: the later name wins whole, and none is patched together."""
    contact, resource = world.pair("Ann", "Smith")
    world.later()
    world.crm.patch("Contact", contact, {"Surname": "Smythe"}, "anna")
    world.later()
    world.phone.edit(resource, names=[{"givenName": "Anna", "familyName": "Smith"}])
    assert world.synced()["conflicts"] == 1
    assert world.row(contact)["name"] == world.card(resource)["name"] == "Anna Smith"
    found = world.crm.contact(contact)
    assert found is not None
    assert (found["GivenName"], found["Surname"]) == ("Anna", "Smith")


@pytest.mark.every_dress
def test_edited_element_keeps_its_row(world: World) -> None:
    """A number edited on the phone changes that row in the CRM; no row is added or removed."""
    contact, resource = world.pair(email="ann@example.org", mobile="+12025550100", work="+12025550101")
    row = world.number(contact, "Mobile phone")
    world.phone.edit(
        resource,
        phoneNumbers=[{"value": "+12025550101", "type": "work"}, {"value": "+12025550199", "type": "mobile"}],
    )
    world.sync()
    assert world.number(contact, "Mobile phone") == row
    assert sorted(n for n, _ in world.row(contact)["phones"]) == ["+12025550101", "+12025550199"]
    world.expect_silence()


def test_element_edited_on_both_sides_is_a_conflict(world: World) -> None:
    """Not two additions: one number wins, the other is in the history."""
    contact, resource = world.pair(mobile="+12025550100")
    world.later()
    world.change_row(contact, "Mobile phone", "+12025550111")
    world.later()
    world.phone.edit(resource, phoneNumbers=[{"value": "+12025550122", "type": "mobile"}])
    assert world.synced()["conflicts"] == 1
    assert [n for n, _ in world.row(contact)["phones"]] == ["+12025550122"]
    assert world.card(resource)["phones"] == [("+12025550122", "mobile")]
    world.expect_silence()


def test_additions_on_both_sides_are_both_kept(world: World) -> None:
    """A second e-mail here, a third there: all three on both sides."""
    contact, resource = world.pair(email="one@example.org")
    world.add_row(contact, EMAIL, "two@example.org", "anna")
    person = world.phone.contacts[resource]
    world.phone.edit(resource, emailAddresses=[*person["emailAddresses"], {"value": "three@example.org"}])
    world.sync()
    expected = ["one@example.org", "three@example.org", "two@example.org"]
    assert world.card(resource)["emails"] == world.row(contact)["emails"] == expected
    world.expect_silence()


def test_same_addition_on_both_sides_is_no_second_one(world: World) -> None:
    """Typed on both sides, in other spelling: one number."""
    contact, resource = world.pair(email="ann@example.org")
    world.add_row(contact, MOBILE, "+1 202 555 0100", "anna")
    world.phone.edit(resource, phoneNumbers=[{"value": "(202) 555-0100", "type": "mobile"}])
    world.sync()
    assert len(world.row(contact)["phones"]) == len(world.card(resource)["phones"]) == 1
    world.expect_silence()


@pytest.mark.parametrize("side", ["crm", "google"])
def test_removal_of_an_element_goes_across(world: World, side: str) -> None:
    """The work number is removed on one side, and goes on the other; the mobile stays."""
    contact, resource = world.pair(mobile="+12025550100", work="+12025550101")
    if side == "crm":
        world.crm.delete("ContactCommunication", world.number(contact, "Business phone"), "anna")
    else:
        world.phone.edit(resource, phoneNumbers=[{"value": "+12025550100", "type": "mobile"}])
    world.sync()
    assert [n for n, _ in world.row(contact)["phones"]] == ["+12025550100"]
    assert world.card(resource)["phones"] == [("+12025550100", "mobile")]
    world.expect_silence()


def test_new_label_is_a_change_of_an_attribute(world: World) -> None:
    """A number that became the work number changes its kind in the CRM, and is not made twice."""
    contact, resource = world.pair(mobile="+12025550100")
    world.phone.edit(resource, phoneNumbers=[{"value": "+12025550100", "type": "work"}])
    world.sync()
    assert [kind for _, kind in world.row(contact)["phones"]] == ["Business phone"]
    world.expect_silence()


@pytest.mark.parametrize("last", ["crm", "google"])
def test_conflict_by_record_lets_the_later_record_win_whole(open_world: Opener, last: str) -> None:
    """Creatio's own rule: the later-edited record wins whole, also where the other changed something else."""
    world = open_world(account_lines={"anna": BASIC + 'conflict = "record"'})
    contact, resource = world.pair(mobile="+12025550100", Notes="before")
    for side in ("google", "crm") if last == "crm" else ("crm", "google"):
        world.later()
        if side == "crm":
            world.crm.patch("Contact", contact, {"Notes": "by crm"}, "anna")
        else:
            world.phone.edit(resource, phoneNumbers=[{"value": "+12025550111", "type": "mobile"}])
    world.sync()
    notes, number = ("by crm", "+12025550100") if last == "crm" else ("before", "+12025550111")
    assert world.row(contact)["notes"] == world.card(resource)["notes"] == notes
    assert [n for n, _ in world.row(contact)["phones"]] == [number]
    assert world.card(resource)["phones"] == [(number, "mobile")]
    world.expect_silence()


# ------------------------------------------------------------------------------------------------- kept exactly


@pytest.mark.every_dress
def test_what_is_outside_the_map_is_preserved_exactly(world: World) -> None:
    """Foreign labels, relations, other groups and other apps' data survive an update that writes beside them."""
    friends = world.phone.create_group("Chess club")
    resource = world.google_contact(
        ANNA,
        "Bob",
        "Ray",
        emailAddresses=[{"value": "bob@example.org", "type": "Knitting club"}],
        relations=[{"person": "Sue", "type": "sister"}],
        events=[{"date": {"year": 2001, "month": 2, "day": 3}, "type": "anniversary"}],
        userDefined=[{"key": "Shoe size", "value": "44"}],
        clientData=[{"key": "other-app", "value": "42"}],
        nicknames=[{"value": "Bobby"}],
        sipAddresses=[{"value": "sip:bob@example.org"}],
    )
    world.phone.add_to_group(resource, friends)
    world.sync()
    before = world.phone.contacts[resource]
    contact = world.crm_of(resource)
    world.add_row(contact, MOBILE, "+12025550100", "anna")
    world.add_row(contact, EMAIL, "second@example.org", "anna")
    world.sync()
    after = world.phone.contacts[resource]
    assert len(world.card(resource)["phones"]) == 1
    for field in ("relations", "events", "userDefined", "nicknames", "sipAddresses"):
        assert after[field] == before[field]
    assert {c["key"]: c["value"] for c in after["clientData"]}["other-app"] == "42"
    assert {"value": "bob@example.org", "type": "Knitting club"}.items() <= min(
        after["emailAddresses"], key=lambda item: item["value"]
    ).items()
    assert friends in after["memberships"]
    world.expect_silence()


def test_unknown_rows_of_the_crm_are_preserved_and_never_sent(world: World) -> None:
    """An extension number and a type the operator made himself stay in the CRM alone."""
    own = world.crm.insert("CommunicationType", {"Name": "Pager", "UseforContacts": True})
    contact = world.crm_contact("Ann", "Smith", by="anna", mobile="+12025550100")
    world.add_row(contact, own, "555", "anna")
    world.add_row(contact, COMMUNICATION_TYPES["Extension phone"], "77", "anna")
    world.sync()
    resource = world.google_of(contact)
    assert world.card(resource)["phones"] == [("+12025550100", "mobile")]
    world.phone.edit(resource, phoneNumbers=[])
    world.sync()
    left = [r["Number"] for r in world.crm.children("ContactCommunication", "ContactId", contact)]
    assert sorted(left) == ["555", "77"]


def test_list_cut_at_a_hundred_is_read_whole(world: World) -> None:
    """A contact with more numbers than a list shows loses none when another field is written."""
    numbers = [{"value": f"+1202555{at:04}", "type": "other"} for at in range(130)]
    resource = world.google_contact(ANNA, "Call", "Centre", phoneNumbers=numbers)
    world.sync()
    contact = world.crm_of(resource)
    assert len(world.row(contact)["phones"]) == 130
    world.add_row(contact, WORK, "+12025559999", "anna")
    world.sync()
    assert len(world.card(resource)["phones"]) == 131
    world.expect_silence()


def test_owner_and_flags_are_written_once_and_never_again(world: World) -> None:
    """The owner of a created contact is the tag's owner; what the CRM's people change afterwards stays."""
    resource = world.google_contact(ANNA, "Bob", "Ray", email="bob@example.org")
    world.sync()
    contact = world.crm_of(resource)
    supervisor = world.crm.users["Supervisor"].contact_id
    world.crm.patch("Contact", contact, {"OwnerId": supervisor, "DoNotUseEmail": True}, "anna")
    world.phone.edit(resource, names=[{"givenName": "Robert", "familyName": "Ray"}])
    world.sync()
    found = world.crm.contact(contact)
    assert found is not None
    assert (found["Name"], found["OwnerId"], found["DoNotUseEmail"]) == ("Robert Ray", supervisor, True)


def test_owner_can_be_named_in_the_configuration(open_world: Opener) -> None:
    """`owner` overrides the tag's owner."""
    world = open_world(account_lines={"anna": BASIC + 'owner = "Supervisor"'})
    resource = world.google_contact(ANNA, "Bob", "Ray", email="bob@example.org")
    world.sync()
    assert world.row(world.crm_of(resource))["owner"] == world.crm.users["Supervisor"].contact_id


# ------------------------------------------------------------------------------------------------- lookups


@pytest.mark.every_dress
def test_company_of_one_account_is_linked(world: World) -> None:
    """Exactly one account of that folded name is linked; the department and the title go with it."""
    account = world.crm.insert("Account", {"Name": "Acme Ltd"})
    job = {"name": "ACME ltd", "title": "Clerk", "department": "Sales", "current": True}
    resource = world.google_contact(ANNA, "Bob", "Ray", organizations=[job])
    world.sync()
    contact = world.crm_of(resource)
    assert world.row(contact)["account"] == account
    assert world.row(contact)["title"] == "Clerk"
    assert world.card(resource)["job"] == ("ACME ltd", "Clerk", "Sales")
    world.expect_silence()


@pytest.mark.parametrize("accounts", [0, 2])
def test_company_without_its_one_account_stays_unplaced(world: World, accounts: int) -> None:
    """None, or two: the company stays in Google and is never taken for emptied, whatever else is edited."""
    for _ in range(accounts):
        world.crm.insert("Account", {"Name": "Acme"})
    resource = world.google_contact(ANNA, "Bob", "Ray", organizations=[{"name": "Acme", "title": "Clerk"}])
    world.sync()
    contact = world.crm_of(resource)
    assert not world.row(contact)["account"].strip("0-")
    world.crm.patch("Contact", contact, {"Notes": "Met"}, "anna")
    world.sync()
    assert world.card(resource)["job"][:2] == ("Acme", "Clerk")
    assert world.card(resource)["notes"] == "Met"
    world.expect_silence()


def test_unplaced_company_is_placed_when_its_account_appears(world: World) -> None:
    """The CRM gets the account later: the contact is linked with it at the next run, and it is quiet again."""
    resource = world.google_contact(ANNA, "Bob", "Ray", organizations=[{"name": "Acme"}])
    world.sync()
    contact = world.crm_of(resource)
    account = world.crm.insert("Account", {"Name": "Acme"}, "anna")
    world.sync()
    assert world.row(contact)["account"] == account
    assert world.card(resource)["job"][0] == "Acme"
    world.expect_silence()


def test_company_can_be_created(open_world: Opener) -> None:
    """`company = "create"` makes the account once."""
    world = open_world(account_lines={"anna": BASIC + 'company = "create"'})
    for name in ("Bob", "Ben"):
        world.google_contact(ANNA, name, "Ray", email=f"{name}@example.org", organizations=[{"name": "Acme"}])
    world.sync()
    made = [a["Id"] for a in world.crm.dump()["Account"] if a["Name"] == "Acme"]
    assert len(made) == 1
    assert {c["AccountId"] for c in world.tagged(ANNA).values()} == set(made)


def test_company_can_be_written_as_text(open_world: Opener) -> None:
    """`company = "text"` writes it to the column named."""
    world = open_world(account_lines={"anna": BASIC + 'company = "text"\ncompany_column = "UsrCompany"'})
    resource = world.google_contact(ANNA, "Bob", "Ray", organizations=[{"name": "Acme"}])
    world.sync()
    found = world.crm.contact(world.crm_of(resource))
    assert found is not None
    assert found["UsrCompany"] == "Acme"
    world.expect_silence()


def test_renamed_account_is_a_change_of_its_contacts_company(world: World) -> None:
    """The CRM's people rename the company: Google's contacts follow."""
    account = world.crm.insert("Account", {"Name": "Acme"})
    _contact, resource = world.pair(AccountId=account)
    assert world.card(resource)["job"][0] == "Acme"
    world.crm.patch("Account", account, {"Name": "Acme International"}, "anna")
    world.sync()
    assert world.card(resource)["job"][0] == "Acme International"


# ------------------------------------------------------------------------------------------------- values


def test_html_notes_survive(world: World) -> None:
    """HTML of equal text is no change and stays; an edit on the phone replaces the text."""
    contact, resource = world.pair(Notes="<p>Met in <b>Rome</b></p>")
    assert world.card(resource)["notes"] == "Met in Rome"
    world.phone.touch(resource)
    world.expect_silence()
    assert world.row(contact)["notes"] == "<p>Met in <b>Rome</b></p>"
    world.phone.edit(resource, biographies=[{"value": "Met in Paris"}])
    world.sync()
    assert "Met in Paris" in world.row(contact)["notes"]


@pytest.mark.parametrize(
    ("given", "family"),
    [("太郎", "山田"), ("Δημήτρης", "Παπαδόπουλος"), ("محمد", "علي"), ("🦊 Renée", "O'Brien-Ünal"), ("Ann", "")],
    ids=["japanese", "greek", "arabic", "emoji", "one-name"],
)
@pytest.mark.parametrize("first", ["crm", "google"])
def test_names_of_every_script_survive_both_directions(world: World, given: str, family: str, first: str) -> None:
    """Also right-to-left text and letters outside the basic plane."""
    if first == "crm":
        contact = world.crm_contact(given, family, by="anna", Notes=f"🎉 {given} \u200f{family}")
        world.sync()
        resource = world.google_of(contact)
    else:
        resource = world.google_contact(ANNA, given, family, biographies=[{"value": f"🎉 {given} \u200f{family}"}])
        world.sync()
        contact = world.crm_of(resource)
    found = world.crm.contact(contact)
    assert found is not None
    assert (found["GivenName"], found["Surname"]) == (given, family)
    assert world.card(resource)["name"] == f"{given} {family}".strip()
    assert world.row(contact)["notes"] == world.card(resource)["notes"]
    world.expect_silence()


@pytest.mark.parametrize(
    ("person", "name"),
    [
        ({"organizations": [{"name": "Acme"}]}, "Acme"),
        ({"emailAddresses": [{"value": "info@example.org"}]}, "info@example.org"),
        ({"phoneNumbers": [{"value": "+12025550100"}]}, "+12025550100"),
    ],
    ids=["company", "email", "phone"],
)
def test_nameless_contact_borrows_a_name_in_the_crm_alone(world: World, person: dict[str, object], name: str) -> None:
    """The CRM needs a name; the borrowed one is never sent back."""
    resource = world.phone.create(person)
    world.phone.add_to_group(resource, world.group(ANNA))
    world.sync()
    assert world.tag_names() == [name]
    world.expect_silence()
    assert world.card(resource)["name"] == ""
    world.phone.edit(resource, names=[{"givenName": "Ann", "familyName": "Smith"}])
    world.sync()
    assert world.tag_names() == ["Ann Smith"]
    world.expect_silence()


ROWS = {
    "Mobile phone": ("phoneNumbers", "mobile", "+12025550100"),
    "Business phone": ("phoneNumbers", "work", "+12025550101"),
    "Home phone": ("phoneNumbers", "home", "+12025550102"),
    "Other phone": ("phoneNumbers", "other", "+12025550103"),
    "Fax": ("phoneNumbers", "workFax", "+12025550104"),
    "Email": ("emailAddresses", "", "ann@example.org"),
    "Web": ("urls", "", "https://example.org/ann"),
}


@pytest.mark.every_dress
def test_default_map_of_rows_from_the_crm(world: World) -> None:
    """Every kind of row arrives under its own type; Skype becomes an IM address, social rows become links."""
    contact = world.crm_contact("Ann", "Smith", by="anna")
    social = {"Skype": "ann.skype", "LinkedIn": "https://linkedin.com/in/ann"}
    for kind, number in {**{k: v[2] for k, v in ROWS.items()}, **social}.items():
        world.add_row(contact, COMMUNICATION_TYPES[kind], number, "anna")
    world.sync()
    person = world.phone.contacts[world.google_of(contact)]
    for field, label, value in ROWS.values():
        items = [i for i in person[field] if i["value"] == value]
        assert [i.get("type", "") for i in items if label] == ([label] if label else [])
        assert items
    assert [(i["username"], i["protocol"]) for i in person["imClients"]] == [("ann.skype", "skype")]
    assert "https://linkedin.com/in/ann" in {i["value"] for i in person["urls"]}
    world.expect_silence()


@pytest.mark.every_dress
def test_default_map_of_rows_from_google(world: World) -> None:
    """The same the other way round."""
    person: dict[str, Any] = {}
    for field, label, value in ROWS.values():
        person.setdefault(field, []).append({"value": value, "type": label} if label else {"value": value})
    im = [{"username": "ann.skype", "protocol": "skype"}]
    resource = world.google_contact(ANNA, "Ann", "Smith", imClients=im, **person)
    world.sync()
    contact = world.crm_of(resource)
    rows = world.crm.children("ContactCommunication", "ContactId", contact)
    kinds = {COMMUNICATION_TYPES[k]: v[2] for k, v in ROWS.items()} | {COMMUNICATION_TYPES["Skype"]: "ann.skype"}
    assert {r["CommunicationTypeId"]: r["Number"] for r in rows} == kinds
    world.expect_silence()


@pytest.mark.every_dress
def test_default_map_of_columns_and_addresses(world: World) -> None:
    """Middle name, title, birthday, notes and addresses, from the CRM and then edited from Google."""
    contact = world.crm_contact(
        "Ann", "Smith", by="anna", MiddleName="Beth", Name="Ann Beth Smith", JobTitle="Clerk", Notes="Met"
    )
    world.crm.patch("Contact", contact, {"BirthDate": "1980-05-06T00:00:00Z"}, "anna")
    for kind, street in (("Business", "1 High St"), ("Home", "2 Low St"), ("Shipping", "3 Dock")):
        row = {"ContactId": contact, "AddressTypeId": ADDRESS_TYPES[kind], "Address": street}
        world.crm.insert("ContactAddress", row, "anna")
    world.sync()
    resource = world.google_of(contact)
    card = world.card(resource)
    assert (card["name"], card["job"][1], card["notes"]) == ("Ann Beth Smith", "Clerk", "Met")
    assert card["birthday"] == {"year": 1980, "month": 5, "day": 6}
    assert [(kind, street) for kind, street, _ in card["addresses"]] == [
        ("home", "2 Low St"), ("other", "3 Dock"), ("work", "1 High St"),
    ]  # fmt: skip
    addresses = [
        {"type": "work", "streetAddress": "1 High Street", "city": "London", "country": "United Kingdom"},
        {"type": "other", "streetAddress": "3 Dock"},
    ]
    world.phone.edit(resource, addresses=addresses, birthdays=[{"date": {"year": 1981, "month": 5, "day": 6}}])
    world.sync()
    streets = {(ADDRESS_TYPES["Business"], "1 High Street"), (ADDRESS_TYPES["Shipping"], "3 Dock")}
    assert set(world.row(contact)["addresses"]) == streets
    assert str(world.row(contact)["birthday"]).startswith("1981-05-06")
    world.expect_silence()


# ------------------------------------------------------------------------------------------------- configured maps


def _mapped(**row: str) -> dict[str, str]:
    lines = "\n".join(f'{key} = "{value}"' for key, value in row.items())
    return {"anna": f'{BASIC}[[account.anna.map]]\ncrm = "UsrLoyalty"\ngoogle = "userDefined:Loyalty"\n{lines}'}


def _loyalty(world: World, contact: str, resource: str) -> tuple[str, str]:
    found = world.crm.contact(contact)
    assert found is not None
    entries = {u["key"]: u["value"] for u in world.phone.contacts[resource].get("userDefined", ())}
    return found["UsrLoyalty"], entries.get("Loyalty", "")


@pytest.mark.parametrize(
    ("direction", "after_crm", "after_google"),
    [
        ("both", ("silver", "silver"), ("gold", "gold")),
        ("to_google", ("silver", "silver"), ("silver", "gold")),
        ("to_crm", ("silver", "bronze"), ("gold", "gold")),
        ("first_time", ("silver", "bronze"), ("silver", "gold")),
    ],
)
def test_mapped_column_goes_the_way_its_row_says(
    open_world: Opener, direction: str, after_crm: tuple[str, str], after_google: tuple[str, str]
) -> None:
    """A custom column and a `userDefined` entry: born equal, then edited in the CRM, then in Google."""
    world = open_world(account_lines=_mapped(direction=direction))
    if direction == "to_crm":
        entry = [{"key": "Loyalty", "value": "bronze"}]
        resource = world.google_contact(ANNA, "Ann", "Smith", email="ann@example.org", userDefined=entry)
        world.sync()
        contact = world.crm_of(resource)
    else:
        contact, resource = world.pair(email="ann@example.org", UsrLoyalty="bronze")
    assert _loyalty(world, contact, resource) == ("bronze", "bronze")
    world.crm.patch("Contact", contact, {"UsrLoyalty": "silver"}, "anna")
    world.sync()
    assert (
        _loyalty(world, contact, resource)[0 if direction == "to_google" else 1]
        == after_crm[0 if direction == "to_google" else 1]
    )
    world.later()
    entry = [{"key": "Shoe size", "value": "44"}, {"key": "Loyalty", "value": "gold"}]
    world.phone.edit(resource, userDefined=entry)
    world.sync()
    said = _loyalty(world, contact, resource)
    assert said[0] == after_google[0]
    if direction in ("both", "to_crm", "first_time"):
        assert said[1] == after_google[1]
    entries = {u["key"]: u["value"] for u in world.phone.contacts[resource]["userDefined"]}
    assert entries["Shoe size"] == "44"
    world.expect_silence()


def test_fill_empty_never_replaces(open_world: Opener) -> None:
    """`rule = "fill_empty"` fills an empty column once and leaves a value alone."""
    world = open_world(account_lines=_mapped(direction="to_crm", rule="fill_empty"))
    entry = [{"key": "Loyalty", "value": "gold"}]
    resource = world.google_contact(ANNA, "Ann", "Smith", email="ann@example.org", userDefined=entry)
    world.sync()
    contact = world.crm_of(resource)
    assert _loyalty(world, contact, resource)[0] == "gold"
    world.phone.edit(resource, userDefined=[{"key": "Loyalty", "value": "silver"}])
    world.sync()
    assert _loyalty(world, contact, resource) == ("gold", "silver")


@pytest.mark.parametrize("direction", ["to_google", "to_crm"])
def test_account_can_be_one_way(open_world: Opener, direction: str) -> None:
    """A one-way account writes to one side alone, values as well as memberships."""
    world = open_world(account_lines={"anna": f'{BASIC}direction = "{direction}"'})
    world.crm_contact("Ann", "Crm", by="anna", email="crm@example.org")
    world.google_contact(ANNA, "Ann", "Google", email="google@example.org")
    with world.watched() as traffic:
        world.sync()
    if direction == "to_google":
        assert world.members() == ["Ann Crm", "Ann Google"]
        assert world.in_crm() == ["Ann Crm"]
        assert not [k for k in traffic.writes if k.startswith(("POST C", "$batch POST"))]
    else:
        assert world.members() == ["Ann Google"]
        assert world.in_crm() == ["Ann Crm", "Ann Google"]
    world.expect_silence()
