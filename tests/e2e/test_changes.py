"""What counts as a change: content alone, never a stamp, never an echo, never a stale reading."""

from __future__ import annotations

import pytest

from syncd.cli.demo.stage import ANNA
from syncd.sandbox.google.switches import Switches
from tests.e2e.conftest import Opener
from tests.e2e.world import World


@pytest.mark.every_dress
def test_echo_of_our_own_writes_is_silent(world: World) -> None:
    """What syncd wrote on either side comes back in the next readings and is no change."""
    contact, resource = world.pair(email="ann@example.org", mobile="+12025550100", work="+12025550101", Notes="Met")
    world.expect_silence()
    world.change_row(contact, "Mobile phone", "+12025550111")
    world.sync()
    world.expect_silence()
    world.phone.edit(resource, biographies=[{"value": "Met twice"}])
    world.sync()
    world.expect_silence()
    assert world.row(contact)["notes"] == "Met twice"


def test_touched_timestamps_are_silent(world: World) -> None:
    """A new version without a change, on either side, moves nothing."""
    contact, resource = world.pair(email="ann@example.org")
    world.later()
    world.phone.touch(resource)
    world.crm.profile.noop_patch_bumps = True
    world.crm.patch("Contact", contact, {"JobTitle": ""}, "anna")
    world.expect_silence()


def test_normalisation_by_a_server_is_silent(world: World) -> None:
    """Other spelling of the same: spaces and case, formatted numbers, a row order that changes with each version."""
    contact, resource = world.pair(email="Ann@Example.ORG", mobile="(202) 555-0100", work="202 555 0101")
    world.phone.edit(
        resource,
        emailAddresses=[{"value": "ann@example.org", "type": "home"}],
        phoneNumbers=[{"value": "+1 202-555-0101", "type": "work"}, {"value": "2025550100", "type": "mobile"}],
    )
    world.expect_silence()
    assert world.row(contact)["emails"] == ["Ann@Example.ORG"]


def test_stale_list_never_undoes_a_newer_state(open_world: Opener) -> None:
    """Google's lists are two minutes late: what was written in between is not taken back."""
    world = open_world(switches=Switches(propagation_delay=120, stale_reads=120))
    contact, resource = world.pair(email="ann@example.org", mobile="+12025550100")
    world.later(300)
    world.sync()
    world.change_row(contact, "Mobile phone", "+12025550111")
    world.sync()
    for _ in range(3):
        world.sync()
        world.later(50)
    assert [n for n, _ in world.row(contact)["phones"]] == ["+12025550111"]
    assert world.card(resource)["phones"] == [("+12025550111", "mobile")]
    world.expect_silence()


def test_edit_that_shows_late_is_taken_when_it_shows(open_world: Opener) -> None:
    """An edit on the phone that lists show late is not lost."""
    world = open_world(switches=Switches(propagation_delay=120))
    contact, resource = world.pair(email="ann@example.org", mobile="+12025550100")
    world.later(300)
    world.sync()
    world.phone.edit(resource, phoneNumbers=[{"value": "+12025550122", "type": "mobile"}])
    world.sync()
    world.later(300)
    world.sync()
    assert [n for n, _ in world.row(contact)["phones"]] == ["+12025550122"]


def test_side_that_cannot_hold_a_value_is_compared_without_it(world: World) -> None:
    """A birthday without a year and a label the CRM lacks stay in Google and are no difference."""
    resource = world.google_contact(
        ANNA,
        "Bob",
        "Ray",
        birthdays=[{"date": {"month": 2, "day": 29}}],
        phoneNumbers=[{"value": "+12025550100", "type": "Ski hut"}],
    )
    world.sync()
    contact = world.crm_of(resource)
    assert [kind for _, kind in world.row(contact)["phones"]] == ["Other phone"]
    world.expect_silence()
    world.crm.patch("Contact", contact, {"JobTitle": "Guide"}, "anna")
    world.sync()
    card = world.card(resource)
    assert card["birthday"] == {"month": 2, "day": 29}
    assert card["phones"] == [("+12025550100", "Ski hut")]
    assert card["job"][1] == "Guide"
    world.expect_silence()


@pytest.mark.parametrize("bumps", [True, False])
def test_label_changes_that_no_delta_shows_are_seen_all_the_same(open_world: Opener, bumps: bool) -> None:
    """Where Google's deltas leave label changes out, members are read from the group."""
    world = open_world(switches=Switches(label_changes_in_delta=False, members_modify_bumps=bumps))
    partner = world.google_contact(ANNA, "Ann", "Smith", grouped=False, email="ann@example.org")
    contact, resource = world.pair(email="ann@example.org")
    assert resource == partner  # its entry is the first group change of ours, whose echo does not come
    other = world.google_contact(ANNA, "Bob", "Ray", grouped=False, email="bob@example.org")
    world.later(1_000)  # no echo can come any more
    world.sync()
    world.phone.add_to_group(other, world.group(ANNA))
    world.sync()
    assert world.tag_names() == ["Ann Smith", "Bob Ray"]
    world.phone.remove_from_group(other, world.group(ANNA))
    world.sync()
    assert world.tag_names() == ["Ann Smith"]
    assert world.crm.contact(contact) is not None
