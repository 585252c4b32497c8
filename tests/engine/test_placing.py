"""Values the CRM has no row for: they stay in Google, and are placed when the row appears."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.core.contact import AccountName, RecordId, Side
from syncd.core.step import Link
from tests.engine.world import World, email, job, name, notes, phone

ANNA = AccountName("anna")


@pytest.fixture
def world(quick_path: Path) -> World:
    """The CRM knows one company."""
    world = World(quick_path)
    world.sync()
    world.crm.found("Other")
    return world


def unplaced(world: World) -> tuple[RecordId, Link]:
    google = world.grouped(name("Ann", "Lee"), email("a@x.example"), job("Acme", "CEO"))
    assert world.sync().crm.created == 1
    return google, world.store.links_of(ANNA, Side.GOOGLE, [google])[google]


def said(world: World, side: Side) -> list[str]:
    return next(word for word in world.says(side)[0] if word.startswith("job=")).removeprefix("job=").split("|")


def test_unplaced_company_stays_in_google_and_is_remembered(world: World) -> None:
    """It is left out in the CRM, kept in Google, and the run after is silent."""
    google, link = unplaced(world)
    assert link.unplaced
    assert said(world, Side.CRM) == ["", "CEO", ""]
    assert said(world, Side.GOOGLE) == ["Acme", "CEO", ""]
    world.expect_silence()
    assert google in world.google.records


def test_company_is_placed_when_its_row_appears(world: World) -> None:
    """The CRM gets the company: the contact is given it at the next run, and Google hears nothing."""
    _google, link = unplaced(world)
    world.crm.found("acme".title())
    report = world.sync()
    assert report.crm.updated == 1, report
    assert said(world, Side.CRM) == ["Acme", "CEO", ""]
    assert not world.store.case(ANNA, link.id).link.unplaced  # type: ignore[union-attr]  # it has a link
    world.expect_silence()


def test_other_company_costs_nothing(world: World) -> None:
    """A row of another name is no reason to try: nothing is asked of the CRM but what changed."""
    unplaced(world)
    world.expect_silence()
    world.crm.found("Somebody Else")
    world.expect_silence()


def test_company_that_still_cannot_be_placed_is_tried_once(world: World) -> None:
    """After everything was read it is offered once more, without effect, and then it is quiet."""
    unplaced(world)
    world.google.forget_cursors()
    world.crm.forget_cursors()
    report = world.sync()
    assert report.crm.updated == 0, report
    assert said(world, Side.GOOGLE) == ["Acme", "CEO", ""]
    world.expect_silence()


def test_other_edits_neither_place_nor_forget_it(world: World) -> None:
    """Edits of other fields on either side leave the link waiting, and the company where it is."""
    google, link = unplaced(world)
    crm = link.crm_id
    assert crm is not None
    world.crm.edit(crm, *world.crm.records[crm].units, notes("met"))
    world.sync()
    world.google.edit(google, *world.google.records[google].units, phone("+12025550100"))
    world.sync()
    assert said(world, Side.GOOGLE) == ["Acme", "CEO", ""]
    assert world.store.unplaced(ANNA)
    world.crm.found("Acme")
    world.sync()
    assert said(world, Side.CRM) == ["Acme", "CEO", ""]


def test_many_unplaced_values_are_no_alarm(world: World) -> None:
    """Placing takes nothing away from anybody: the brake does not count it."""
    for n in range(14):
        world.grouped(name(f"Ann{n}", "Lee"), email(f"a{n}@x.example"), job("Acme", "CEO"))
    world.sync()
    world.crm.found("Acme")
    report = world.sync()
    assert (report.outcome, report.crm.updated) == ("ok", 14), report
