"""Changing contacts: columns, rows, addresses, and what is left alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from syncd.core.contact import Field, Unit
from syncd.core.ports import Missing, Stale, Unknown
from syncd.sandbox.creatio.seed import COMMUNICATION_TYPES, lookup_id
from tests.adapters.creatio.samples import changed, of, unit
from tests.adapters.creatio.world import World, update

Worlds = Callable[..., World]


def test_columns_change_without_touching_the_others(site: World, bob: str) -> None:
    """Name and parts together; only what changed is sent."""
    record = site.bodies[bob]
    site.crm.patch("Contact", bob, {"Dear": "Dear Bob", "GPSN": "1"})
    found = site.sent(
        update(
            record,
            (unit(record, "Bob"), Unit(Field.NAME, ("Rob", "", "Brown"))),
            (unit(record, "Acme"), Unit(Field.JOB, ("Acme", "Chief", ""))),
            (None, Unit(Field.BIRTHDAY, ("1980", "12", "31"))),
            (unit(record, "n"), None),
        )
    )
    shown = site.crm.contact(bob)
    assert shown is not None
    wanted = {
        "Name": "Rob Brown", "GivenName": "Rob", "Surname": "Brown", "JobTitle": "Chief",
        "BirthDate": "1980-12-31T00:00:00Z", "Notes": "", "Dear": "Dear Bob", "GPSN": "1",
    }  # fmt: skip
    assert {column: shown[column] for column in wanted} == wanted
    assert unit(found, "Acme").value == ("Acme", "Chief", "")


def test_row_keeps_its_id_through_an_edit(site: World, bob: str) -> None:
    """Rows are changed, not deleted and made anew."""
    record = site.bodies[bob]
    old = unit(record, "b@x.test")
    found = site.sent(update(record, (old, changed(old, "c@x.test"))))
    assert unit(found, "c@x.test").native == old.native
    assert of(found, Field.EMAIL) == ["a@x.test", "c@x.test"]


def test_removed_row_is_deleted_and_its_mirror_never_blanked_by_us(site: World, bob: str) -> None:
    """Also the primary one; whatever the build does then, no value stays behind in the contact."""
    record = site.bodies[bob]
    found = site.sent(update(record, (unit(record, "a@x.test"), None)))
    assert of(found, Field.EMAIL) == ["b@x.test"]
    assert site.crm.contact(bob)["Email"] in ("", "b@x.test")  # type: ignore[index]  # it is there
    assert "$batch PATCH Contact" not in site.crm.counters


def test_primary_that_is_replaced_ends_up_in_the_contact_s_column(site: World, bob: str) -> None:
    """Removed first, the new primary last: right on all three builds."""
    record = site.bodies[bob]
    found = site.sent(
        update(record, (unit(record, "a@x.test"), None), (None, Unit(Field.EMAIL, ("new@x.test",), primary=True)))
    )
    assert of(found, Field.EMAIL) == ["b@x.test", "new@x.test"]
    assert unit(found, "new@x.test").primary
    assert site.crm.contact(bob)["Email"] == "new@x.test"  # type: ignore[index]  # it is there


def test_secondary_row_that_comes_disturbs_no_other_type(site: World, bob: str) -> None:
    """A third e-mail; the phones stay as they were."""
    record = site.bodies[bob]
    found = site.sent(update(record, (None, Unit(Field.EMAIL, ("c@x.test",)))))
    assert of(found, Field.EMAIL) == ["a@x.test", "b@x.test", "c@x.test"]
    assert [u for u in found.units if u.field is Field.PHONE] == [u for u in record.units if u.field is Field.PHONE]
    assert len([u for u in found.units if u.field is Field.EMAIL and u.primary]) == 1


def test_secondary_row_does_not_take_the_primary_s_place_on_the_common_build(worlds: Worlds) -> None:
    """On older builds it may; there the read-back says so."""
    for switches in ({"comm": "C"}, {"comm": "L", "legacy_primary_patch": "mirror", "legacy_demotes_primary": True}):
        world = worlds(**switches)
        bob = world.add(emails=["a@x.test"])
        world.pull()
        found = world.sent(update(world.bodies[bob], (None, Unit(Field.EMAIL, ("c@x.test",)))))
        assert unit(found, "a@x.test").primary, switches


def test_label_that_changes_changes_the_row_s_type(site: World, bob: str) -> None:
    """From mobile to home, the same row."""
    record = site.bodies[bob]
    old = unit(record, "2")
    found = site.sent(update(record, (old, changed(old, label="home"))))
    assert (unit(found, "2").label, unit(found, "2").native) == ("home", old.native)


def test_exact_twin_is_never_put(site: World, bob: str) -> None:
    """On some builds the others would vanish, on others the save would silently do nothing."""
    record = site.bodies[bob]
    before = site.rows(bob)
    found = site.sent(update(record, (None, Unit(Field.EMAIL, ("b@x.test",)))))
    assert site.rows(bob) == before
    old = unit(record, "b@x.test")
    found = site.sent(update(record, (old, changed(old, "a@x.test"))))
    assert of(found, Field.EMAIL) == ["a@x.test"]


def test_number_that_was_set_aside_becomes_actual_again(world: World) -> None:
    """A row marked as no longer actual is kept, not sent, and not doubled when its value comes back."""
    bob = world.add(emails=["a@x.test", "old@x.test"])
    row = next(r for r in world.rows(bob) if r["Number"] == "old@x.test")
    world.crm.patch("ContactCommunication", row["Id"], {"NonActual": True})
    world.pull()
    record = world.bodies[bob]
    assert of(record, Field.EMAIL) == ["a@x.test"]
    found = world.sent(update(record, (None, Unit(Field.EMAIL, ("old@x.test",)))))
    assert unit(found, "old@x.test").native == row["Id"]


def test_foreign_rows_survive_every_change(site: World, bob: str) -> None:
    """An extension and a type of the customer's own stay as they are."""
    for kind in ("Extension phone", "Google"):
        row = {"ContactId": bob, "CommunicationTypeId": COMMUNICATION_TYPES[kind], "Number": "77"}
        site.crm.insert("ContactCommunication", row)
    site.later()
    site.pull()
    record = site.bodies[bob]
    removed = [(u, None) for u in record.units if u.native]
    found = site.sent(update(record, *removed))
    assert not [u for u in found.units if u.native]
    assert sorted(r["Number"] for r in site.rows(bob)) == ["77", "77"]


def test_address_changes_by_part_and_keeps_its_type(site: World, bob: str) -> None:
    """Only the street moves; a Legal address stays one."""
    legal = {"ContactId": bob, "AddressTypeId": lookup_id("AddressType", "Legal"), "Address": "Law 3"}
    site.crm.insert("ContactAddress", legal)
    site.later()
    site.pull()
    record = site.bodies[bob]
    main, law = unit(record, "Main 1"), unit(record, "Law 3")
    found = site.sent(
        update(
            record,
            (main, changed(main, "Main 2", *main.value[1:])),
            (law, changed(law, "Law 4", "", "", "", "Germany")),
        )
    )
    assert unit(found, "Main 2").value == ("Main 2", "Berlin", "", "", "")
    assert unit(found, "Law 4").value == ("Law 4", "", "", "", "Germany")
    assert unit(found, "Law 4").extra["type"] == legal["AddressTypeId"]  # type: ignore[index]  # it is there
    site.sent(update(found, (unit(found, "Law 4"), None)))
    assert len(site.rows(bob, "ContactAddress")) == 1


def test_update_that_is_sent_again_repeats_nothing(site: World, bob: str) -> None:
    """After a lost reply the same write is recognised as done."""
    record = site.bodies[bob]
    write = update(
        record,
        (None, Unit(Field.EMAIL, ("c@x.test",))),
        (unit(record, "Bob"), Unit(Field.NAME, ("Rob", "", "Brown"))),
        intent="i",
    )
    site.fault("reset", target=r"\$batch")
    assert isinstance(site.send(write)[0], Unknown)
    found = site.sent(write)
    assert of(found, Field.EMAIL) == ["a@x.test", "b@x.test", "c@x.test"]
    assert of(found, Field.NAME) == ["Rob"]


@pytest.mark.parametrize("status", [404, 204, 500])
@pytest.mark.parametrize("batch_get", [True, False])
def test_update_of_a_contact_that_vanished_is_missing(worlds: Worlds, status: int, *, batch_get: bool) -> None:
    """Whatever the server answers to a PATCH of nothing."""
    world = worlds(patch_missing_status=status, batch_get=batch_get)
    bob = world.add()
    world.add()
    world.pull()
    record = world.bodies[bob]
    world.crm.delete("Contact", bob)
    (outcome,) = world.send(update(record, (unit(record, "Bob"), Unit(Field.NAME, ("Rob", "", "B")))))
    assert isinstance(outcome, Missing)


@pytest.mark.parametrize("status", [404, 500])
def test_update_of_a_row_that_vanished_is_stale(worlds: Worlds, status: int) -> None:
    """Somebody deleted it meanwhile: read and plan again. Nothing of the contact was written."""
    world = worlds(patch_missing_status=status)
    bob = world.add(emails=["a@x.test", "b@x.test"])
    world.pull()
    record = world.bodies[bob]
    old = unit(record, "b@x.test")
    world.crm.delete("ContactCommunication", old.native)
    changes = ((old, changed(old, "c@x.test")), (unit(record, "Bob"), Unit(Field.NAME, ("Rob", "", "B"))))
    assert isinstance(world.send(update(record, *changes))[0], Stale)
    assert world.crm.contact(bob)["GivenName"] == "Bob"  # type: ignore[index]  # it is there


def test_update_with_nothing_to_send_is_done(world: World) -> None:
    """A name that was emptied: the CRM has no contact without one."""
    bob = world.add()
    world.pull()
    record = world.bodies[bob]
    world.crm.reset_log()
    found = world.sent(update(record, (unit(record, "Bob"), None)))
    assert of(found, Field.NAME) == ["Bob"]
    assert not [name for name in world.crm.counters if "GET" not in name]
