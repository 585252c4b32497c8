"""Leaving the scope and coming back. No contact is ever deleted."""

from __future__ import annotations

import pytest

from syncd.cli.demo.stage import ANNA
from tests.e2e.world import World

MY_CONTACTS = "contactGroups/myContacts"


@pytest.mark.every_dress
@pytest.mark.parametrize("how", ["delete", "ungroup"])
def test_leaving_in_google_takes_the_tag_off(world: World, how: str) -> None:
    """Deleted in Google or taken out of the group: the tag goes, the CRM record stays as it was."""
    contact, resource = world.pair(email="ann@example.org", mobile="+12025550100")
    before = world.row(contact)
    if how == "delete":
        world.phone.delete(resource)
    else:
        world.phone.remove_from_group(resource, world.group(ANNA))
    assert world.synced()["crm"]["untagged"] == 1
    assert world.tag_names() == []
    assert world.row(contact) == before
    world.expect_silence()


@pytest.mark.every_dress
@pytest.mark.parametrize("how", ["delete", "untag"])
def test_leaving_in_the_crm_takes_the_contact_out_of_the_group(world: World, how: str) -> None:
    """Deleted or untagged in the CRM: out of the group, and the Google contact stays in My Contacts."""
    contact, resource = world.pair(email="ann@example.org", mobile="+12025550100")
    before = world.card(resource)
    if how == "delete":
        world.crm.delete("Contact", contact, "anna")
    else:
        world.crm.untag(contact, world.tags["anna"], "anna")
    assert world.synced()["google"]["ungrouped"] == 1
    assert world.card(resource) == before
    assert world.phone.contacts[resource]["memberships"] == [MY_CONTACTS]
    world.expect_silence()


def test_no_other_membership_is_touched(world: World) -> None:
    """A contact in other groups, and not in My Contacts, keeps exactly those."""
    contact, resource = world.pair()
    friends = world.phone.create_group("Chess club")
    world.phone.add_to_group(resource, friends)
    world.phone.remove_from_group(resource, MY_CONTACTS)
    world.sync()
    world.crm.untag(contact, world.tags["anna"], "anna")
    world.sync()
    assert world.phone.contacts[resource]["memberships"] == [friends]


def test_last_group_is_replaced_by_my_contacts(world: World) -> None:
    """A contact whose only group is ours is put into My Contacts before it leaves."""
    contact, resource = world.pair()
    world.phone.remove_from_group(resource, MY_CONTACTS)
    world.sync()
    world.crm.untag(contact, world.tags["anna"], "anna")
    world.sync()
    assert world.phone.contacts[resource]["memberships"] == [MY_CONTACTS]


def test_leaving_on_both_sides_parks_the_link(world: World) -> None:
    """Nothing is written; the link is remembered."""
    contact, resource = world.pair()
    world.crm.untag(contact, world.tags["anna"], "anna")
    world.phone.remove_from_group(resource, world.group(ANNA))
    world.expect_silence()
    assert world.query("select state from link") == [("parked",)]


@pytest.mark.parametrize("leaver", ["crm", "google"])
def test_leaving_wins_over_an_edit_which_merges_on_return(world: World, leaver: str) -> None:
    """The edit stays where it was made, and is merged when the contact comes back."""
    contact, resource = world.pair(Notes="before", mobile="+12025550100")
    world.later()
    if leaver == "crm":
        world.crm.untag(contact, world.tags["anna"], "anna")
        world.phone.edit(resource, biographies=[{"value": "edited"}])
    else:
        world.phone.remove_from_group(resource, world.group(ANNA))
        world.crm.patch("Contact", contact, {"Notes": "edited"}, "anna")
    world.sync()
    said = {"crm": world.row(contact)["notes"], "google": world.card(resource)["notes"]}
    assert said == ({"crm": "before", "google": "edited"} if leaver == "crm" else {"crm": "edited", "google": "before"})
    assert world.members() == world.tag_names() == []
    world.later()
    if leaver == "crm":
        world.crm.tag(contact, world.tags["anna"], "anna")
    else:
        world.phone.add_to_group(resource, world.group(ANNA))
    world.sync()
    assert world.row(contact)["notes"] == world.card(resource)["notes"] == "edited"
    assert world.members() == world.tag_names() == ["Ann Smith"]
    world.expect_silence()


@pytest.mark.every_dress
@pytest.mark.parametrize("back", ["tag", "group"])
def test_coming_back_revives_the_same_link(world: World, back: str) -> None:
    """Put back later: the same two records; edits made meanwhile on both sides merge against the old base."""
    contact, resource = world.pair(Notes="before", mobile="+12025550100", email="ann@example.org")
    link = world.query("select id from link")
    world.phone.remove_from_group(resource, world.group(ANNA))
    world.sync()
    world.later()
    world.phone.edit(resource, biographies=[{"value": "meanwhile"}])
    world.change_row(contact, "Mobile phone", "+12025550111")
    world.sync()
    assert world.row(contact)["notes"] == "before"
    if back == "tag":
        world.crm.tag(contact, world.tags["anna"], "anna")
    else:
        world.phone.add_to_group(resource, world.group(ANNA))
    world.sync()
    assert world.query("select id from link where state = 'live'") == link
    assert world.row(contact)["notes"] == "meanwhile"
    assert world.card(resource)["phones"] == [("+12025550111", "mobile")]
    assert world.row(contact)["emails"] == world.card(resource)["emails"] == ["ann@example.org"]
    world.expect_silence()


def test_deleted_google_contact_is_made_anew_when_tagged_again(world: World) -> None:
    """A new Google contact under the same link."""
    contact, resource = world.pair(email="ann@example.org")
    link = world.query("select id from link")
    world.phone.delete(resource)
    world.sync()
    world.crm.tag(contact, world.tags["anna"], "anna")
    world.sync()
    assert world.members() == ["Ann Smith"]
    assert world.query("select id from link where state = 'live'") == link
    assert world.google_of(contact) != resource
    world.expect_silence()


def test_deleted_and_made_anew_in_one_interval_is_one_step(world: World) -> None:
    """A leaver and a newcomer that match: the link moves, nothing is untagged."""
    contact, resource = world.pair(email="ann@example.org")
    world.phone.delete(resource)
    anew = world.google_contact(ANNA, "Ann", "Smith", email="ann@example.org")
    with world.watched() as traffic:
        assert world.synced()["crm"]["untagged"] == 0
    assert world.crm_of(anew) == contact
    assert world.tag_names() == ["Ann Smith"]
    assert "POST Contact" not in traffic.writes
    world.expect_silence()


def test_newcomer_takes_over_from_a_parked_link_whose_record_is_gone(world: World) -> None:
    """Deleted, synced, then made anew: the parked link no longer claims its partner."""
    contact, resource = world.pair(email="ann@example.org")
    world.phone.delete(resource)
    world.sync()
    anew = world.google_contact(ANNA, "Ann", "Smith", email="ann@example.org")
    world.sync()
    assert world.crm_of(anew) == contact
    assert world.in_crm() == world.tag_names() == ["Ann Smith"]
    world.expect_silence()


def test_crm_contact_deleted_and_made_anew_is_one_step(world: World) -> None:
    """The same on the CRM's side: the Google contact stays in the group."""
    contact, resource = world.pair(email="ann@example.org")
    world.crm.delete("Contact", contact, "anna")
    anew = world.crm_contact("Ann", "Smith", by="anna", email="ann@example.org")
    assert world.synced()["google"]["ungrouped"] == 0
    assert world.google_of(anew) == resource
    assert world.people() == world.members() == ["Ann Smith"]


def test_restored_from_the_trash_while_it_has_a_successor_is_held(world: World) -> None:
    """The old contact comes back after another took its place: a person decides."""
    contact, resource = world.pair(email="ann@example.org")
    world.phone.delete(resource)
    world.sync()
    anew = world.google_contact(ANNA, "Ann", "Smith", email="ann@example.org")
    world.sync()
    world.phone.restore(resource)
    world.sync()
    assert len(world.holds()) == 1
    assert world.crm_of(anew) == contact
    assert world.in_crm() == ["Ann Smith"]
    world.expect_silence()


@pytest.mark.every_dress
def test_merge_in_google_follows_the_survivor_and_holds_the_other(world: World) -> None:
    """Two linked Google contacts became one: nobody is untagged, the other CRM record waits for a person."""
    (one, first), (two, second) = world.pairs(2)
    world.later()
    world.phone.merge(first, second)
    report = world.synced()
    assert report["crm"]["untagged"] == 0
    assert world.crm_of(first) == one
    assert [h["reason"] for h in world.holds()] == ["merged_away"]
    assert sorted(world.tag_names()) == ["Given00 Family00", "Given01 Family01"]
    assert world.crm.contact(two) is not None


def test_merge_into_an_unlinked_google_contact_moves_the_link(world: World) -> None:
    """The user merged our contact into a private one: the link follows it, silently."""
    contact, resource = world.pair(email="ann@example.org", mobile="+12025550100")
    private = world.google_contact(ANNA, "Ann", "Smith", grouped=False, email="private@example.net")
    world.sync()
    world.later()
    world.phone.merge(private, resource)
    report = world.synced()
    assert report["crm"]["untagged"] == 0
    assert world.crm_of(private) == contact
    assert world.tag_names() == ["Ann Smith"]
    assert world.row(contact)["emails"] == ["ann@example.org", "private@example.net"]


def test_merge_in_the_crm_holds_the_other_google_contact(world: World) -> None:
    """Two linked CRM contacts became one: the loser's Google contact is held, not ungrouped."""
    (one, first), (two, second) = world.pairs(2)
    world.later()
    world.crm.merge(one, two, "anna")
    report = world.synced()
    assert report["google"]["ungrouped"] == 0
    assert [h["reason"] for h in world.holds()] == ["merged_away"]
    assert {first, second} <= world.grouped(ANNA).keys()
    assert world.google_of(one) == first


def test_renamed_resource_is_followed_silently(world: World) -> None:
    """Google gives a contact another resource name: the link moves and nothing is written."""
    contact, resource = world.pair(email="ann@example.org")
    world.phone.rename_resource(resource)
    world.expect_silence()
    world.change_row(contact, "Email", "new@example.org")
    world.sync()
    assert len(world.people()) == 1
    assert world.card(next(iter(world.grouped(ANNA))))["emails"] == ["new@example.org"]


def test_contact_missing_from_a_full_list_has_not_left(world: World) -> None:
    """Google's full list leaves a contact out; a point read finds it, so nothing is untagged."""
    contact, resource = world.pair(email="ann@example.org")
    world.phone.hide_from_list(resource)
    world.phone.expire_sync_tokens()
    assert world.synced()["crm"]["untagged"] == 0
    assert world.tag_names() == ["Ann Smith"]
    assert world.crm_of(resource) == contact
