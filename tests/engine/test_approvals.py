"""The brakes of a whole plan, and what an approval lets through: exactly that, for a day, under the same settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs

from syncd.core.contact import RecordId, Side
from syncd.engine.report import RunOutcome
from tests.engine.world import World, email, name, notes, phone

Made = list[tuple[RecordId, RecordId]]


@pytest.fixture
def world(quick_path: Path) -> World:
    world = World(quick_path)
    world.sync()
    return world


def held(world: World, *reasons: str) -> None:
    """A run now is held for these reasons, and writes nothing."""
    report = world.sync()
    assert report.outcome is RunOutcome.HELD, report
    assert world.reasons() == set(reasons)
    assert not any((*structs.astuple(report.crm), *structs.astuple(report.google)))


def goes(world: World) -> None:
    report = world.sync()
    assert report.outcome is RunOutcome.OK, report
    world.expect_silence()


def part(world: World, made: Made) -> None:
    for _crm, google in made:
        world.google.part(google, world.group)


def rewrite(world: World, made: Made, change: Callable[[World, RecordId], None]) -> None:
    for crm, _google in made:
        change(world, crm)


def add_note(world: World, crm: RecordId) -> None:
    world.crm.edit(crm, *world.crm.records[crm].units, notes("met"))


def drop_phone(world: World, crm: RecordId) -> None:
    world.crm.edit(crm, *(u for u in world.crm.records[crm].units if u.field != "phone"))


# ------------------------------------------------------------------------------------------------- each brake


def test_eleven_leavers_are_held_and_go_when_approved(world: World) -> None:
    """More than ten, and more than a tenth: they go when a person says so, and nothing else does."""
    made = world.linked(15)
    part(world, made[:11])
    held(world, "leavers")
    world.approve()
    goes(world)
    assert len(world.crm.members[world.tag]) == 4
    assert len(world.crm.records) == 15


def test_ten_leavers_go(world: World) -> None:
    """The limit itself is allowed."""
    part(world, world.linked(15)[:10])
    goes(world)
    assert len(world.crm.members[world.tag]) == 5


@pytest.mark.parametrize("side", list(Side))
def test_side_of_four_that_reads_empty_is_held(world: World, side: Side) -> None:
    """Four members gone at once; approved, they are let go."""
    for crm, google in world.linked(4):
        memory, record, scope = (world.crm, crm, world.tag) if side is Side.CRM else (world.google, google, world.group)
        memory.part(record, scope)
    held(world, "empty_side")
    world.approve()
    goes(world)
    assert world.says(Side.CRM) == world.says(Side.GOOGLE) == []


def test_bulk_edit_is_held_and_goes_when_approved(world: World) -> None:
    """11 of 15 contacts get something new: that takes nothing away, and waits all the same."""
    made = world.linked(15)
    rewrite(world, made[:11], add_note)
    held(world, "changed")
    world.approve()
    goes(world)
    assert world.says(Side.CRM) == world.says(Side.GOOGLE)


def test_many_emptied_values_are_held(world: World) -> None:
    """11 of 24 contacts lose e-mail and phone at once: more than a tenth of all that was said."""
    made = world.linked(24, phone("+12025550100"))
    for crm, _google in made[:11]:
        world.crm.edit(crm, world.crm.records[crm].units[0])
    held(world, "emptied")
    world.approve()
    goes(world)
    assert world.says(Side.CRM) == world.says(Side.GOOGLE)


def test_field_emptied_everywhere_is_held(world: World) -> None:
    """All three that had a phone lose it."""
    made = world.linked(3, phone("+12025550100"))
    rewrite(world, made, drop_phone)
    held(world, "field_emptied")
    world.approve()
    goes(world)


def test_single_unreadable_contact_is_held_alone(world: World) -> None:
    """It is listed and cannot be read: it waits, the others go on, and it goes on by itself once it can be read."""
    made = world.linked(3)
    world.crm.hidden.add(made[0][0])
    world.crm.forget_cursors()
    rewrite(world, made[1:2], add_note)
    report = world.sync()
    assert (report.outcome, report.google.updated, report.held) == (RunOutcome.OK, 1, 1), report
    assert [h["reason"] for h in world.holds()] == ["unreadable"]
    assert len(world.google.members[world.group]) == 3
    world.expect_silence()
    world.crm.hidden.clear()
    add_note(world, made[0][0])
    assert world.sync().google.updated == 1
    assert world.holds() == []
    assert world.says(Side.CRM) == world.says(Side.GOOGLE)


def test_newcomer_that_cannot_be_read_is_held_alone(world: World) -> None:
    """A contact is tagged that the login may not see."""
    made = world.linked(1)
    hidden = world.tagged(name("Hid", "Den"))
    world.crm.hidden.add(hidden)
    add_note(world, made[0][0])
    assert world.sync().google.updated == 1
    assert [(h["reason"], h["subject"]) for h in world.holds()] == [("unreadable", hidden)]
    world.crm.hidden.clear()
    add_note(world, hidden)
    assert world.sync().google.created == 1
    assert world.holds() == []


def test_changed_fingerprint_holds_the_next_plan(world: World) -> None:
    """Other settings: the first plan under them that would write is shown; approved, it is the rule."""
    made = world.linked(2)
    world.fingerprint = "another region"
    world.expect_silence()
    add_note(world, made[0][0])
    held(world, "fingerprint")
    world.approve()
    goes(world)
    add_note(world, made[1][0])
    goes(world)


def test_first_plan_waits_for_review(quick_path: Path) -> None:
    """`first_sync = "review"`: nothing is written before a person has seen it; later plans go by themselves."""
    world = World(quick_path, review_first=True)
    world.sync()
    made = world.tagged(name("Ann", "Lee"))
    held(world, "first_sync")
    held(world, "first_sync")
    assert world.google.records == {}
    world.approve()
    goes(world)
    add_note(world, made)
    goes(world)
    assert world.says(Side.CRM) == world.says(Side.GOOGLE)


@pytest.mark.parametrize("readings", [1, 2])
def test_short_listing_is_read_again(world: World, readings: int) -> None:
    """A listing that lacks most members is not believed: read a second time, it has them all again, and nobody left.

    Short twice, it is held.
    """
    world.linked(15)
    world.crm.torn = readings
    world.crm.edit(None, name("Somebody", "Else"))
    report = world.sync()
    assert report.outcome is (RunOutcome.OK if readings == 1 else RunOutcome.HELD), report
    assert report.google.ungrouped == 0
    assert ("SY106", {"reason": "shrinking"}) in world.told
    assert world.sync().outcome is RunOutcome.OK
    assert len(world.google.members[world.group]) == len(world.crm.members[world.tag]) == 15
    world.expect_silence()


# ------------------------------------------------------------------------------------------------- what is approved


def test_other_leavers_need_another_approval(world: World) -> None:
    """Eleven are approved, eleven others leave before the run: the plan is held again, and nobody goes."""
    made = world.linked(30)
    part(world, made[:11])
    held(world, "leavers")
    world.approve()
    part(world, made[11:22])
    held(world, "leavers")
    assert len(world.crm.members[world.tag]) == 30
    world.approve()
    goes(world)
    assert len(world.crm.members[world.tag]) == 8


def test_approved_step_that_changed_needs_another_approval(world: World) -> None:
    """The contacts were edited since: what was approved is not what would be done now."""
    made = world.linked(15)
    part(world, made[:11])
    held(world, "leavers")
    world.approve()
    rewrite(world, made[:11], add_note)
    held(world, "leavers")


def test_harmless_steps_go_along_with_the_approved_ones(world: World) -> None:
    """They wait with a held plan, and are planned anew after the approval."""
    made = world.linked(15)
    part(world, made[:11])
    held(world, "leavers")
    world.tagged(name("New", "Comer"), email("new@x.example"))
    world.approve()
    report = world.sync()
    assert (report.google.created, report.crm.untagged) == (1, 11), report


def test_approval_lasts_a_day(world: World) -> None:
    """After that it is held again."""
    part(world, world.linked(15)[:11])
    held(world, "leavers")
    world.approve()
    world.now += 25 * 3600
    held(world, "leavers")


def test_approval_is_void_under_other_settings(world: World) -> None:
    """The settings were changed after a person had looked."""
    part(world, world.linked(15)[:11])
    held(world, "leavers")
    world.approve()
    world.fingerprint = "another region"
    held(world, "leavers", "fingerprint")


def test_approval_is_used_up_by_what_it_let_through(world: World) -> None:
    """The same contacts come back and leave again: that needs a word of its own."""
    made = world.linked(15)
    part(world, made[:11])
    held(world, "leavers")
    world.approve()
    goes(world)
    for _crm, google in made[:11]:
        world.google.join(google, world.group)
    goes(world)
    part(world, made[:11])
    held(world, "leavers")
