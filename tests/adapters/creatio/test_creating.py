"""Creating contacts, and how writes go into batches."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from adapters.creatio.budget import Budget
from adapters.http import HandlerTransport, NotSent
from syncd.core.contact import Field, Unit
from syncd.core.delta import digest
from syncd.core.errors import NeedsHuman, Unavailable
from syncd.core.ports import Done, Unknown, Update
from syncd.sandbox.creatio.seed import EMAIL
from tests.adapters.creatio.samples import NAME, NEW, WHOLE, of, said, unit
from tests.adapters.creatio.world import World, create, update

Worlds = Callable[..., World]


def test_created_contact_holds_everything_and_is_tagged_last(site: World) -> None:
    """What was sent is what is read back, and belongs to the tag's owner."""
    site.crm.insert("Account", {"Name": "Acme"})
    site.pull()
    (outcome,) = site.send(create(NEW, WHOLE, [site.tag]))
    assert isinstance(outcome, Done)
    assert outcome.record is not None
    assert said(outcome.record) == {(u.field, u.value, u.label) for u in WHOLE}
    shown = site.crm.contact(NEW)
    assert shown is not None
    assert (shown["Name"], shown["OwnerId"], shown["tags"]) == (
        "Zoë Q Żak 🌍",
        site.crm.user("anna").contact_id,
        [site.tag],
    )
    assert [r["Id"] for r in site.rows(NEW, "ContactInTag")] == list(outcome.rows)
    assert unit(outcome.record, "first@x.test").primary
    assert shown["Email"] == "first@x.test"
    assert not outcome.unholdable


def test_what_was_read_back_is_what_is_read_later(site: World) -> None:
    """No echo: the next reading finds the same content."""
    record = site.sent(create(NEW, WHOLE[:1] + WHOLE[4:], [site.tag]))
    site.bodies[NEW] = record
    site.later()
    pull = site.pull(full=True)
    assert digest(pull.records[NEW]) == digest(record)


@pytest.mark.parametrize(
    "fault", [{"kind": "reset"}, {"kind": "500", "after": True}, {"kind": "truncate_silent"}, {"kind": "hang"}]
)
def test_lost_reply_is_unknown_and_sending_again_makes_nothing_twice(site: World, fault: dict[str, Any]) -> None:
    """Ids come from the intent: whatever the first try did, the second one completes it."""
    site.pull()
    site.fault(**fault, target=r"\$batch")
    units = (*WHOLE[:1], *WHOLE[4:11], Unit(Field.ADDRESS, ("Main 1", "", "", "1", ""), "work", primary=True))
    write = create(NEW, units, [site.tag])
    assert isinstance(site.send(write)[0], Unknown)
    (outcome,) = site.send(write)
    assert isinstance(outcome, Done)
    assert len(site.rows(NEW)) == 7
    assert len(site.rows(NEW, "ContactAddress")) == 1
    assert [r["Id"] for r in site.rows(NEW, "ContactInTag")] == list(outcome.rows)
    assert outcome.record is not None
    assert said(outcome.record) == {(u.field, u.value, u.label) for u in units}


@pytest.mark.parametrize("status", [500, 400, 409])
def test_id_that_exists_is_checked_and_no_error(worlds: Worlds, status: int) -> None:
    """Whatever the server calls it."""
    world = worlds(duplicate_id_status=status)
    first = world.sent(create(NEW, [NAME], [world.tag]))
    again = world.sent(create(NEW, [NAME], [world.tag]))
    assert first == again


def test_duplicate_delivery_makes_nothing_twice(site: World) -> None:
    """A proxy that sends a request twice."""
    site.pull()
    site.fault("duplicate", target=r"\$batch")
    (outcome,) = site.send(create(NEW, WHOLE[:1] + WHOLE[4:], [site.tag]))
    assert isinstance(outcome, Done)
    assert len(site.rows(NEW)) == 7
    assert len(site.rows(NEW, "ContactInTag")) == 1


def test_unreachable_server_is_not_an_unknown_outcome(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not sent may be sent again freely."""
    world.pull()

    def unreachable(*_: object) -> None:
        raise NotSent("refused")

    monkeypatch.setattr(HandlerTransport, "send", unreachable)
    with pytest.raises(Unavailable):
        world.send(create(NEW, [NAME]))


def test_configured_owner_owns_what_is_created(worlds: Worlds) -> None:
    """In place of the tag's owner."""
    world = worlds(owner="anna@crm.test")
    own = world.crm.add_tag("Own", "Supervisor")
    record = world.sent(create(NEW, [NAME], [own]))
    assert record.extra is not None
    assert record.extra["owner"] == world.crm.user("anna").contact_id


def test_owner_that_cannot_be_found_stops_before_anything_is_written(worlds: Worlds) -> None:
    """A person has to correct it."""
    world = worlds(owner="Nobody")
    with pytest.raises(NeedsHuman):
        world.send(create(NEW, [NAME], [world.tag]))
    assert world.crm.contact(NEW) is None


def test_placeholder_is_a_name_without_parts(world: World) -> None:
    """A nameless contact gets what it has."""
    world.sent(create(NEW, [Unit(Field.NAME, ("info@x.test", "", ""), extra={"placeholder": True})]))
    assert world.crm.contact(NEW)["Name"] == "info@x.test"  # type: ignore[index]  # it is there


def test_name_follows_the_site_s_order(worlds: Worlds) -> None:
    """Where families come first, they come first in what we write."""
    world = worlds(name_order="last_first_middle")
    for n in range(3):
        world.add(Name=f"Brown{n} Bob", GivenName="Bob", Surname=f"Brown{n}")
    world.pull()
    world.sent(create(NEW, [NAME], [world.tag]))
    assert world.crm.contact(NEW)["Name"] == "Żak 🌍 Zoë Q"  # type: ignore[index]  # it is there


def test_calls_are_of_one_kind_and_fit_into_a_batch(world: World) -> None:
    """As many contacts as parts allow, in order."""
    world.pull()
    bob = world.add()
    world.later()
    world.pull()
    writes = [create(str(uuid.UUID(int=n + 1)), WHOLE, [world.tag]) for n in range(30)]
    calls = world.remote.split([*writes, Update(world.bodies[bob], ())])
    assert [w for call in calls for w in call] == [*writes, Update(world.bodies[bob], ())]
    assert all(len({type(w) for w in call}) == 1 for call in calls)
    assert all(isinstance(o, Done) for call in calls for o in world.remote.send(call))
    sizes = [e for e in world.crm.log if e.status >= 400]
    assert sizes == []


def test_contact_too_big_for_one_batch_is_written_whole(site: World) -> None:
    """A hundred phones."""
    site.pull()
    phones = [Unit(Field.PHONE, (f"+49 30 {n:05}",), "work") for n in range(130)]
    found = site.sent(create(NEW, [NAME, *phones], [site.tag]))
    assert len(of(found, Field.PHONE)) == 130
    assert site.rows(NEW, "ContactInTag")


@pytest.mark.parametrize("kind", ["429", "400", "500"])
def test_contact_half_sent_is_unknown_and_completed_by_the_next_try(world: World, kind: str) -> None:
    """The second of its batches was refused: something was applied, so nothing may be raised."""
    world.pull()
    phones = [Unit(Field.PHONE, (f"+49 30 {n:05}",), "work") for n in range(130)]
    world.fault(kind, target=r"\$batch", skip=1)
    write = create(NEW, [NAME, *phones], [world.tag])
    (outcome,) = world.send(write)
    assert isinstance(outcome, Unknown)
    assert world.rows(NEW, "ContactInTag") == []
    (outcome,) = world.send(write)
    assert isinstance(outcome, Done)
    assert outcome.record is not None
    assert len(of(outcome.record, Field.PHONE)) == 130
    assert [row["Id"] for row in world.rows(NEW, "ContactInTag")] == list(outcome.rows)


def test_batches_grow_while_the_server_is_quick_and_shrink_when_it_is_not() -> None:
    """Aiming at half a minute each."""
    budget = Budget()
    first = budget.parts
    budget.learn(first, 2.0)
    assert budget.parts > first
    budget.learn(budget.parts, 90.0)
    assert budget.parts < first


def test_reads_back_in_the_same_request_where_the_server_allows(worlds: Worlds) -> None:
    """One request for writing and reading; one, and a list of each table, where it does not."""
    for batch_get, requests in ((True, 1), (False, 4)):
        world = worlds(batch_get=batch_get)
        bob = world.add()
        world.pull()
        before = world.remote.requests
        world.sent(update(world.bodies[bob], (None, Unit(Field.NOTES, ("x",)))))
        assert world.remote.requests - before == requests


def test_email_type_is_what_the_crm_calls_it(world: World) -> None:
    """The wire ids are the platform's."""
    world.sent(create(NEW, [NAME, Unit(Field.EMAIL, ("a@x.test",), "work")]))
    assert [r["CommunicationTypeId"] for r in world.rows(NEW)] == [EMAIL]
