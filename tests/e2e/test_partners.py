"""How newcomers find their partner, so that nothing is ever made twice, and what happens when they cannot."""

from __future__ import annotations

import pytest

from syncd.cli.demo.stage import ANNA, BEN, MOBILE
from tests.e2e.conftest import Opener
from tests.e2e.world import World

BOTH = (ANNA, BEN)


def test_lost_state_finds_every_contact_by_its_marker(world: World) -> None:
    """Without its state syncd knows its own Google contacts again, whatever was edited since."""
    made = world.pairs(3)
    for at, (_contact, resource) in enumerate(made):
        world.phone.edit(
            resource, names=[{"givenName": f"New{at}"}], emailAddresses=[{"value": f"new{at}@example.net"}]
        )
    world.stop_daemon()
    for path in world.folder.glob("syncd.db*"):
        path.unlink()
    with world.watched() as traffic:
        world.begin()
        world.sync()
    assert not {"people.batchCreateContacts", "people.createContact"} & traffic.google.keys()
    assert len(world.people()) == len(world.in_crm()) == 3
    assert [world.google_of(contact) for contact, _ in made] == [resource for _, resource in made]


def test_former_builtin_sync_is_believed_of_a_crm_newcomer(open_world: Opener) -> None:
    """Creatio's old sync noted which Google contact it made for whom: that is the partner, though nothing is alike."""
    world = open_world(start=False)
    contact = world.crm_contact("Ann", "Smith", by="anna", email="ann@example.org")
    resource = world.google_contact(ANNA, "Annie", "Jones", grouped=False, email="private@example.net")
    source = world.phone.contacts[resource]["id"]
    world.crm.insert("ContactCorrespondence", {"ContactId": contact, "SourceContactId": source}, "anna")
    world.begin()
    assert world.google_of(contact) == resource
    assert len(world.people()) == 1


def test_former_builtin_sync_is_believed_of_a_google_newcomer(open_world: Opener) -> None:
    """The same for a contact that is moved into the group."""
    world = open_world(start=False)
    contact = world.crm_contact("Ann", "Smith", by="anna", email="ann@example.org", tag=False)
    resource = world.google_contact(ANNA, "Annie", "Jones", grouped=False, email="private@example.net")
    source = world.phone.contacts[resource]["id"]
    world.crm.insert("ContactCorrespondence", {"ContactId": contact, "SourceContactId": source}, "anna")
    world.begin()
    world.phone.add_to_group(resource, world.group(ANNA))
    world.sync()
    assert world.crm_of(resource) == contact
    assert len(world.in_crm()) == 1


@pytest.mark.every_dress
@pytest.mark.parametrize("first", ["crm", "google"])
def test_equal_email_and_compatible_name_is_the_partner(world: World, first: str) -> None:
    """A partner outside the scope is linked and brought into it, whichever side the newcomer is on."""
    contact = world.crm_contact("José", "García López", by="anna", email="jose@example.org", tag=first == "crm")
    resource = world.google_contact(ANNA, "Jose", "Garcia Lopez", grouped=first == "google", email="JOSE@Example.org")
    world.sync()
    assert world.google_of(contact) == resource
    assert len(world.people()) == len(world.in_crm()) == 1
    assert len(world.members()) == len(world.tag_names()) == 1
    world.expect_silence()


@pytest.mark.parametrize(
    ("given", "family"), [("J.", "García"), ("GARCÍA", "José"), ("José", "garcia"), ("", "")], ids=str
)
def test_names_are_compatible_across_case_accents_order_and_initials(world: World, given: str, family: str) -> None:
    """Names that can be one person's are no obstacle to an equal e-mail."""
    contact = world.crm_contact("José", "García", by="anna", email="jose@example.org")
    resource = world.google_contact(ANNA, given, family, grouped=False, email="jose@example.org")
    world.sync()
    assert world.google_of(contact) == resource


def test_equal_phone_and_compatible_name_is_the_partner(world: World) -> None:
    """Numbers are compared as E.164 with the account's region."""
    contact = world.crm_contact("Ann", "Smith", by="anna", mobile="202-555-0100")
    resource = world.google_contact(ANNA, "Ann", "Smith", grouped=False, mobile="+1 (202) 555 0100")
    world.sync()
    assert world.google_of(contact) == resource
    assert len(world.people()) == 1


def test_equal_phone_of_somebody_else_is_no_partner(world: World) -> None:
    """A shared number (a switchboard) with another name is another person."""
    world.crm_contact("Ann", "Smith", by="anna", mobile="202-555-0100")
    world.google_contact(ANNA, "Zoe", "Young", grouped=False, mobile="+12025550100")
    world.sync()
    assert world.people() == ["Ann Smith", "Zoe Young"]
    assert world.members() == ["Ann Smith"]


def test_equal_name_and_company_is_the_partner(world: World) -> None:
    """Without e-mail and phone, full name and company together are enough."""
    account = world.crm.insert("Account", {"Name": "Acme Ltd"})
    contact = world.crm_contact("Ann", "Smith", by="anna", AccountId=account)
    resource = world.google_contact(ANNA, "Ann", "Smith", grouped=False, organizations=[{"name": "Acme Ltd"}])
    world.sync()
    assert world.google_of(contact) == resource


def test_equal_name_alone_is_no_partner(world: World) -> None:
    """Two people may bear one name."""
    world.crm_contact("Ann", "Smith", by="anna", email="ann@example.org")
    world.google_contact(ANNA, "Ann", "Smith", grouped=False, email="other@example.net")
    world.sync()
    assert world.people() == ["Ann Smith", "Ann Smith"]
    assert world.members() == ["Ann Smith"]


@pytest.mark.parametrize("first", ["crm", "google"])
def test_equal_email_with_another_name_is_held(world: World, first: str) -> None:
    """info@firm of two people: the newcomer waits for a person, and nothing is made or linked."""
    contact = world.crm_contact("Ann", "Smith", by="anna", email="info@example.org", tag=first == "crm")
    resource = world.google_contact(ANNA, "Zoe", "Young", grouped=first == "google", email="info@example.org")
    assert world.synced()["held"] == 1
    held = world.holds()
    assert [h["reason"] for h in held] == ["same_email_other_name"]
    assert len(held[0]["candidates"]) == 1
    assert len(world.people()) == len(world.in_crm()) == 1
    world.expect_silence()
    assert resource in world.phone.contacts
    assert world.crm.contact(contact) is not None


def test_held_newcomer_is_made_when_a_person_says_so(world: World) -> None:
    """`resolve --create` makes the contact on the other side."""
    world.crm_contact("Ann", "Smith", by="anna", email="info@example.org")
    world.google_contact(ANNA, "Zoe", "Young", grouped=False, email="info@example.org")
    world.sync()
    world.resolve(world.holds()[0]["subject"], create=True)
    world.sync()
    assert world.people() == ["Ann Smith", "Zoe Young"]
    assert world.members() == ["Ann Smith"]
    assert world.holds() == []
    world.expect_silence()


def test_held_newcomer_is_linked_when_a_person_says_so(world: World) -> None:
    """`resolve --link` joins it with the candidate, which comes into scope."""
    contact = world.crm_contact("Ann", "Smith", by="anna", email="info@example.org")
    resource = world.google_contact(ANNA, "Zoe", "Young", grouped=False, email="info@example.org")
    world.sync()
    held = world.holds()[0]
    world.resolve(held["subject"], link=held["candidates"][0])
    world.sync()
    assert world.google_of(contact) == resource
    assert world.people() == world.members() == ["Ann Smith"]
    assert world.holds() == []


def test_several_candidates_are_held(world: World) -> None:
    """Two Google contacts could be the one: nothing is guessed."""
    world.crm_contact("Ann", "Smith", by="anna", email="ann@example.org")
    for _ in range(2):
        world.google_contact(ANNA, "Ann", "Smith", grouped=False, email="ann@example.org")
    assert world.synced()["held"] == 1
    held = world.holds()[0]
    assert held["reason"] == "several_candidates"
    assert len(held["candidates"]) == 2
    assert world.members() == []
    assert len(world.people()) == 2


def test_two_newcomers_claiming_one_record_are_held(world: World) -> None:
    """Two CRM contacts of one e-mail and one Google contact: none of them is linked by chance."""
    world.google_contact(ANNA, "Ann", "Smith", grouped=False, email="ann@example.org")
    for _ in range(2):
        world.crm_contact("Ann", "Smith", by="anna", email="ann@example.org")
    assert world.synced()["held"] >= 2
    assert {h["reason"] for h in world.holds()} == {"claimed_twice"}
    assert len(world.people()) == 1
    assert world.members() == []


def test_duplicate_emails_of_two_newcomers_are_held(world: World) -> None:
    """Two new contacts that look like one person are not made twice on the other side."""
    for _ in range(2):
        world.crm_contact("Ann", "Smith", by="anna", email="ann@example.org")
    world.crm_contact("Zoe", "Young", by="anna", email="zoe@example.org")
    assert world.synced()["held"] == 2
    assert world.people() == ["Zoe Young"]
    assert {h["reason"] for h in world.holds()} == {"shared_key"}


def test_first_link_unites_lists_and_fills_what_is_empty(world: World) -> None:
    """Merging two records without a base loses nothing: lists unite, empty yields."""
    contact = world.crm_contact("Ann", "Smith", by="anna", email="ann@example.org", mobile="+12025550100", Notes="Met")
    resource = world.google_contact(
        ANNA,
        "Ann",
        "Smith",
        email="ann@example.org",
        phoneNumbers=[{"value": "+12025550199", "type": "work"}],
        birthdays=[{"date": {"year": 1980, "month": 5, "day": 6}}],
    )
    world.sync()
    assert world.card(resource)["phones"] == [("+12025550100", "mobile"), ("+12025550199", "work")]
    assert world.card(resource)["notes"] == "Met"
    row = world.row(contact)
    assert [kind for _n, kind in row["phones"]] == ["Mobile phone", "Business phone"]
    assert row["birthday"].startswith("1980-05-06")
    assert row["emails"] == ["ann@example.org"]
    world.expect_silence()


@pytest.mark.parametrize(
    ("lines", "wins"),
    [("", "crm"), ('first_link = "google"', "google"), ('first_link = "later"', "google")],
    ids=["default", "google", "later"],
)
def test_of_two_different_values_the_first_link_rule_decides(open_world: Opener, lines: str, wins: str) -> None:
    """By default the CRM's value stays; the other is in the history and counted as a conflict."""
    base = f'tag = "Google"\ngroup = "Creatio"\n{lines}'
    world = open_world(account_lines={"anna": base})
    contact = world.crm_contact("Ann", "Smith", by="anna", email="ann@example.org", Notes="from the CRM")
    world.later()
    biographies = [{"value": "from the phone"}]
    resource = world.google_contact(ANNA, "Ann", "Smith", email="ann@example.org", biographies=biographies)
    report = world.synced()
    expected = {"crm": "from the CRM", "google": "from the phone"}[wins]
    assert world.row(contact)["notes"] == world.card(resource)["notes"] == expected
    assert report["conflicts"] == 1
    assert world.query("select count(*) from history where field = 'notes' and kind = 'conflict'") == [(1,)]
    world.expect_silence()


@pytest.mark.every_dress
def test_two_users_bringing_one_person_make_one_crm_contact(open_world: Opener) -> None:
    """Both phones have the person: the CRM gets one contact, with two tags."""
    world = open_world(players=BOTH)
    for player in BOTH:
        world.google_contact(player, "Zoe", "Young", email="zoe@example.org")
    world.sync("anna", "ben")
    world.sync("anna", "ben")
    assert world.in_crm() == ["Zoe Young"]
    assert world.tag_names(ANNA) == world.tag_names(BEN) == ["Zoe Young"]
    world.expect_silence("anna", "ben")


def test_two_users_share_one_crm_contact(open_world: Opener) -> None:
    """An edit on one phone reaches the CRM and, through it, the other phone."""
    world = open_world(players=BOTH)
    contact = world.crm_contact("Ann", "Smith", by="anna", mobile="+12025550100")
    world.crm.tag(contact, world.tags["ben"], "ben")
    world.sync("anna", "ben")
    mine, theirs = world.google_of(contact, ANNA), world.google_of(contact, BEN)
    world.phone.edit(mine, phoneNumbers=[{"value": "+12025550111", "type": "mobile"}])
    world.sync("anna", "ben")
    world.sync("anna", "ben")
    assert [n for n, _ in world.row(contact)["phones"]] == ["+12025550111"]
    assert world.card(theirs, BEN)["phones"] == [("+12025550111", "mobile")]
    world.expect_silence("anna", "ben")


def test_leaving_of_one_user_does_not_concern_the_other(open_world: Opener) -> None:
    """Ben ungroups a shared contact: his tag goes, Anna's stays, and so do both Google contacts."""
    world = open_world(players=BOTH)
    contact = world.crm_contact("Ann", "Smith", by="anna", mobile="+12025550100")
    world.crm.tag(contact, world.tags["ben"], "ben")
    world.sync("anna", "ben")
    world.google.user(BEN.email).remove_from_group(world.google_of(contact, BEN), world.group(BEN))
    world.sync("anna", "ben")
    assert (world.tag_names(ANNA), world.tag_names(BEN)) == (["Ann Smith"], [])
    assert world.members(ANNA) == ["Ann Smith"]


def test_once_linked_a_new_email_breaks_nothing(world: World) -> None:
    """Only ids count: new e-mails and names on both sides do not make a second contact."""
    contact, resource = world.pair(email="ann@example.org", mobile="+12025550100")
    world.change_row(contact, "Email", "ann@new.example")
    world.phone.edit(resource, names=[{"givenName": "Anna", "familyName": "Miller"}])
    world.sync()
    assert world.people() == world.in_crm() == ["Anna Miller"]
    assert world.card(resource)["emails"] == ["ann@new.example"]
    world.expect_silence()


def test_matching_does_not_depend_on_the_collation(open_world: Opener) -> None:
    """On a server whose database minds case an e-mail in capitals is found all the same."""
    world = open_world(start=False)
    world.crm.profile.collation = "cs"
    world.begin()
    contact = world.crm_contact("Ann", "Smith", by="anna", tag=False, email="Ann.SMITH@Example.ORG")
    world.google_contact(ANNA, "ann", "smith", email="ann.smith@example.org")
    world.sync()
    assert world.in_crm() == ["Ann Smith"]
    assert world.crm_of(next(iter(world.grouped(ANNA)))) == contact


def test_partner_whose_contact_changed_since_is_found(world: World) -> None:
    """Keys of all CRM contacts are kept fresh by the change readings: an e-mail typed later is found."""
    contact = world.crm_contact("Ann", "Smith", by="anna", tag=False)
    world.sync()
    world.add_row(contact, MOBILE, "+12025550100", "anna")
    world.sync()
    resource = world.google_contact(ANNA, "Ann", "Smith", mobile="202 555 0100")
    world.sync()
    assert world.crm_of(resource) == contact
    assert world.in_crm() == ["Ann Smith"]


def test_reviewed_first_sync_waits_for_approval(open_world: Opener) -> None:
    """`first_sync = "review"`: the first plan is shown and held, and goes once it is approved."""
    lines = {"anna": 'tag = "Google"\ngroup = "Creatio"\nfirst_sync = "review"'}
    world = open_world(settled=False, account_lines=lines)
    world.crm_contact("Ann", "Smith", by="anna", email="ann@example.org")
    with world.watched() as traffic:
        report = world.run()
    assert report["outcome"] == "held"
    assert set(traffic.writes) <= {"contactGroups.create"}
    assert world.syncd("plan", "anna").returncode == 0
    assert "Ann Smith" in world.syncd("plan", "anna").stdout
    world.approve()
    world.sync()
    assert world.members() == ["Ann Smith"]
