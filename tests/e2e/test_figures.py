"""What a run costs, counted in requests and bytes. Counts, never times."""

from __future__ import annotations

import math

import pytest

from syncd.cli.demo.stage import ANNA, EMAIL, Player
from tests.e2e.conftest import Opener
from tests.e2e.world import Traffic, World


def _fill(world: World, number: int) -> None:
    """So many tagged contacts with an e-mail each, put into the CRM at once."""
    tag, robot = world.tags["anna"], world.crm.users["anna"].contact_id
    contacts = [
        {"Name": f"Given{at} Family{at}", "GivenName": f"Given{at}", "Surname": f"Family{at}", "OwnerId": robot}
        for at in range(number)
    ]
    ids = world.crm.load("Contact", contacts, "anna")
    emails = [
        {"ContactId": key, "CommunicationTypeId": EMAIL, "Number": f"p{at}@example.org"} for at, key in enumerate(ids)
    ]
    world.crm.load("ContactCommunication", emails, "anna")
    world.crm.load("ContactInTag", [{"EntityId": key, "TagId": tag} for key in ids], "anna")


def _settled(world: World, number: int) -> None:
    """In step, with the windows that overlap behind us."""
    _fill(world, number)
    world.sync()
    assert len(world.grouped(ANNA)) == number
    for _ in range(2):
        world.later(1_200)
        world.sync()


def _idle(world: World) -> Traffic:
    with world.watched() as traffic:
        world.sync()
    assert not traffic.writes
    return traffic


def _writing(world: World) -> int:
    """How many of the CRM's requests wrote something."""
    asked = [request.body for side, request, _reply in world.heard if side == "crm"]
    return sum(b'"POST"' in body or b'"PATCH"' in body for body in asked)


@pytest.mark.parametrize("number", [10, 2_500])
def test_run_with_nothing_to_do_makes_one_google_and_at_most_three_crm_requests(
    open_world: Opener, number: int
) -> None:
    """However many contacts are linked; one CRM request where GET in `$batch` is taken, else one per table."""
    world = open_world()
    _settled(world, number)
    traffic = _idle(world)
    assert traffic.google_requests == 1
    reads = sum(n for kind, n in traffic.crm.items() if not kind.startswith("$batch"))
    tables = {kind.split()[-1] for kind in traffic.crm}
    assert traffic.crm_requests <= (3 if world.crm.profile.batch_get else len(tables)), (traffic.crm, reads)


def test_bytes_of_a_run_with_nothing_to_do_are_constant(open_world: Opener) -> None:
    """What an idle run reads does not grow with what is linked (beyond one page of newest rows)."""
    sizes = []
    for number in (300, 1_200):
        world = open_world()
        _settled(world, number)
        _idle(world)
        sizes.append(world.bytes_heard())
    assert abs(sizes[1] - sizes[0]) < 0.05 * sizes[0]


def test_crm_requests_of_an_interval_do_not_grow_with_accounts(open_world: Opener) -> None:
    """Twenty accounts with nothing to do cost the CRM what one costs."""
    counts = []
    for number in (1, 20):
        players = tuple(Player(f"user{at}", f"User Number{at}", f"user{at}@example.com") for at in range(number))
        world = open_world(players=players)
        names = [player.account for player in players]
        for player in players:
            world.crm_contact("Given", player.account, by=player.account, email=f"{player.account}@example.org")
        world.sync(*names)
        for _ in range(2):
            world.later(1_200)
            world.sync(*names)
        with world.watched() as traffic:
            world.sync(*names)
        counts.append(traffic.crm_requests)
        assert traffic.google_requests == number
        assert not traffic.writes
    assert counts[0] == counts[1]


def test_first_fill_of_google_takes_one_create_per_two_hundred(world: World) -> None:
    """450 contacts: three calls."""
    _fill(world, 450)
    with world.watched() as traffic:
        world.sync()
    creates = {k: n for k, n in traffic.writes.items() if k.startswith(("people.", "contactGroups."))}
    assert creates == {"people.batchCreateContacts": math.ceil(450 / 200)}
    world.expect_silence()


def test_first_fill_of_the_crm_takes_one_batch_per_hundred_rows(world: World) -> None:
    """120 contacts with an e-mail each: 120 contacts, 120 rows and 120 tag rows in batches of up to a hundred."""
    for at in range(120):
        world.google_contact(ANNA, f"Given{at}", f"Family{at}", email=f"p{at}@example.org")
    with world.watched() as traffic:
        world.sync()
    assert len(world.tagged(ANNA)) == 120
    inserts = {k.split()[-1]: n for k, n in traffic.writes.items() if k.startswith("$batch POST")}
    assert inserts == {"Contact": 120, "ContactCommunication": 120, "ContactInTag": 120}
    assert _writing(world) <= 3 * math.ceil(120 / 100)
    world.expect_silence()


def test_five_changed_contacts_are_one_write_call_to_google(world: World) -> None:
    """k = 5 changes of the CRM: one batchUpdate."""
    made = world.pairs(12)
    for contact, _resource in made[:5]:
        world.crm.patch("Contact", contact, {"JobTitle": "Clerk"}, "anna")
    with world.watched() as traffic:
        world.sync()
    assert traffic.writes == {"people.batchUpdateContacts": 1}


def test_five_changed_contacts_are_one_write_call_to_the_crm(world: World) -> None:
    """k = 5 changes of Google: one `$batch` of five updates."""
    made = world.pairs(12)
    for _contact, resource in made[:5]:
        world.phone.edit(resource, biographies=[{"value": "Met"}])
    with world.watched() as traffic:
        world.sync()
    assert traffic.writes == {"$batch PATCH Contact": 5}
    assert _writing(world) == 1
