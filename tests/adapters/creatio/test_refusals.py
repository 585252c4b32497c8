"""What each refusal means, and what cannot be placed."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from syncd.core.contact import Field, Unit
from syncd.core.errors import MissingRight, RateLimited
from syncd.core.ports import Done, Refused, Unknown, Unsent
from tests.adapters.creatio.samples import NAME, NEW, unit
from tests.adapters.creatio.world import World, create, update

Worlds = Callable[..., World]


@pytest.mark.parametrize("failed", ["only_failed", "424"])
def test_refused_contact_harms_no_other_and_leaves_nothing_behind(site: World, failed: str) -> None:
    """Each contact is a group that holds or fails whole; the reason has no value in it."""
    site.crm.profile.failed_group = failed  # type: ignore[assignment]  # parametrized
    site.pull()
    ids = [str(uuid.UUID(int=n + 1)) for n in range(3)]
    bad = Unit(Field.EMAIL, ("secret" * 60,))
    outcomes = site.send(
        create(ids[0], [NAME], [site.tag]), create(ids[1], [NAME, bad], [site.tag]), create(ids[2], [NAME], [site.tag])
    )
    assert [type(o) for o in outcomes] == [Done, Refused, Done]
    assert "secret" not in outcomes[1].reason  # type: ignore[union-attr]  # refused
    assert site.crm.contact(ids[1]) is None
    assert site.rows(ids[1]) == []


def test_part_that_may_succeed_later_is_unknown(world: World) -> None:
    """A deadlock is no verdict on the content."""
    bob = world.add()
    world.pull()
    record = world.bodies[bob]
    body = (
        '{"responses":[{"id":"g0.0","status":500,"body":{"error":{"message":"Transaction was deadlocked","code":""}}}]}'
    )
    world.fault("200", body=body, target=r"\$batch")
    (outcome,) = world.send(update(record, (unit(record, "Bob"), Unit(Field.NAME, ("Rob", "", "B")))))
    assert isinstance(outcome, Unknown)


def test_parts_without_an_answer_were_not_sent(world: World) -> None:
    """The server stopped before them."""
    world.pull()
    world.fault("200", body='{"responses":[]}', target=r"\$batch")
    assert world.send(create(NEW, [NAME])) == (Unsent(),)


def test_login_that_may_write_nothing_needs_a_person(worlds: Worlds) -> None:
    """Every contact would be refused for the same reason; none is parked for it."""
    for status in (403,):
        world = worlds(denied_write_status=status)
        world.pull()
        world.crm.revoke("Supervisor", insert=False)
        with pytest.raises(MissingRight):
            world.send(create(NEW, [NAME], [world.tag]))


@pytest.mark.parametrize("status", ["500", "502", "503"])
def test_failing_batch_is_unknown_for_all_its_contacts(world: World, status: str) -> None:
    """It may have been carried out."""
    world.pull()
    world.fault(status, body="<html></html>", target=r"\$batch")
    assert [type(o) for o in world.send(create(NEW, [NAME]), create(str(uuid.uuid4()), [NAME]))] == [Unknown, Unknown]


def test_quota_stops_the_call_before_it_begins(world: World) -> None:
    """429: nothing was applied."""
    world.pull()
    world.fault("429", target=r"\$batch")
    with pytest.raises(RateLimited):
        world.send(create(NEW, [NAME]))


def test_batch_refused_whole_is_made_smaller(world: World) -> None:
    """None of its parts was carried out; a single write that is refused so is refused."""
    world.pull()
    world.fault("400", body='{"error":{"message":"too big"}}', target=r"\$batch", count=2)
    outcomes = world.send(create(NEW, [NAME]), create(str(uuid.uuid4()), [NAME]))
    assert outcomes == (Unsent(), Unsent())
    assert isinstance(world.send(create(NEW, [NAME]))[0], Refused)


def test_contact_that_is_only_hidden_is_not_missing(world: World) -> None:
    """The login lost its rights: what became of the write is not known, and nobody is declared deleted."""
    bob = world.add()
    world.pull()
    record = world.bodies[bob]
    world.crm.revoke("Supervisor", hidden={bob, world.crm.user("Supervisor").contact_id})
    (outcome,) = world.send(update(record, (unit(record, "Bob"), Unit(Field.NAME, ("Rob", "", "B")))))
    assert isinstance(outcome, Unknown)


def test_account_that_was_renamed_is_not_linked_by_its_old_name(world: World) -> None:
    """What was looked up once is forgotten when a reading shows that it moved."""
    world.crm.insert("Account", {"Name": "Acme"})
    world.pull()
    world.sent(create(NEW, [NAME, Unit(Field.JOB, ("Acme", "", ""))], [world.tag]))
    account = world.crm.contact(NEW)["AccountId"]  # type: ignore[index]  # it is there
    world.later()
    world.crm.patch("Account", account, {"Name": "Other"})
    world.pull()
    (outcome,) = world.send(create(str(uuid.uuid4()), [NAME, Unit(Field.JOB, ("Acme", "", ""))]))
    assert isinstance(outcome, Done)
    assert outcome.unholdable


def test_unplaced_company_stays_out_and_is_said(site: World, bob: str) -> None:
    """`company = "link"`: no account of that name, or two: the linked one stays, the title is written."""
    record = site.bodies[bob]
    (outcome,) = site.send(update(record, (unit(record, "Acme"), Unit(Field.JOB, ("Nowhere Ltd", "Chief", "")))))
    assert isinstance(outcome, Done)
    assert outcome.unholdable
    assert outcome.record is not None
    assert unit(outcome.record, "Acme").value == ("Acme", "Chief", "")
    site.crm.insert("Account", {"Name": "Twin"})
    site.crm.insert("Account", {"Name": "TWIN"})
    site.later()
    site.pull()
    (outcome,) = site.send(
        update(site.bodies[bob], (unit(site.bodies[bob], "Acme"), Unit(Field.JOB, ("Twin", "Chief", ""))))
    )
    assert isinstance(outcome, Done)
    assert outcome.unholdable


def test_company_is_found_whatever_its_case(worlds: Worlds) -> None:
    """Also on a database that minds case; and placed once its account appears."""
    world = worlds(collation="cs")
    bob = world.add()
    world.pull()
    write = update(world.bodies[bob], (None, Unit(Field.JOB, ("ACME gmbh", "", ""))))
    assert world.send(write)[0].unholdable  # type: ignore[union-attr]  # done
    world.crm.insert("Account", {"Name": "Acme Gmbh"})
    found = world.sent(write)
    assert unit(found, "Acme Gmbh")


def test_company_is_made_where_that_is_wished(worlds: Worlds) -> None:
    """Once, however often it is named; never beside a twin."""
    world = worlds(company="create")
    world.pull()
    job = Unit(Field.JOB, ("New Co", "", ""))
    ids = [str(uuid.UUID(int=n + 1)) for n in range(3)]
    outcomes = world.send(*(create(i, [NAME, job]) for i in ids))
    assert all(isinstance(o, Done) and o.record and unit(o.record, "New Co") for o in outcomes)
    assert len([a for a in world.crm.dump()["Account"] if a["Name"] == "New Co"]) == 1
    world.sent(create(NEW, [NAME, Unit(Field.JOB, ("new co", "", ""))]))
    assert len(world.crm.dump()["Account"]) == 1


def test_company_as_text_goes_to_its_column(worlds: Worlds) -> None:
    """And an account of that name is linked instead, the text then cleared."""
    world = worlds(company="text", company_column="UsrCompany")
    world.pull()
    found = world.sent(create(NEW, [NAME, Unit(Field.JOB, ("Tiny Ltd", "", ""))]))
    assert world.crm.contact(NEW)["UsrCompany"] == "Tiny Ltd"  # type: ignore[index]  # it is there
    world.crm.insert("Account", {"Name": "Big Ltd"})
    found = world.sent(update(found, (unit(found, "Tiny Ltd"), Unit(Field.JOB, ("Big Ltd", "", "")))))
    assert unit(found, "Big Ltd")
    assert world.crm.contact(NEW)["UsrCompany"] == ""  # type: ignore[index]  # it is there
    found = world.sent(update(found, (unit(found, "Big Ltd"), None)))
    assert not [u for u in found.units if u.field is Field.JOB]


def test_unknown_city_stays_out_and_is_said(world: World) -> None:
    """The street is written; nothing is invented."""
    bob = world.add()
    world.pull()
    address = Unit(Field.ADDRESS, ("Main 1", "Gotham", "", "1", "Germany"), "work")
    (outcome,) = world.send(update(world.bodies[bob], (None, address)))
    assert isinstance(outcome, Done)
    assert outcome.unholdable
    assert outcome.record is not None
    assert unit(outcome.record, "Main 1").value == ("Main 1", "", "", "1", "Germany")


def test_birthday_without_a_year_stays_out(world: World) -> None:
    """No year is ever invented."""
    bob = world.add()
    world.pull()
    (outcome,) = world.send(update(world.bodies[bob], (None, Unit(Field.BIRTHDAY, ("", "5", "1")))))
    assert isinstance(outcome, Done)
    assert outcome.unholdable
    assert world.crm.contact(bob)["BirthDate"].startswith("0001")  # type: ignore[index]  # it is there


def test_custom_columns_are_written_in_their_own_kind(world: World) -> None:
    """A number column gets a number; what is none stays out."""
    world.custom = ("UsrLoyalty", "UsrScore")
    bob = world.add(UsrLoyalty="gold")
    world.pull()
    record = world.bodies[bob]
    gold = unit(record, "gold")
    found = world.sent(update(record, (gold, None), (None, Unit(Field.CUSTOM, ("12",), "UsrScore"))))
    shown = world.crm.contact(bob)
    assert shown is not None
    assert (shown["UsrLoyalty"], shown["UsrScore"]) == ("", 12)
    (outcome,) = world.send(update(found, (unit(found, "12"), Unit(Field.CUSTOM, ("many",), "UsrScore"))))
    assert isinstance(outcome, Done)
    assert outcome.unholdable
