"""The engine on two sides in memory and a real store: what a user does, and what one run makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.core.contact import Side
from syncd.core.ports import ScopeWish
from syncd.engine.report import RunOutcome
from tests.engine.world import World, email, job, name, notes, phone


@pytest.fixture
def world(quick_path: Path) -> World:
    world = World(quick_path)
    world.sync()
    return world


def test_first_run_makes_the_group_and_fills_it(quick_path: Path) -> None:
    """Tagged CRM contacts appear in the group."""
    world = World(quick_path)
    tag = world.crm.resolve(ScopeWish("Google"))
    record = world.crm.edit(None, name("Ann", "Lee"), email("ann@x.example"))
    world.crm.join(record, tag)
    report = world.sync()
    assert report.outcome is RunOutcome.OK, report
    assert report.google.created == 1
    assert world.says(Side.GOOGLE) == [("email=ann@x.example", "name=Ann||Lee")]


def test_moved_into_the_group_arrives_in_the_crm_with_the_tag(world: World) -> None:
    """A Google contact that enters the group is made in the CRM, tagged."""
    world.grouped(name("Bob", "Ray"), phone("+12025550100"))
    report = world.sync()
    assert report.crm.created == 1, report
    assert world.says(Side.CRM) == world.says(Side.GOOGLE) == [("name=Bob||Ray", "phone=+12025550100")]


def test_second_run_writes_nothing(world: World) -> None:
    """Silence after a run: no write, one request a side."""
    world.grouped(name("Bob", "Ray"))
    world.tagged(name("Ann", "Lee"))
    world.sync()
    before = (world.crm.requests, world.google.requests)
    report = world.sync()
    assert report.crm.updated + report.google.updated + report.crm.created + report.google.created == 0
    assert (world.crm.requests - before[0], world.google.requests - before[1]) == (1, 1)


def test_edits_cross_both_ways_and_both_survive(world: World) -> None:
    """Different fields changed on both sides: both arrive on both."""
    crm = world.tagged(name("Ann", "Lee"), email("ann@x.example"))
    world.sync()
    google = next(iter(world.google.records))
    world.crm.edit(crm, name("Ann", "Lee"), email("ann@x.example"), notes("likes tea"))
    world.google.edit(google, name("Ann", "Lee"), email("ann@x.example"), phone("+12025550100"))
    report = world.sync()
    assert report.outcome is RunOutcome.OK, report
    assert world.says(Side.CRM) == world.says(Side.GOOGLE)
    assert world.says(Side.CRM)[0] == ("email=ann@x.example", "name=Ann||Lee", "notes=likes tea", "phone=+12025550100")


def test_existing_partner_is_linked_not_made(world: World) -> None:
    """A newcomer whose e-mail and name stand on an untagged contact is linked to it and tagged."""
    world.crm.edit(None, name("Ann", "Lee"), email("ann@x.example"), job("Acme", "CEO"))
    world.grouped(name("Ann", "Lee"), email("ANN@x.example"))
    report = world.sync()
    assert (report.crm.created, report.crm.tagged) == (0, 1), report
    assert len(world.crm.records) == 1
    assert world.google.records[next(iter(world.google.records))].units


@pytest.mark.parametrize("how", ["deleted", "taken out"])
def test_leaving_google_untags(world: World, how: str) -> None:
    """Deleted in Google, or out of the group: the tag comes off, the CRM contact stays."""
    crm = world.tagged(name("Ann", "Lee"))
    world.sync()
    google = next(iter(world.google.records))
    if how == "deleted":
        world.google.remove(google)
    else:
        world.google.part(google, world.group)
    report = world.sync()
    assert report.crm.untagged == 1, report
    assert crm in world.crm.records
    assert crm not in world.crm.members[world.tag]


@pytest.mark.parametrize("how", ["deleted", "untagged"])
def test_leaving_the_crm_ungroups(world: World, how: str) -> None:
    """Deleted in the CRM, or untagged: out of the group, the Google contact stays."""
    crm = world.tagged(name("Ann", "Lee"))
    world.sync()
    google = next(iter(world.google.records))
    if how == "deleted":
        world.crm.remove(crm)
    else:
        world.crm.part(crm, world.tag)
    report = world.sync()
    assert report.google.ungrouped == 1, report
    assert google in world.google.records
    assert google not in world.google.members[world.group]


def test_put_back_revives_the_link(world: World) -> None:
    """Tagged again: the same Google contact comes back into the group, merged with what changed meanwhile."""
    crm = world.tagged(name("Ann", "Lee"))
    world.sync()
    google = next(iter(world.google.records))
    world.crm.part(crm, world.tag)
    world.sync()
    world.google.edit(google, name("Ann", "Lee"), notes("met in Rome"))
    world.crm.join(crm, world.tag)
    report = world.sync()
    assert report.google.grouped == 1, report
    assert world.says(Side.CRM) == world.says(Side.GOOGLE) == [("name=Ann||Lee", "notes=met in Rome")]
    assert len(world.google.records) == 1


def test_emptied_side_is_held(world: World) -> None:
    """A side that had members and reads empty stops the whole plan."""
    for n in range(6):
        world.tagged(name(f"Ann{n}", "Lee"), email(f"a{n}@x.example"))
    world.sync()
    for record in list(world.google.members[world.group]):
        world.google.part(record, world.group)
    report = world.sync()
    assert report.outcome is RunOutcome.HELD, report
    assert len(world.crm.members[world.tag]) == 6
