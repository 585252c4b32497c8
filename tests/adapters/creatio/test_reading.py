"""Readings that find what came and what changed, and what they cost."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from adapters.creatio import paging, watch
from syncd.core.contact import Field, Record, ScopeId, Unit
from syncd.core.errors import CursorExpired, Incomplete, NeedsHuman
from syncd.core.ports import KeyKind
from syncd.sandbox.creatio.seed import COMMUNICATION_TYPES, EMAIL
from tests.adapters.creatio.world import World, create, make_remote

Worlds = Callable[..., World]


def values(record: Record, field: Field) -> list[tuple[str, ...]]:
    """What a field says."""
    return sorted(unit.value for unit in record.units if unit.field is field)


def many(world: World, count: int, tagged: int, emails: int = 1) -> list[str]:
    """A large CRM, loaded without its handlers."""
    ids = [str(uuid.UUID(int=(n + 1) << 64)) for n in range(count)]
    world.crm.load(
        "Contact", [{"Id": i, "Name": f"P {n}", "GivenName": "P", "Surname": f"N{n}"} for n, i in enumerate(ids)]
    )
    for k in range(emails):
        rows = [{"ContactId": i, "CommunicationTypeId": EMAIL, "Number": f"p{n}.{k}@x.test"} for n, i in enumerate(ids)]
        world.crm.load("ContactCommunication", rows)
    world.crm.load("ContactAddress", [{"ContactId": ids[0], "Address": "Main St 1"}])
    world.crm.load("ContactInTag", [{"EntityId": i, "TagId": world.tag} for i in ids[:tagged]], "anna")
    return ids


# ---------------------------------------------------------------------------------------------- the first reading


def test_first_reading_gives_bodies_of_members_and_keys_of_all_others(site: World) -> None:
    """What is out of scope is known by its keys alone."""
    bob = site.add(emails=["bob@x.test"], phones=[{"type": "mobile", "number": "+49 30 1234567"}])
    eve = site.add(tagged=False, Name="Eve Out", GivenName="Eve", Surname="Out", emails=["EVE@x.test"],
                   phones=[{"type": "work", "number": "030 7654321"}])  # fmt: skip
    site.crm.insert("ContactCorrespondence", {"ContactId": eve, "SourceContactId": "1A2B"})
    pull = site.pull()
    assert set(pull.records) == {bob}
    assert pull.snapshot
    assert pull.listed == site.scopes
    assert site.member(bob)
    keys = {(k.kind, k.text) for k in pull.keys if k.record == eve}
    assert keys == {
        (KeyKind.NAME, "eve out"), (KeyKind.EMAIL, "eve@x.test"), (KeyKind.PHONE, "07654321"), (KeyKind.FORMER, "1a2b")
    }  # fmt: skip
    assert not [k for k in pull.keys if k.record == bob]


def test_first_reading_without_the_old_sync_s_table_works(world: World) -> None:
    """ContactCorrespondence is a guest: where it cannot be read, there are no former ids."""
    bob = world.add()
    world.fault("404", target="ContactCorrespondence", count=5)
    assert set(world.pull().records) == {bob}


@pytest.mark.parametrize("batch_get", [True, False])
def test_first_reading_of_2000_contacts_is_complete_within_its_budget(worlds: Worlds, *, batch_get: bool) -> None:
    """Every contact once, as a body or as keys, though all were made in one instant; requests stay few."""
    world = worlds(batch_get=batch_get, shuffle=True)
    ids = many(world, 2000, 500, emails=2)
    pull = world.pull()
    assert set(pull.records) == set(ids[:500])
    assert all(len(values(r, Field.EMAIL)) == 2 for r in pull.records.values())
    named = [k.record for k in pull.keys if k.kind is KeyKind.NAME and k.record in set(ids)]
    assert sorted(named) == sorted(ids[500:])
    assert len([k for k in pull.keys if k.kind is KeyKind.EMAIL and k.record in set(ids)]) == 3000
    assert pull.requests <= (12 if batch_get else 20)


def test_contacts_without_a_creation_date_are_met(world: World) -> None:
    """Rows put in by a script have a null date, which no walk by time meets."""
    bob, eve = world.add(), world.add(tagged=False, Name="Eve Old", GivenName="Eve", Surname="Old")
    world.crm.sql_update("Contact", eve, {"CreatedOn": None})
    pull = world.pull()
    assert set(pull.records) == {bob}
    assert [k.text for k in pull.keys if k.record == eve and k.kind is KeyKind.NAME] == ["eve old"]


def test_known_contact_in_no_scope_is_read_whole_again(world: World) -> None:
    """A parked link's contact keeps its body fresh."""
    bob, eve = world.add(), world.add()
    world.pull()
    world.crm.untag(eve, world.tag, "anna")
    world.pull()
    pull = world.pull(full=True)
    assert set(pull.records) == {bob, eve}
    assert not world.member(eve)


# ---------------------------------------------------------------------------------------------- nothing new


@pytest.mark.parametrize(("batch_get", "requests"), [(True, 1), (False, 5)])
def test_reading_with_nothing_new_is_one_request_or_one_per_table(
    worlds: Worlds, requests: int, *, batch_get: bool
) -> None:
    """Whatever the number of contacts; also in a new process with the stored cursor."""
    world = worlds(batch_get=batch_get)
    many(world, 300, 40)
    world.pull()
    world.settle()
    for _ in range(3):
        world.later(300)
        pull = world.pull()
        assert (pull.requests, pull.records, pull.keys, pull.listed) == (requests, {}, [], ())


def test_cursor_of_a_quiet_crm_stays_small(world: World) -> None:
    """It is written at every reading."""
    many(world, 3000, 10)
    world.pull()
    world.settle()
    assert len(repr(world.cursor)) < 2000


def test_new_process_needs_no_probes(world: World) -> None:
    """Runtime and batches were found out once."""
    world.add()
    world.pull()
    world.settle()
    fresh = World(world.crm, make_remote(world), world.scopes, world.bodies, world.members, world.cursor, tag=world.tag)
    assert fresh.pull().requests == 1


# ---------------------------------------------------------------------------------------------- what changed


def test_change_of_a_contact_is_read_whole(site: World) -> None:
    """The contact with all its rows."""
    bob = site.add(emails=["bob@x.test"])
    site.add(tagged=False)
    site.pull()
    site.later()
    site.crm.patch("Contact", bob, {"JobTitle": "Boss", "Notes": "hello"})
    pull = site.pull()
    assert set(pull.records) == {bob}
    assert values(pull.records[bob], Field.JOB) == [("", "Boss", "")]
    assert values(pull.records[bob], Field.EMAIL) == [("bob@x.test",)]
    assert site.pull().records == {}


def test_change_of_a_secondary_row_is_read(site: World) -> None:
    """The contact's own time does not move, and the change is seen all the same."""
    bob = site.add(emails=["a@x.test", "b@x.test"], addresses=[{"Address": "Main St 1"}, {"Address": "Side St 2"}])
    site.pull()
    site.later()
    row = next(r for r in site.rows(bob) if r["Number"] == "b@x.test")
    site.crm.patch("ContactCommunication", row["Id"], {"Number": "c@x.test"})
    pull = site.pull()
    assert ("c@x.test",) in values(pull.records[bob], Field.EMAIL)
    site.later()
    row = site.rows(bob, "ContactAddress")[1]
    site.crm.patch("ContactAddress", row["Id"], {"Address": "New St 3"})
    assert ("New St 3", "", "", "", "") in values(site.pull().records[bob], Field.ADDRESS)


def test_newly_tagged_contact_comes_with_its_body_and_all_its_tag_rows(site: World) -> None:
    """Tagging moves no time of the contact."""
    site.add()
    eve = site.add(tagged=False, Name="Eve")
    site.pull()
    site.later()
    rows = {site.crm.tag(eve, site.tag, "anna"), site.crm.tag(eve, site.tag, "anna")}
    pull = site.pull()
    assert set(pull.records) == {eve}
    assert set(site.members[site.tag, eve]) == rows


def test_change_out_of_scope_refreshes_keys_only(world: World) -> None:
    """A changed e-mail replaces its key; one that became a web address removes it."""
    world.add()
    eve = world.add(tagged=False, emails=["eve@x.test"])
    world.pull()
    world.later()
    row = world.rows(eve)[0]["Id"]
    world.crm.patch("ContactCommunication", row, {"Number": "new@x.test"})
    pull = world.pull()
    assert (pull.records, [(k.row, k.text) for k in pull.keys if k.kind is KeyKind.EMAIL]) == (
        {},
        [(row, "new@x.test")],
    )
    world.later()
    world.crm.patch("ContactCommunication", row, {"CommunicationTypeId": COMMUNICATION_TYPES["Web"]})
    assert (row, "") in [(k.row, k.text) for k in world.pull().keys]


@pytest.mark.parametrize(("batch_get", "requests"), [(True, 2), (False, 5 + 3 * 4)])
def test_k_changed_contacts_cost_one_batch_or_k_by_31_readings_per_table(
    worlds: Worlds, requests: int, *, batch_get: bool
) -> None:
    """100 changed of 2,000: four lists of each table."""
    world = worlds(batch_get=batch_get)
    ids = many(world, 1000, 300)
    world.pull()
    world.settle()
    world.later()
    for i in ids[:100]:
        world.crm.patch("Contact", i, {"JobTitle": "Boss"})
    pull = world.pull()
    assert set(pull.records) == set(ids[:100])
    assert pull.requests == requests


@pytest.mark.parametrize("batch_get", [True, False])
def test_bulk_change_of_one_instant_is_read_whole(worlds: Worlds, *, batch_get: bool) -> None:
    """2,500 rows with one and the same time, more than any page: none is missed, and the next reading is quiet."""
    world = worlds(batch_get=batch_get)
    ids = many(world, 2500, 2500)
    world.pull()
    world.settle()
    world.later()
    stamp = datetime.fromtimestamp(world.crm.clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S.123456Z")
    for i in ids:
        world.crm.sql_update("Contact", i, {"JobTitle": "Boss", "ModifiedOn": stamp})
    assert set(world.pull().records) == set(ids)
    world.settle()
    assert world.pull().requests == (1 if batch_get else 5)


@pytest.mark.parametrize("fraction", [6, 7])
def test_rows_at_the_watermark_itself_are_not_lost(worlds: Worlds, fraction: int) -> None:
    """A second row with the very time of the last one read comes late, and is read."""
    world = worlds(db_fraction=fraction)
    bob, eve = world.add(), world.add()
    world.pull()
    world.later(700)
    stamp = "2026-11-18T12:00:00.1234567Z" if fraction == 7 else "2026-11-18T12:00:00.123456Z"
    world.crm.sql_update("Contact", bob, {"JobTitle": "Boss", "ModifiedOn": stamp})
    assert set(world.pull().records) == {bob}
    world.crm.sql_update("Contact", eve, {"JobTitle": "Boss", "ModifiedOn": stamp})
    assert set(world.pull().records) == {eve}


def test_late_commit_is_read(worlds: Worlds) -> None:
    """A row that becomes visible minutes after its time is still met."""
    world = worlds()
    bob, eve = world.add(), world.add()
    world.pull()
    world.settle()
    world.later(10)
    world.crm.profile.late_commit = 119
    world.crm.patch("Contact", bob, {"JobTitle": "Late"})
    world.crm.profile.late_commit = 0.0
    world.later(5)
    world.crm.patch("Contact", eve, {"JobTitle": "Soon"})
    assert set(world.pull().records) == {eve}
    world.later(118)
    assert set(world.pull().records) == {bob}


def test_late_creation_hides_no_removal(worlds: Worlds) -> None:
    """A tag row that appears late does not make up for one that went."""
    world = worlds()
    bob, eve = world.add(), world.add(tagged=False)
    world.pull()
    world.settle()
    world.crm.profile.late_commit = 100
    world.crm.tag(eve, world.tag, "anna")
    world.crm.profile.late_commit = 0.0
    world.later(10)
    world.pull()
    world.later(100)
    world.crm.untag(bob, world.tag, "anna")
    world.pull()
    world.pull()
    assert (world.member(bob), world.member(eve)) == (False, True)


def test_renamed_company_is_a_change_of_its_contacts(site: World) -> None:
    """The contact itself was not touched; the new name carries the time of the renaming."""
    bob = site.add(Account="Acme", JobTitle="Boss")
    site.add(Account="Other")
    site.pull()
    site.settle()
    account = site.crm.contact(bob)["AccountId"]  # type: ignore[index]  # it is there
    before = site.bodies[bob].stamp
    site.crm.patch("Account", account, {"Name": "Acme New"})
    pull = site.pull()
    assert set(pull.records) == {bob}
    assert values(pull.records[bob], Field.JOB) == [("Acme New", "Boss", "")]
    assert next(u for u in pull.records[bob].units if u.field is Field.JOB).stamp > before


def test_company_changed_but_not_renamed_costs_nothing_more(world: World) -> None:
    """Its name is known already."""
    bob = world.add(Account="Acme")
    world.pull()
    world.settle()
    world.crm.patch("Account", world.crm.contact(bob)["AccountId"], {"Phone": "1"})  # type: ignore[index]  # it is there
    pull = world.pull()
    assert (pull.requests, pull.records) == (1, {})


def test_scope_that_is_new_is_listed_in_full(world: World) -> None:
    """A second account joins: its members come, the others stay as they are."""
    bob = world.add()
    world.pull()
    world.settle()
    second = world.crm.add_tag("Second", "anna")
    eve = world.add(tagged=False, tags=[second])
    world.settle()
    world.scopes = (*world.scopes, ScopeId(second))
    pull = world.pull()
    assert pull.listed == (second,)
    assert set(pull.records) == {eve}
    assert set(world.members) == {(world.tag, bob), (second, eve)}
    assert world.pull().listed == ()


def test_rows_beyond_the_newest_page_are_walked_to(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """More changes than one page shows."""
    monkeypatch.setattr(watch, "NEWEST", 3)
    people = [world.add(Name=f"P{n}") for n in range(12)]
    world.pull()
    world.settle()
    for person in people:
        world.later(1)
        world.crm.patch("Contact", person, {"JobTitle": "x"})
    assert set(world.pull().records) == set(people)


# ---------------------------------------------------------------------------------------------- custom columns, cursors


def test_custom_columns_are_read_as_text(world: World) -> None:
    """Texts and numbers; an empty one is no unit, and the mask says that it was read."""
    world.custom = ("UsrLoyalty", "UsrScore")
    bob = world.add(UsrLoyalty="gold", UsrScore=7)
    eve = world.add()
    pull = world.pull()
    found = {(u.label, u.value[0]) for u in pull.records[bob].units if u.field is Field.CUSTOM}
    assert found == {("UsrLoyalty", "gold"), ("UsrScore", "7")}
    assert not [u for u in pull.records[eve].units if u.field is Field.CUSTOM]
    assert {"custom:UsrLoyalty", "custom:UsrScore"} <= set(pull.records[eve].mask)


def test_other_custom_columns_than_before_ask_for_a_full_reading(world: World) -> None:
    """The stored bodies lack them."""
    world.add()
    world.pull()
    world.custom = ("UsrLoyalty",)
    with pytest.raises(CursorExpired):
        world.pull()


def test_custom_column_that_does_not_exist_is_named(world: World) -> None:
    """The operator has to know which."""
    world.add()
    world.custom = ("UsrMissing",)
    with pytest.raises(NeedsHuman, match="UsrMissing"):
        world.pull()


def test_cursor_of_another_kind_has_expired(world: World) -> None:
    """An older version's cursor starts a full reading, no crash."""
    world.add()
    world.pull()
    for broken in ({}, {"tables": 1}, {**(world.cursor or {}), "version": 99}):
        world.cursor = dict(broken)
        with pytest.raises(CursorExpired):
            world.pull()


# ---------------------------------------------------------------------------------------------- cut lists


def test_list_cut_at_the_row_limit_is_gone_on_with(worlds: Worlds) -> None:
    """The server's limit lies below our page: the count says that there is more."""
    world = worlds(max_rows=150)
    ids = many(world, 400, 400)
    assert set(world.pull().records) == set(ids)
    assert len([m for m in world.members if m[1] in set(ids)]) == 400


def test_details_cut_at_the_row_limit_make_the_reading_void(worlds: Worlds) -> None:
    """Half of a contact's rows is not the contact."""
    world = worlds()
    bob = world.add(emails=[f"b{n}@x.test" for n in range(5)])
    world.pull()
    world.later()
    world.crm.patch("Contact", bob, {"JobTitle": "x"})
    world.crm.profile.max_rows = 3
    with pytest.raises(Incomplete):
        world.pull()


def test_listing_that_keeps_moving_is_incomplete(worlds: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    """A count that differs from page to page proves nothing; the reading is void."""
    monkeypatch.setattr(paging, "LISTING_PAGE", 2)
    world = worlds()
    for n in range(5):
        world.add(Name=f"P{n}")
    extra = world.add(tagged=False)
    handle = world.crm.handle

    def moving(request: object, clock: object) -> object:
        if "skip" in request.target:  # type: ignore[attr-defined]  # a request
            world.crm.tag(extra, world.tag, "anna")
        return handle(request, clock)  # type: ignore[arg-type]  # a request and a clock

    monkeypatch.setattr(world.crm, "handle", moving)
    monkeypatch.setattr("adapters.creatio.tagging.LISTING_PAGE", 2)
    with pytest.raises(Incomplete):
        world.pull()


def test_own_write_comes_back_once(world: World) -> None:
    """The echo is read, and then there is nothing more."""
    world.add()
    world.pull()
    new = str(uuid.uuid4())
    world.sent(create(new, [Unit(Field.NAME, ("Zoe", "", "Zed"))], [world.tag]))
    assert set(world.pull().records) == {new}
    assert world.pull().records == {}
