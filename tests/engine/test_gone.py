"""The tag or the group itself is gone: the plan is held at any size; a person has it rebuilt, or lets go."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from syncd.core.contact import Side
from syncd.core.errors import NeedsHuman
from syncd.engine.report import RunOutcome
from syncd.engine.run import LEASE
from syncd.engine.scopes import prepare
from tests.engine.test_crash import Countdown, Killed, steps_counted
from tests.engine.world import World, email, name, notes

SIDES = list(Side)


@pytest.fixture
def world(quick_path: Path) -> World:
    world = World(quick_path)
    world.sync()
    return world


def drop(world: World, side: Side) -> None:
    if side is Side.CRM:
        world.crm.drop(world.tag)
    else:
        world.google.drop(world.group)


def members(world: World, side: Side) -> int:
    return len(world.crm.members[world.tag]) if side is Side.CRM else len(world.google.members[world.group])


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("shown", [True, False])
def test_gone_scope_is_held_at_any_size(world: World, side: Side, *, shown: bool) -> None:
    """Two contacts, fewer than any limit; whether or not anybody is seen to leave. Both ways out are told."""
    world.linked(2)
    world.google.labels_in_delta = shown
    drop(world, side)
    newcomer = world.crm.edit(None, name("New", "Comer")) if side is Side.GOOGLE else None
    if newcomer is not None:
        world.crm.join(newcomer, world.tag)
    report = world.sync()
    assert report.outcome is RunOutcome.HELD, report
    assert "scope_gone" in world.reasons()
    assert "resolve anna rebuild" in report.message
    assert "resolve anna let-go" in report.message
    assert any(event == "SY114" for event, _ in world.told)
    assert members(world, side.other) == (3 if newcomer else 2)
    assert world.sync().outcome is RunOutcome.HELD


@pytest.mark.parametrize("side", SIDES)
def test_rebuild_puts_everybody_back_in(world: World, side: Side) -> None:
    """The tag or group is made anew under its name; nobody is taken out anywhere, and edits go on."""
    made = world.linked(5)
    drop(world, side)
    world.sync()
    world.resolve("rebuild")
    report = world.sync()
    assert report.outcome is RunOutcome.OK, report
    assert members(world, Side.CRM) == members(world, Side.GOOGLE) == 5
    assert (report.crm.untagged, report.google.ungrouped, report.crm.created, report.google.created) == (0, 0, 0, 0)
    world.expect_silence()
    world.crm.edit(made[0][0], *world.crm.records[made[0][0]].units, notes("met"))
    assert world.sync().google.updated == 1
    assert world.says(Side.CRM) == world.says(Side.GOOGLE)


def test_rebuild_killed_at_any_step_is_finished_by_the_next_run(quick_path: Path) -> None:
    """Wherever it stops between forgetting who was in and knowing the new group: everybody comes back in."""
    at, counted = 0, 1
    while at < counted:
        (quick_path / f"{at}").mkdir()
        world = World(quick_path / f"{at}")
        world.sync()
        world.linked(2)
        drop(world, Side.GOOGLE)
        world.sync()
        world.resolve("rebuild")
        countdown = Countdown(at or None)
        with steps_counted(world, countdown), contextlib.suppress(Killed):
            prepare(world.run())
        counted = countdown.steps if at == 0 else counted
        world.restart()
        world.now += LEASE
        report = world.sync()
        assert report.outcome is RunOutcome.OK, (at, report)
        assert members(world, Side.CRM) == members(world, Side.GOOGLE) == 2
        world.expect_silence()
        at += 1
    assert counted > 10


def test_rebuild_brings_contacts_back_that_went_with_the_group(world: World) -> None:
    """The user deleted the group with its contacts: they are made again, under the same links."""
    made = world.linked(3)
    for _crm, google in made:
        world.google.remove(google)
    world.google.drop(world.group)
    assert world.sync().outcome is RunOutcome.HELD
    world.resolve("rebuild")
    assert world.sync().google.created == 3
    assert members(world, Side.GOOGLE) == 3
    assert len(world.crm.records) == 3
    world.expect_silence()


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("number", [2, 12])
def test_let_go_takes_the_tag_or_group_off_the_other_side(world: World, side: Side, number: int) -> None:
    """As when each of them had been taken out; no contact is deleted, and it is quiet afterwards."""
    world.linked(number)
    drop(world, side)
    world.sync()
    world.resolve("let-go")
    report = world.sync()
    assert report.outcome is RunOutcome.OK, report
    assert members(world, side.other) == 0
    assert len(world.crm.records) == len(world.google.records) == number
    world.sync()
    world.expect_silence()


def test_contact_tagged_after_letting_go_asks_again(world: World) -> None:
    """The group is still not there: who is to come into it waits, and the ways out are offered anew."""
    world.linked(2)
    drop(world, Side.GOOGLE)
    world.sync()
    world.resolve("let-go")
    world.sync()
    world.tagged(name("New", "Comer"), email("new@x.example"))
    assert world.sync().outcome is RunOutcome.HELD
    world.resolve("rebuild")
    assert world.sync().google.created == 1
    assert world.says(Side.GOOGLE) == [("email=new@x.example", "name=New||Comer")]


def test_nothing_is_rebuilt_that_is_there(world: World) -> None:
    """Where nothing is gone the command says so."""
    world.linked(1)
    with pytest.raises(NeedsHuman):
        world.resolve("rebuild")


def test_group_that_was_missed_and_is_there_is_looked_at_once(world: World) -> None:
    """A reading did not show it: asked for by id it is there, and it is quiet again."""
    world.linked(2)
    world.store.note(world.google_source.id, {"unseen": [world.group]})
    assert world.sync().outcome is RunOutcome.OK
    world.expect_silence()


def test_scope_that_is_shown_again_is_no_reason_to_wait(world: World) -> None:
    """The tag was hidden for a while: once it is shown nothing is held, and nobody has left."""
    world.linked(3)
    tag = world.tag
    kept = world.crm.scopes.pop(tag), world.crm.members.pop(tag)
    assert world.sync().outcome is RunOutcome.HELD
    world.crm.scopes[tag], world.crm.members[tag] = kept
    assert world.sync().outcome is RunOutcome.OK
    assert members(world, Side.GOOGLE) == members(world, Side.CRM) == 3
    world.expect_silence()
