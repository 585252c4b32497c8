"""What is in scope: tags and groups, how they are found, made and followed."""

from __future__ import annotations

import pytest

from syncd.cli.demo.stage import ANNA
from tests.e2e.conftest import Opener
from tests.e2e.world import World


@pytest.mark.every_dress
def test_first_run_makes_the_group_and_fills_it(open_world: Opener) -> None:
    """On the first run the group appears, and tagged CRM contacts in it and in My Contacts."""
    world = open_world(settled=False)
    contact = world.crm_contact("Ann", "Smith", by="anna", email="ann@example.org", mobile="+12025550100")
    world.crm_contact("Not", "Tagged", by="anna", tag=False)
    world.sync()
    resource = world.google_of(contact)
    assert world.members() == world.people() == ["Ann Smith"]
    assert "contactGroups/myContacts" in world.phone.contacts[resource]["memberships"]
    assert world.card(resource)["phones"] == [("+12025550100", "mobile")]
    assert world.card(resource)["emails"] == ["ann@example.org"]
    world.expect_silence()


@pytest.mark.every_dress
def test_contact_moved_into_the_group_comes_into_the_crm_with_the_tag(world: World) -> None:
    """A contact moved into the group comes into the CRM under the tag, owned by the tag's owner."""
    resource = world.google_contact(ANNA, "Bob", "Ray", email="bob@example.org", mobile="(202) 555-0111")
    world.sync()
    contact = world.crm_of(resource)
    assert world.tag_names() == world.in_crm() == ["Bob Ray"]
    assert world.row(contact)["owner"] == world.crm.users["anna"].contact_id
    assert world.row(contact)["emails"] == ["bob@example.org"]
    assert [kind for _number, kind in world.row(contact)["phones"]] == ["Mobile phone"]
    world.expect_silence()


def test_group_of_that_name_is_used_when_there_is_one(open_world: Opener) -> None:
    """A group the user already has is taken, with its members; no second one is made."""
    world = open_world(start=False)
    world.phone.create_group("Creatio")
    world.google_contact(ANNA, "Bob", "Ray", email="bob@example.org")
    world.begin()
    world.sync()
    assert [g["name"] for g in world.phone.groups.values()].count("Creatio") == 1
    assert world.tag_names() == ["Bob Ray"]


def test_missing_tag_is_made_when_the_login_owns_it(open_world: Opener) -> None:
    """The login's own missing tag is made, for it is visible to its maker."""
    lines = {"anna": 'tag = "Phone book"\ngroup = "Creatio"'}
    world = open_world(settled=False, tag_owners={"anna": ""}, account_lines=lines)
    world.sync()
    tags = {t["Name"]: t for t in world.crm.dump()["ContactTag"]}
    assert tags["Phone book"]["CreatedById"] == world.crm.users["syncd"].contact_id


def test_missing_tag_of_another_user_needs_a_person(open_world: Opener) -> None:
    """A private tag made by the login would be invisible to its user: the message names the tag and who makes it."""
    lines = {"anna": 'tag = "Phone book"\ngroup = "Creatio"'}
    world = open_world(settled=False, account_lines=lines)
    report = world.run()
    assert report["outcome"] == "failed"
    assert report["reason"] == "tag_missing"
    assert "Phone book" in report["message"]
    assert "Anna Lee" in report["message"]
    assert "Phone book" not in {t["Name"] for t in world.crm.dump()["ContactTag"]}
    world.crm.add_tag("Phone book", "anna")
    world.sync()


def test_renaming_tag_and_group_changes_nothing(world: World) -> None:
    """Both are followed by id: a rename is silent, and the sync goes on under the new names."""
    world.pair()
    world.phone.rename_group(world.group(ANNA), "Work people")
    world.crm.patch("ContactTag", world.tags["anna"], {"Name": "Renamed"}, "anna")
    world.expect_silence()
    world.crm_contact("Bob", "Ray", by="anna", email="bob@example.org")
    world.sync()
    assert sorted(world.card(r)["name"] for r in world.grouped(ANNA, "Work people")) == ["Ann Smith", "Bob Ray"]
    assert world.phone.group_named("Creatio") is None


@pytest.mark.parametrize("kind", ["corporate", "public"])
def test_shared_tags_of_the_same_name_never_match(open_world: Opener, kind: str) -> None:
    """Only the private tag counts, not a corporate or public one of the same name."""
    world = open_world(start=False)
    world.crm.add_tag("Google", None, kind)
    shared = world.crm.add_tag("Google", None, kind)
    stranger = world.crm_contact("Not", "Mine", by="anna", tag=False)
    world.crm.tag(stranger, shared)
    world.crm_contact("Ann", "Smith", by="anna")
    world.begin(settled=False)
    world.sync()
    assert world.people() == ["Ann Smith"]


def test_private_tag_of_another_user_never_matches(open_world: Opener) -> None:
    """Ben's private tag of the same name is Ben's."""
    world = open_world(start=False)
    world.crm.add_user("carl", "password", contact_name="Carl Fox")
    theirs = world.crm.add_tag("Google", "carl")
    world.crm.tag(world.crm_contact("Not", "Mine", by="carl", tag=False), theirs, "carl")
    world.begin(settled=False)
    world.sync()
    assert world.people() == []


def test_contacts_outside_the_scope_are_left_alone(world: World) -> None:
    """Neither untagged CRM contacts nor ungrouped Google contacts nor "other contacts" are written or copied."""
    world.pair()
    outside = world.google_contact(ANNA, "Ute", "Ungrouped", grouped=False, email="ute@example.org")
    world.phone.add_other({"names": [{"givenName": "Otto"}], "emailAddresses": [{"value": "otto@example.org"}]})
    untagged = world.crm_contact("Uwe", "Untagged", by="anna", tag=False, email="uwe@example.org")
    before = world.phone.contacts[outside], world.crm.contact(untagged)
    world.expect_silence()
    world.phone.edit(outside, names=[{"givenName": "Ute", "familyName": "Other"}])
    world.crm.patch("Contact", untagged, {"JobTitle": "Clerk"}, "anna")
    world.expect_silence()
    assert before[1] is not None
    assert world.members() == world.tag_names() == ["Ann Smith"]
    assert world.in_crm() == ["Ann Smith", "Uwe Untagged"]


def test_two_pairs_of_tag_and_group_are_kept_apart(open_world: Opener) -> None:
    """Each pair has its own members; one contact may be in both."""
    pairs = 'pairs = [{ tag = "Google", group = "Creatio" }, { tag = "VIP", group = "Very important" }]'
    world = open_world(start=False, account_lines={"anna": pairs})
    vip = world.crm.add_tag("VIP", "anna")
    one, both = world.crm_contact("Ann", "One", by="anna"), world.crm_contact("Ben", "Both", by="anna")
    world.crm.tag(both, vip, "anna")
    world.begin()
    assert sorted(world.card(r)["name"] for r in world.grouped(ANNA, "Very important")) == ["Ben Both"]
    assert world.members() == ["Ann One", "Ben Both"]
    world.phone.add_to_group(world.google_of(one), world.group(ANNA, "Very important"))
    world.phone.remove_from_group(world.google_of(both), world.group(ANNA))
    world.sync()
    assert world.tag_names() == ["Ann One"]
    found = world.crm.contact(one), world.crm.contact(both)
    assert [c and vip in c["tags"] for c in found] == [True, True]


def test_tag_put_on_twice_is_taken_off_whole(world: World) -> None:
    """A contact with two rows of one tag is one member, and leaves with both rows."""
    contact, resource = world.pair()
    world.crm.tag(contact, world.tags["anna"], "anna")
    world.expect_silence()
    world.phone.remove_from_group(resource, world.group(ANNA))
    world.sync()
    assert world.tag_names() == []
