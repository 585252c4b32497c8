"""The scenarios: what people did before the sync that is killed. Each leaves that one sync much to do."""

from __future__ import annotations

from collections.abc import Callable

from syncd.cli.demo.stage import ANNA, EMAIL, MOBILE
from tests.kill.world import KillWorld

Act = Callable[[KillWorld], None]
MINUTE = 60.0


def group_made(world: KillWorld) -> None:
    """Anna has made her group already."""
    world.phone.create_group("Creatio")


def first_fill(world: KillWorld) -> None:
    """Newcomers on both sides, two people on both (one alike, one not), a partner in the CRM that has no tag yet."""
    for n in range(2):
        world.crm_contact(f"Crm{n}", "Lee", email=f"c{n}@x.example", mobile=f"+1202555010{n}", JobTitle=f"Clerk {n}")
        world.google_contact(ANNA, f"Goo{n}", "Ray", email=f"g{n}@x.example", biographies=[{"value": f"met in {n}"}])
    world.crm_contact("Both", "Same", email="both@x.example", JobTitle="Chief")
    world.google_contact(ANNA, "Both", "Same", email="both@x.example", mobile="+12025550110")
    world.crm_contact("Alike", "Twice", email="alike@x.example")
    world.google_contact(ANNA, "Alike", "Twice", email="alike@x.example")
    world.crm_contact("Known", "Before", email="known@x.example", Notes="old customer", tag=False)
    world.google_contact(ANNA, "Known", "Before", email="known@x.example")


def newcomers_of_the_crm(world: KillWorld) -> None:
    """Tagged contacts, and no group in Google yet."""
    for n in range(2):
        world.crm_contact(f"Crm{n}", "Lee", email=f"c{n}@x.example")


def synced(world: KillWorld) -> None:
    """One sync that ends well, and some time."""
    for report in world.sync_once().reports:
        if report["outcome"] != "ok":
            raise RuntimeError(f"a scenario's own sync ended with {report}")
    world.later(MINUTE)


def edits(world: KillWorld) -> None:
    """Different fields on both sides, one field on both, an addition, a removal, a newcomer on each side."""
    crm, google = _by_name(world)
    world.crm.patch("Contact", crm["Crm0 Lee"], {"JobTitle": "Partner", "Notes": "likes tea"})
    world.phone.edit(google["Crm0 Lee"], phoneNumbers=[{"value": "+12025550199", "type": "mobile"}])
    world.crm.patch("Contact", crm["Goo0 Ray"], {"Notes": "the CRM says so"})
    world.later(MINUTE)
    world.phone.edit(google["Goo0 Ray"], biographies=[{"value": "the phone says so"}])
    emails = [{"value": "g1@x.example", "type": "work"}, {"value": "more@x.example", "type": "home"}]
    world.phone.edit(google["Goo1 Ray"], emailAddresses=emails)
    world.crm.delete("ContactCommunication", _row(world, crm["Crm1 Lee"], MOBILE))
    world.crm_contact("New", "Tagged", email="newc@x.example")
    world.google_contact(ANNA, "New", "Grouped", email="newg@x.example", mobile="+12025550120")
    world.later(MINUTE)


def some_left(world: KillWorld) -> None:
    """One contact taken out on each side, some time ago."""
    crm, google = _by_name(world)
    world.phone.remove_from_group(google["Both Same"], world.group(ANNA))
    world.crm.untag(crm["Alike Twice"], world.tags[ANNA.account])


def leaving(world: KillWorld) -> None:
    """One deleted and one taken out on either side; those taken out before are put back, one of them edited."""
    crm, google = _by_name(world)
    world.phone.delete(google["Crm0 Lee"])
    world.phone.remove_from_group(google["Crm1 Lee"], world.group(ANNA))
    world.crm.delete("Contact", crm["Goo0 Ray"])
    world.crm.untag(crm["Goo1 Ray"], world.tags[ANNA.account])
    world.phone.add_to_group(google["Both Same"], world.group(ANNA))
    world.phone.edit(google["Both Same"], biographies=[{"value": "back again"}])
    world.crm.tag(crm["Alike Twice"], world.tags[ANNA.account], ANNA.account)
    world.crm.patch("ContactCommunication", _row(world, crm["Alike Twice"], EMAIL), {"Number": "alike2@x.example"})
    world.later(MINUTE)


SCENARIOS: dict[str, tuple[Act, ...]] = {
    "first-fill": (group_made, first_fill),
    "new-group": (newcomers_of_the_crm,),
    "incremental": (group_made, first_fill, synced, edits),
    "leaving": (group_made, first_fill, synced, some_left, synced, leaving),
}


def build(world: KillWorld, scenario: str) -> None:
    """Play a scenario up to the sync that is to be killed."""
    for act in SCENARIOS[scenario]:
        act(world)


def _by_name(world: KillWorld) -> tuple[dict[str, str], dict[str, str]]:
    crm = {str(row["Name"]): str(row["Id"]) for row in world.crm.dump()["Contact"]}
    google = {}
    for resource, person in world.phone.contacts.items():
        name = person["names"][0]
        google[f"{name['givenName']} {name['familyName']}"] = resource
    return crm, google


def _row(world: KillWorld, contact: str, kind: str) -> str:
    rows = world.crm.children("ContactCommunication", "ContactId", contact)
    return next(str(row["Id"]) for row in rows if row["CommunicationTypeId"] == kind)
