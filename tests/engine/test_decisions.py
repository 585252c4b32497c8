"""What people decide on held contacts is done once, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.core.contact import AccountName, RecordId, Side
from syncd.core.step import HoldReason
from tests.engine.world import World, email, name, notes, phone

ANNA = AccountName("anna")


@pytest.fixture
def world(quick_path: Path) -> World:
    world = World(quick_path)
    world.sync()
    return world


def only_hold(world: World, reason: HoldReason) -> str:
    holds = world.holds()
    assert [h["reason"] for h in holds] == [reason.value], holds
    return str(holds[0]["subject"])


def finished(world: World) -> None:
    """One run does it; after that nobody waits, and nothing is planned any more."""
    report = world.sync()
    assert report.outcome == "ok", report
    assert world.holds() == []
    world.expect_silence()
    planned = world.store.account(ANNA)
    assert planned is not None
    assert planned.state == "ok"


# ------------------------------------------------------------------------------------------------- newcomers


def newcomer(world: World, side: Side) -> tuple[RecordId, RecordId]:
    """info@firm stands on a contact of another name: the newcomer on `side` waits. It, and the candidate."""
    if side is Side.CRM:
        other = world.google.edit(None, name("Zoe", "Young"), email("info@x.example"))
        new = world.tagged(name("Ann", "Lee"), email("info@x.example"))
    else:
        other = world.crm.edit(None, name("Zoe", "Young"), email("info@x.example"))
        new = world.grouped(name("Ann", "Lee"), email("info@x.example"))
    world.sync()
    assert only_hold(world, HoldReason.SAME_EMAIL_OTHER_NAME) == new
    return new, other


@pytest.mark.parametrize("side", list(Side))
def test_held_newcomer_is_made(world: World, side: Side) -> None:
    """--create: a contact of its own on the other side, although a like one is there."""
    new, _other = newcomer(world, side)
    world.resolve(new, create=True)
    finished(world)
    assert len(world.crm.records) + len(world.google.records) == 3
    assert world.says(Side.CRM) == world.says(Side.GOOGLE) == [("email=info@x.example", "name=Ann||Lee")]


@pytest.mark.parametrize("side", list(Side))
def test_held_newcomer_is_linked(world: World, side: Side) -> None:
    """--link: the candidate comes into scope, and both say the same."""
    new, other = newcomer(world, side)
    world.resolve(new, link=other)
    finished(world)
    assert len(world.crm.records) == len(world.google.records) == 1
    assert world.says(Side.CRM) == world.says(Side.GOOGLE)


@pytest.mark.parametrize("side", list(Side))
def test_held_newcomer_leaves(world: World, side: Side) -> None:
    """--leave: it goes out of the tag or group; both contacts stay as they are."""
    new, _other = newcomer(world, side)
    world.resolve(new, leave=True)
    finished(world)
    assert world.says(side) == []
    assert len(world.crm.records) == len(world.google.records) == 1
    assert list(world.store.cases(ANNA)) == []


def test_one_of_two_claimants_is_chosen(world: World) -> None:
    """Two Google contacts claim one: the chosen one gets it, the other still waits, then leaves."""
    world.crm.edit(None, name("Ann", "Lee"), email("a@x.example"))
    one, two = (world.grouped(name("Ann", "Lee"), email("a@x.example")) for _ in range(2))
    world.sync()
    assert {h["subject"] for h in world.holds()} == {one, two}
    crm = next(iter(world.crm.records))
    world.resolve(one, link=crm)
    world.sync()
    assert world.google_of(crm) == one
    assert only_hold(world, HoldReason.CLAIMED_TWICE) == two
    world.resolve(two, leave=True)
    finished(world)
    assert len(world.crm.records) == 1


def test_newcomer_is_linked_with_another_newcomer(world: World) -> None:
    """--link with a contact that was tagged only now: it is not made on the other side as well."""
    new, _other = newcomer(world, Side.GOOGLE)
    crm = world.tagged(name("Bob", "Ray"))
    world.resolve(new, link=crm)
    finished(world)
    assert world.google_of(crm) == new
    assert len(world.google.records) == 1


def test_one_of_two_likes_is_made(world: World) -> None:
    """Two newcomers look like one person: making the first does not make the second."""
    one, two = (world.grouped(name("Ann", "Lee"), email("a@x.example")) for _ in range(2))
    world.sync()
    assert {h["subject"] for h in world.holds()} == {one, two}
    world.resolve(one, create=True)
    world.sync()
    assert len(world.crm.records) == 1
    world.resolve(two, create=True)
    finished(world)
    assert len(world.crm.records) == 2


def test_newcomer_takes_the_place_of_a_linked_one(world: World) -> None:
    """--link with a contact that is linked: the link moves to the newcomer, and the other one waits."""
    (crm, old), *_ = world.linked(1)
    new = world.grouped(name("Given00", "Family"), email("p00@x.example"), notes("the right one"))
    world.sync()
    assert only_hold(world, HoldReason.CLAIMED_TWICE) == new
    world.resolve(new, link=crm)
    world.sync()
    assert world.google_of(crm) == new
    assert any(unit.value == ("the right one",) for unit in world.crm.records[crm].units)
    world.sync()
    world.resolve(world.holds()[0]["subject"], leave=True)
    finished(world)
    assert old in world.google.records


# ------------------------------------------------------------------------------------------------- merged away


def merged(world: World, side: Side) -> tuple[str, tuple[RecordId, RecordId], tuple[RecordId, RecordId]]:
    """Two linked contacts become one on `side`. The hold's subject, who lost its record, and who has both now."""
    lost, kept = world.linked(2)
    memory, at = (world.crm, 0) if side is Side.CRM else (world.google, 1)
    units = (*memory.records[kept[at]].units, email("p00@x.example", "home"), phone("+12025550100"))
    memory.remove(lost[at])
    memory.edit(kept[at], *units)
    world.sync()
    assert len(world.crm.members[world.tag]) == (2 if side is Side.GOOGLE else 1)
    return only_hold(world, HoldReason.MERGED_AWAY), lost, kept


@pytest.mark.parametrize("side", list(Side))
def test_merged_contact_leaves(world: World, side: Side) -> None:
    """--leave: the record that is left over goes out of scope."""
    subject, _lost, _kept = merged(world, side)
    world.resolve(subject, leave=True)
    finished(world)
    assert len(world.says(Side.CRM)) == len(world.says(Side.GOOGLE)) == 1


@pytest.mark.parametrize("side", list(Side))
def test_merged_contact_is_made_anew(world: World, side: Side) -> None:
    """--create: it gets a record of its own again, under the same link."""
    subject, lost, _kept = merged(world, side)
    world.resolve(subject, create=True)
    finished(world)
    assert len(world.crm.members[world.tag]) == len(world.google.members[world.group]) == 2
    assert world.says(Side.CRM) == world.says(Side.GOOGLE)
    stays = lost[1] if side is Side.CRM else lost[0]
    assert stays in (world.google.records if side is Side.CRM else world.crm.records)


@pytest.mark.parametrize("side", list(Side))
def test_merged_contact_takes_the_survivor(world: World, side: Side) -> None:
    """--link: the survivor belongs to it now; the other link lost its record, and waits in its turn."""
    subject, lost, kept = merged(world, side)
    at = 0 if side is Side.CRM else 1
    world.resolve(subject, link=kept[at])
    world.sync()
    mine = world.store.case(ANNA, int(subject)).link
    assert mine is not None
    pair = (kept[0], lost[1]) if side is Side.CRM else (lost[0], kept[1])
    assert (mine.crm_id, mine.google_id) == pair
    other = only_hold(world, HoldReason.MERGED_AWAY)
    assert other != subject
    world.resolve(other, leave=True)
    finished(world)
    assert len(world.crm.members[world.tag]) == len(world.google.members[world.group]) == 1
    assert world.says(Side.CRM) == world.says(Side.GOOGLE)


def test_merge_that_is_undone_needs_no_word(world: World) -> None:
    """The contact that had vanished is restored: nobody waits any more."""
    _subject, lost, kept = merged(world, Side.GOOGLE)
    world.google.edit(kept[1], name("Given01", "Family"), email("p01@x.example"))
    world.google.edit(lost[1], name("Given00", "Family"), email("p00@x.example"))
    world.google.join(lost[1], world.group)
    world.sync()
    assert world.holds() == []
    assert world.says(Side.CRM) == world.says(Side.GOOGLE)


def test_decision_that_does_not_fit_does_not_linger(world: World) -> None:
    """A word on somebody who meanwhile left: nothing is done, and it is not planned for again."""
    new, _other = newcomer(world, Side.GOOGLE)
    world.resolve(new, create=True)
    world.google.part(new, world.group)
    finished(world)
    assert len(world.crm.records) == 1
