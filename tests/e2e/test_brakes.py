"""The brakes: a plan that does too much damage is held whole, written nowhere, and waits for approval."""

from __future__ import annotations

import time
from typing import Any

import pytest

from syncd.cli.demo.stage import ANNA, BEN
from tests.e2e.conftest import Opener
from tests.e2e.world import World


def _held(world: World, reason: str) -> dict[str, Any]:
    """This sync is held for this reason, and nothing is written anywhere."""
    with world.watched() as traffic:
        report = world.run()
    assert report["outcome"] == "held", report
    assert not traffic.writes
    plan = next(h for h in world.holds() if h["what"] == "plan")
    assert reason in plan["reasons"]
    assert '"SY104"' in world.daemon_log()
    return report


@pytest.mark.every_dress
def test_too_many_leavers_are_held_and_go_after_approval(world: World) -> None:
    """11 of 15 leave: held, with exit code 2, until approved; then they leave and nobody is deleted."""
    made = world.pairs(15)
    for _contact, resource in made[:11]:
        world.phone.remove_from_group(resource, world.group(ANNA))
    _held(world, "leavers")
    assert world.syncd("sync", "anna").returncode == 2
    assert len(world.tag_names()) == 15
    assert world.approve()["steps"] == 11
    world.sync()
    assert len(world.tag_names()) == 4
    assert len(world.in_crm()) == 15
    world.expect_silence()


def test_ten_leavers_are_no_alarm(world: World) -> None:
    """The limit is more than ten."""
    made = world.pairs(15)
    for contact, _resource in made[:10]:
        world.crm.untag(contact, world.tags["anna"], "anna")
    assert world.synced()["google"]["ungrouped"] == 10


def test_limits_of_an_account_can_be_changed(open_world: Opener) -> None:
    """A stricter limit in the configuration trips earlier."""
    limits = "[account.anna.limits]\nleavers = { count = 2, share = 0.1 }"
    world = open_world(account_lines={"anna": f'tag = "Google"\ngroup = "Creatio"\n{limits}'})
    made = world.pairs(5)
    for contact, _resource in made[:3]:
        world.crm.untag(contact, world.tags["anna"], "anna")
    _held(world, "leavers")


@pytest.mark.parametrize("side", ["crm", "google"])
def test_side_that_reads_empty_is_held(world: World, side: str) -> None:
    """Four members are gone at once: that is a lost reading or a lost right until a person says otherwise."""
    made = world.pairs(4)
    for contact, resource in made:
        if side == "crm":
            world.crm.untag(contact, world.tags["anna"], "anna")
        else:
            world.phone.remove_from_group(resource, world.group(ANNA))
    _held(world, "empty_side")
    assert len(world.members()) == (4 if side == "crm" else 0)
    world.approve()
    world.sync()
    assert world.members() == world.tag_names() == []
    assert len(world.people()) == len(world.in_crm()) == 4


def test_deleted_group_is_held_at_any_size(world: World) -> None:
    """The user deleted the label: that is no order to untag, however few were in it."""
    world.pairs(2)
    world.phone.delete_group(world.group(ANNA))
    _held(world, "scope_gone")
    assert len(world.tag_names()) == 2


def test_deleted_tag_is_held_at_any_size(open_world: Opener) -> None:
    """Somebody deleted the tag: nobody is taken out of the group. Ben's tag shows that tags can be read."""
    world = open_world(players=(ANNA, BEN))
    world.pairs(2)
    world.crm.delete("ContactTag", world.tags["anna"], "anna")
    _held(world, "scope_gone")
    assert len(world.members()) == 2


def test_deleted_group_is_rebuilt_when_a_person_says_so(world: World) -> None:
    """`syncd resolve anna rebuild`: the label is made anew with its contacts, and nobody was untagged."""
    made = world.pairs(2)
    world.phone.delete_group(world.group(ANNA))
    report = _held(world, "scope_gone")
    assert "rebuild" in report["message"]
    assert world.syncd("resolve", "anna", "rebuild").returncode == 0
    world.sync()
    assert len(world.members()) == len(world.tag_names()) == len(made)
    world.expect_silence()


def test_contacts_of_a_deleted_group_are_let_go_when_a_person_says_so(world: World) -> None:
    """`syncd resolve anna let-go`: they lose the tag, and stay on both sides."""
    world.pairs(2)
    world.phone.delete_group(world.group(ANNA))
    _held(world, "scope_gone")
    assert world.syncd("resolve", "anna", "let-go").returncode == 0
    world.sync()
    assert world.tag_names() == []
    assert len(world.people()) == len(world.in_crm()) == 2
    world.expect_silence()


def test_only_tag_that_is_gone_counts_as_a_lost_right(world: World) -> None:
    """A CRM that shows none of its tags any more has hidden them: said so, and nobody is taken out of the group."""
    world.pairs(2)
    world.crm.delete("ContactTag", world.tags["anna"], "anna")
    with world.watched() as traffic:
        report = world.run()
    assert (report["outcome"], report["reason"]) == ("failed", "missing_right")
    assert not traffic.writes
    assert len(world.members()) == 2


def test_too_many_changes_are_held(world: World) -> None:
    """11 of 15 records changed, more than half: a bulk edit waits."""
    made = world.pairs(15)
    for contact, _resource in made[:11]:
        world.crm.patch("Contact", contact, {"JobTitle": "Clerk"}, "anna")
    _held(world, "changed")
    world.approve()
    world.sync()
    assert sum(world.card(resource)["job"][1] == "Clerk" for _, resource in made) == 11


def test_half_of_many_changed_is_no_alarm(world: World) -> None:
    """More than ten, but not more than half."""
    made = world.pairs(24)
    for contact, _resource in made[:12]:
        world.crm.patch("Contact", contact, {"JobTitle": "Clerk"}, "anna")
    assert world.synced()["google"]["updated"] == 12


def test_too_many_emptied_values_are_held(world: World) -> None:
    """22 of some 190 values vanish from one side at once, from fewer than half of the contacts."""
    made = world.pairs(24, mobile="+12025550100", work="+12025550101")
    for contact, _resource in made[:11]:
        for kind in ("Mobile phone", "Business phone"):
            world.crm.delete("ContactCommunication", world.number(contact, kind), "anna")
    _held(world, "emptied")
    assert all(len(world.card(resource)["phones"]) == 2 for _, resource in made)


def test_field_emptied_on_every_record_is_held(world: World) -> None:
    """All three that had notes lose them: a column was wiped, not three people's minds changed."""
    made = world.pairs(8)
    for contact, _resource in made[:3]:
        world.crm.patch("Contact", contact, {"Notes": "Met"}, "anna")
    world.sync()
    for contact, _resource in made[:3]:
        world.crm.patch("Contact", contact, {"Notes": ""}, "anna")
    _held(world, "field_emptied")
    assert [world.card(resource)["notes"] for _, resource in made[:3]] == ["Met"] * 3


@pytest.mark.parametrize("deny", ["emptyList", "403"])
@pytest.mark.parametrize("what", ["Contact", "ContactInTag", "ContactTag"])
def test_lost_right_to_read_is_no_leaving(world: World, deny: str, what: str) -> None:
    """Rights lost look like an empty list: whatever the answer, nobody is ungrouped."""
    made = world.pairs(3)
    world.crm.profile.change({"deny_read": deny})
    if what == "ContactTag":  # the rows in the tag still show: only a leaver makes the tag itself matter
        world.crm.untag(made[0][0], world.tags["anna"], "anna")
    world.crm.revoke("syncd", unreadable={what})
    with world.watched() as traffic:
        report = world.run()
    assert report["outcome"] in ("held", "failed")
    assert not traffic.writes
    assert len(world.members()) == 3
    world.crm.revoke("syncd", unreadable=set())
    world.sync()
    assert len(world.members()) == (2 if what == "ContactTag" else 3)


def test_listed_contact_that_cannot_be_read_is_held_alone(open_world: Opener) -> None:
    """Its tag row is there, it is not: it waits in the group, and the others go on."""
    world = open_world(account_lines={"anna": 'tag = "Google"\ngroup = "Creatio"\nfull_every = "1s"'})
    made = world.pairs(4)
    with world.crm.lock, world.crm.store.transaction():
        world.crm.store.remove("Contact", made[0][0])
    world.crm.patch("Contact", made[1][0], {"JobTitle": "Clerk"}, "anna")
    time.sleep(1.0)  # the least `full_every`: this run reads everything
    world.sync()
    assert world.card(made[1][1])["job"][1] == "Clerk"
    assert len(world.members()) == 4
    assert [h["reason"] for h in world.holds()] == ["unreadable"]


@pytest.mark.parametrize(
    "lines",
    [
        'tag = "Google"\ngroup = "Creatio"\ndirection = "to_google"',
        'tag = "Google"\ngroup = "Creatio"\nconflict = "record"',
        'tag = "Google"\ngroup = "Creatio"\ncompany = "create"',
        'tag = "Google"\ngroup = "Other"',
    ],
    ids=["direction", "conflict", "company", "group"],
)
def test_changed_fingerprint_is_held(world: World, lines: str) -> None:
    """The operator turned the sync into another one: the next plan with something to do is shown first."""
    made = world.pairs(2)
    world.stop_daemon()
    world.reconfigure(anna=lines)
    world.start_daemon()
    world.crm.patch("Contact", made[0][0], {"JobTitle": "Clerk"}, "anna")
    report = world.run()
    assert report["outcome"] == "held", report
    assert "fingerprint" in report["message"]
    assert world.card(made[0][1])["job"][1] == ""


def test_irrelevant_setting_is_no_new_fingerprint(world: World) -> None:
    """Limits and schedules are not part of what a sync is."""
    made = world.pairs(2)
    world.stop_daemon()
    world.reconfigure(anna='tag = "Google"\ngroup = "Creatio"\nfull_every = "2d"\ntie = "google"')
    world.start_daemon()
    world.crm.patch("Contact", made[0][0], {"JobTitle": "Clerk"}, "anna")
    world.sync()
    assert world.card(made[0][1])["job"][1] == "Clerk"


def test_approval_is_good_for_the_listed_steps_alone(world: World) -> None:
    """Another leaver after the approval needs a new one when the limit trips again."""
    made = world.pairs(26)
    for contact, _resource in made[:12]:
        world.crm.untag(contact, world.tags["anna"], "anna")
    _held(world, "leavers")
    for contact, _resource in made[12:24]:
        world.crm.untag(contact, world.tags["anna"], "anna")
    world.approve()
    assert len(world.members()) == 14
    _held(world, "leavers")
    assert len(world.members()) == 14


def test_harmless_steps_wait_with_a_held_plan_and_go_after_it(world: World) -> None:
    """A held plan writes nothing at all; after approval everything is planned anew."""
    made = world.pairs(12)
    for contact, _resource in made[:11]:
        world.crm.untag(contact, world.tags["anna"], "anna")
    world.crm_contact("New", "Comer", by="anna", email="new@example.org")
    _held(world, "leavers")
    assert "New Comer" not in world.people()
    world.approve()
    world.sync()
    assert world.members() == ["Given11 Family11", "New Comer"]
    assert len(world.people()) == 13
