"""Which of two edits was later, by two servers' clocks."""

from __future__ import annotations

import pytest

from syncd.cli.demo.stage import ANNA, BEN
from tests.e2e.conftest import Opener
from tests.e2e.world import World


def _edit(world: World, side: str, contact: str, resource: str, text: str) -> None:
    if side == "crm":
        world.crm.patch("Contact", contact, {"Notes": text}, "anna")
    else:
        world.phone.edit(resource, biographies=[{"value": text}] if text else [])


def _both_say(world: World, contact: str, resource: str) -> tuple[str, str]:
    return world.row(contact)["notes"], world.card(resource)["notes"]


@pytest.mark.every_dress
@pytest.mark.parametrize("last", ["crm", "google"])
def test_later_write_wins(world: World, last: str) -> None:
    """Both edited one unit between two runs: the later edit stands on both sides, the loser is in the history."""
    contact, resource = world.pair(Notes="before")
    for side in ("google", "crm") if last == "crm" else ("crm", "google"):
        world.later()
        _edit(world, side, contact, resource, f"by {side}")
    assert world.synced()["conflicts"] == 1
    assert _both_say(world, contact, resource) == (f"by {last}", f"by {last}")
    assert world.query("select why from history where kind = 'conflict'") == [("later",)]
    world.expect_silence()


@pytest.mark.parametrize("last", ["crm", "google"])
@pytest.mark.parametrize("skew", [-5400.0, 5400.0])
def test_later_write_wins_across_clocks_that_differ(open_world: Opener, last: str, skew: float) -> None:
    """The CRM's clock is an hour and a half off: corrected times are compared, not the stamps."""
    world = open_world(crm_skew=skew)
    contact, resource = world.pair(Notes="before")
    for side in ("google", "crm") if last == "crm" else ("crm", "google"):
        world.later()
        _edit(world, side, contact, resource, f"by {side}")
    world.sync()
    assert _both_say(world, contact, resource) == (f"by {last}", f"by {last}")


@pytest.mark.parametrize("tie", ["crm", "google"])
def test_tie_goes_to_the_side_the_operator_named(open_world: Opener, tie: str) -> None:
    """Edits within the clocks' uncertainty: the CRM's stands, or what `tie` says, and stays so in the next runs."""
    world = open_world(account_lines={"anna": f'tag = "Google"\ngroup = "Creatio"\ntie = "{tie}"'})
    contact, resource = world.pair(Notes="before")
    world.later()
    _edit(world, "google", contact, resource, "by google")
    _edit(world, "crm", contact, resource, "by crm")
    world.sync()
    assert _both_say(world, contact, resource) == (f"by {tie}", f"by {tie}")
    world.expect_silence()


@pytest.mark.parametrize("emptied", ["crm", "google"])
def test_tie_of_a_removal_and_an_edit_keeps_the_value(world: World, emptied: str) -> None:
    """Within the uncertainty non-empty beats empty."""
    contact, resource = world.pair(Notes="before")
    world.later()
    other = "google" if emptied == "crm" else "crm"
    _edit(world, emptied, contact, resource, "")
    _edit(world, other, contact, resource, "kept")
    world.sync()
    assert _both_say(world, contact, resource) == ("kept", "kept")


def test_later_removal_in_google_wins(world: World) -> None:
    """A value edited in the CRM and then removed on the phone is removed."""
    contact, resource = world.pair(Notes="before")
    world.later()
    _edit(world, "crm", contact, resource, "edited")
    world.later()
    _edit(world, "google", contact, resource, "")
    world.sync()
    assert _both_say(world, contact, resource) == ("", "")


def test_value_removed_in_the_crm_counts_as_removed_at_the_previous_reading(world: World) -> None:
    """Which column was emptied when, the CRM does not say: an edit made since the last run is later, and kept."""
    contact, resource = world.pair(Notes="before")
    world.later()
    _edit(world, "google", contact, resource, "edited")
    world.later()
    _edit(world, "crm", contact, resource, "")
    world.sync()
    assert _both_say(world, contact, resource) == ("edited", "edited")


def test_removed_row_counts_as_removed_at_the_previous_reading(world: World) -> None:
    """A CRM row that is gone has no stamp: any edit made since the last run is later."""
    contact, resource = world.pair(mobile="+12025550100", email="ann@example.org")
    world.later()
    world.sync()
    world.later()
    world.phone.edit(resource, phoneNumbers=[{"value": "+12025550111", "type": "mobile"}])
    world.later()
    world.crm.delete("ContactCommunication", world.number(contact, "Mobile phone"), "anna")
    world.sync()
    assert [n for n, _ in world.row(contact)["phones"]] == ["+12025550111"]
    assert world.card(resource)["phones"] == [("+12025550111", "mobile")]


@pytest.mark.parametrize("days", [2, 400])
def test_stamp_in_the_future_is_not_trusted(world: World, days: int) -> None:
    """A stamp a day or more ahead of the server's clock decides nothing: the edits count as a tie."""
    contact, resource = world.pair(email="ann@example.org", mobile="+12025550100", Notes="before")
    world.later()
    world.phone.edit(resource, biographies=[{"value": "by google"}])
    world.later()
    world.crm.patch("Contact", contact, {"Notes": "by crm"}, "anna")
    world.crm_clock.advance(days * 86_400)
    world.crm.patch("Contact", contact, {"Notes": "by crm, stamped ahead"}, "anna")
    world.crm_clock.advance(-days * 86_400)
    world.sync()
    assert _both_say(world, contact, resource) == ("by crm, stamped ahead",) * 2
    assert world.query("select why from history where kind = 'conflict'") == [("tie",)]


def test_carried_value_keeps_the_time_of_its_edit_for_other_users(open_world: Opener) -> None:
    """Anna's older edit, carried to the CRM late, does not beat Ben's newer one."""
    world = open_world(players=(ANNA, BEN))
    contact = world.crm_contact("Ann", "Smith", by="anna", Notes="before")
    world.crm.tag(contact, world.tags["ben"], "ben")
    world.sync("anna", "ben")
    mine, theirs = world.google_of(contact, ANNA), world.google_of(contact, BEN)
    world.later()
    world.phone.edit(mine, biographies=[{"value": "Anna, earlier"}])
    world.later()
    world.google.user(BEN.email).edit(theirs, biographies=[{"value": "Ben, later"}])
    world.later()
    world.sync("anna")
    world.sync("ben")
    world.sync("anna")
    assert world.row(contact)["notes"] == "Ben, later"
    assert world.card(mine)["notes"] == world.card(theirs, BEN)["notes"] == "Ben, later"
    world.expect_silence("anna", "ben")


def test_row_stamped_in_the_future_hides_no_later_edit(world: World) -> None:
    """A node of the CRM whose clock ran ahead stamped one contact: edits of the others are still noticed."""
    (one, _first), (two, second) = world.pairs(2)
    world.crm_clock.advance(7200)
    world.crm.patch("Contact", one, {"JobTitle": "Clerk"}, "anna")
    world.crm_clock.advance(-7200)
    world.sync()
    world.later(600)
    world.crm.patch("Contact", two, {"JobTitle": "Baker"}, "anna")
    world.sync()
    assert world.card(second)["job"][1] == "Baker"
