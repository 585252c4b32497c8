"""Finding, making and following private tags."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncd.core.contact import Field, ScopeId, Unit
from syncd.core.errors import NeedsHuman, TagMissing
from syncd.core.ports import Done, Missing, ScopeWish
from tests.adapters.creatio.world import World, create, enter, leave

Worlds = Callable[..., World]
NEW = "11111111-2222-4333-8444-555555555555"


@pytest.mark.parametrize("owner", ["anna", "Anna Adams", "anna@crm.test"])
def test_owner_is_found_by_user_name_full_name_or_e_mail(world: World, owner: str) -> None:
    """However the operator wrote it."""
    assert world.remote.resolve(ScopeWish("Google", owner)) == world.tag


def test_owner_is_found_by_contact_id_and_user_id(world: World) -> None:
    """Ids are unmistakable."""
    anna = world.crm.user("anna")
    assert world.remote.resolve(ScopeWish("Google", anna.contact_id)) == world.tag
    assert world.remote.resolve(ScopeWish("Google", anna.id.upper())) == world.tag


def test_owner_is_found_where_system_tables_are_closed(worlds: Worlds) -> None:
    """Then by contact alone."""
    world = worlds(system_tables=False)
    assert world.remote.resolve(ScopeWish("Google", "Anna Adams")) == world.tag


@pytest.mark.parametrize("kind", ["corporate", "public"])
def test_shared_tag_of_the_same_name_never_matches(world: World, kind: str) -> None:
    """Everybody would be in scope."""
    world.crm.add_tag("Shared", "anna", kind)
    with pytest.raises(TagMissing):
        world.remote.resolve(ScopeWish("Shared", "anna"))


def test_private_tag_of_another_user_never_matches(world: World) -> None:
    """Names of private tags are not unique."""
    mine = world.crm.add_tag("Google", "Supervisor")
    assert world.remote.resolve(ScopeWish("Google")) == mine


def test_missing_tag_of_the_login_is_made_private_and_once(world: World) -> None:
    """Asked again, it is found."""
    made = world.remote.resolve(ScopeWish("New"))
    rows = [r for r in world.crm.dump()["ContactTag"] if r["Name"] == "New"]
    assert [(r["Id"], r["TypeId"][:8]) for r in rows] == [(made, "8d7f6d6c")]
    assert rows[0]["CreatedById"] == world.crm.user("Supervisor").contact_id
    assert world.remote.resolve(ScopeWish("new")) == made


def test_missing_tag_of_somebody_else_names_tag_and_owner(world: World) -> None:
    """A tag made by us would be invisible to its owner."""
    with pytest.raises(TagMissing) as caught:
        world.remote.resolve(ScopeWish("New", "Anna Adams"))
    assert "New" in str(caught.value)
    assert "Anna Adams" in caught.value.fix
    assert not [r for r in world.crm.dump()["ContactTag"] if r["Name"] == "New"]


def test_two_private_tags_of_one_name_need_a_person(world: World) -> None:
    """Which one is meant cannot be guessed."""
    world.crm.add_tag("Google", "anna")
    with pytest.raises(NeedsHuman):
        world.remote.resolve(ScopeWish("Google", "anna"))


def test_owner_nobody_knows_needs_a_person(world: World) -> None:
    """A typing error in the configuration."""
    with pytest.raises(NeedsHuman):
        world.remote.resolve(ScopeWish("Google", "Nobody O'Neil"))


def test_renamed_tag_is_followed_by_its_id(world: World) -> None:
    """`scope` tells the new name; a deleted tag is None."""
    world.add()
    world.crm.patch("ContactTag", world.tag, {"Name": "Gmail"}, "anna")
    info = world.remote.scope(ScopeId(world.tag))
    assert info is not None
    assert (info.name, info.members) == ("Gmail", 1)
    world.crm.delete("ContactTag", world.tag)
    assert world.remote.scope(ScopeId(world.tag)) is None


def test_identity_is_the_login_s_contact(world: World) -> None:
    """From the platform's own service."""
    identity = world.remote.identity()
    assert (identity.id, identity.name) == (world.crm.user("Supervisor").contact_id, "Supervisor")


def test_identity_without_the_service_is_looked_up(world: World) -> None:
    """Older sites."""
    world.fault("404", target="UserInfoService", count=5)
    assert world.remote.identity().id == world.crm.user("Supervisor").contact_id


# ---------------------------------------------------------------------------------------------- entering and leaving


def test_entering_puts_one_row_and_leaving_takes_all(site: World) -> None:
    """Sent twice, still one row; leaving without known rows looks them up; the contact stays."""
    site.add()
    bob = site.add(tagged=False)
    site.pull()
    (first,) = site.send(enter(bob, site.tag))
    (again,) = site.send(enter(bob, site.tag))
    assert isinstance(first, Done)
    assert first == again
    assert [r["Id"] for r in site.rows(bob, "ContactInTag")] == list(first.rows)
    site.crm.tag(bob, site.tag, "anna")
    assert site.send(leave(bob, site.tag)) == (Done(),)
    assert site.rows(bob, "ContactInTag") == []
    assert site.crm.contact(bob) is not None


def test_leaving_with_rows_that_are_gone_is_done(world: World) -> None:
    """404 for a row that is to be deleted is what was wanted."""
    bob, eve = world.add(), world.add()
    world.pull()
    rows = world.members[world.tag, bob]
    world.crm.untag(bob, world.tag, "anna")
    outcomes = world.send(leave(bob, world.tag, *rows), leave(eve, world.tag, *world.members[world.tag, eve]))
    assert outcomes == (Done(), Done())
    assert world.rows(eve, "ContactInTag") == []


def test_entering_of_a_contact_that_is_gone_is_missing_and_harms_no_other(world: World) -> None:
    """Each contact stands for itself."""
    bob, eve = world.add(tagged=False), world.add(tagged=False)
    world.pull()
    world.crm.delete("Contact", eve)
    outcomes = world.send(enter(eve, world.tag), enter(bob, world.tag))
    assert isinstance(outcomes[0], Missing)
    assert isinstance(outcomes[1], Done)
    assert world.rows(bob, "ContactInTag")


# ---------------------------------------------------------------------------------------------- universal tags


@pytest.mark.parametrize("batch_get", [True, False])
def test_universal_tags_work_throughout(worlds: Worlds, *, batch_get: bool) -> None:
    """Resolve, list, enter, create into, leave; a row of another object is no member."""
    world = worlds(tags="universal", batch_get=batch_get)
    access = next(r["Id"] for r in world.crm.dump()["TagAccess"] if r["Name"] == "Private")
    tag = world.crm.insert("Tag", {"Name": "Google", "TagAccessId": access, "EntitySchemaName": "Contact"}, "anna")
    world.crm.insert("Tag", {"Name": "Google", "TagAccessId": access, "EntitySchemaName": "Account"}, "anna")
    assert world.remote.resolve(ScopeWish("Google", "anna")) == tag
    world.scopes, world.tag = (ScopeId(tag),), tag
    bob, eve = world.add(tagged=False), world.add(tagged=False)
    world.crm.insert("TagInRecord", {"TagId": tag, "RecordId": bob, "RecordSchemaName": "Contact"}, "anna")
    world.crm.insert("TagInRecord", {"TagId": tag, "RecordId": tag, "RecordSchemaName": "Account"}, "anna")
    assert set(world.pull().records) == {bob}
    world.later()
    world.send(enter(eve, tag))
    world.sent(create(NEW, [Unit(Field.NAME, ("Zoe", "", "Zed"))], [tag]))
    world.pull()
    assert {record for _, record in world.members} == {bob, eve, NEW}
    world.send(leave(bob, tag))
    world.later()
    world.pull(full=True)
    assert {record for _, record in world.members} == {eve, NEW}


def test_missing_universal_tag_is_made_private(worlds: Worlds) -> None:
    """For contacts, and for its owner."""
    world = worlds(tags="universal")
    made = world.remote.resolve(ScopeWish("New"))
    (row,) = [r for r in world.crm.dump()["Tag"] if r["Id"] == made]
    private = next(r["Id"] for r in world.crm.dump()["TagAccess"] if r["Name"] == "Private")
    assert (row["EntitySchemaName"], row["TagAccessId"]) == ("Contact", private)
    assert world.remote.resolve(ScopeWish("New")) == made


def test_hundreds_of_tag_rows_are_left_at_once(world: World) -> None:
    """More than a batch takes, some of them gone already."""
    people = [world.add(Name=f"P{n}", tagged=False) for n in range(3)]
    for person in people:
        rows = [{"EntityId": person, "TagId": world.tag} for _ in range(150)]
        world.crm.load("ContactInTag", rows)
    world.pull()
    world.crm.delete("ContactInTag", world.members[world.tag, people[0]][0])
    outcomes = world.send(*(leave(p, world.tag, *world.members[world.tag, p]) for p in people))
    assert outcomes == (Done(), Done(), Done())
    assert not [row for p in people for row in world.rows(p, "ContactInTag")]


def test_entering_a_tag_that_somebody_gave_meanwhile_puts_no_second_row(world: World) -> None:
    """The pair has no unique constraint: we look before we put."""
    world.add()
    bob = world.add(tagged=False)
    world.pull()
    row = world.crm.tag(bob, world.tag, "anna")
    assert world.send(enter(bob, world.tag)) == (Done(rows=(row,)),)
    assert len(world.rows(bob, "ContactInTag")) == 1
