"""Reading an address book: whole or what changed, and never a part passed off as the whole."""

from __future__ import annotations

import json

import pytest

from adapters.google.adapter import GooglePeople
from adapters.google.reading import LONGEST_CHAIN
from syncd.core.contact import Field, RecordId, ScopeId, Unit
from syncd.core.errors import ContractBroken, CursorExpired, Incomplete, RateLimited, Unavailable
from syncd.core.ports import Done, Update
from tests.adapters.google.conftest import World, change, interest, read, units


def names(world: World, count: int) -> set[RecordId]:
    """So many contacts, made by hand."""
    return {world.add(names=[{"givenName": f"N{i}"}]) for i in range(count)}


def test_full_reading_is_a_snapshot_of_several_pages(world: World, remote: GooglePeople) -> None:
    """More contacts than a page holds are all there, and the ending says that nothing is missing."""
    ids = names(world, 1203)
    found = read(remote)
    assert found.records.keys() == ids
    assert found.ending.snapshot
    assert world.executed("people.connections.list") == 2
    assert not world.google.violations


def test_idle_reading_is_one_request(world: World, remote: GooglePeople) -> None:
    """Nothing changed: one request, no record, a new token of the same chain."""
    names(world, 3)
    first = read(remote)
    before = remote.requests
    again = read(remote, first.ending.cursor)
    assert (remote.requests - before, again.records, again.gone) == (1, {}, set())
    assert not again.ending.snapshot
    assert again.ending.cursor["full_at"] == first.ending.cursor["full_at"]


def test_deleted_contact_comes_as_gone(world: World, remote: GooglePeople) -> None:
    """A deletion is Google's own word, by the contact's id."""
    victim, *_ = names(world, 2)
    first = read(remote)
    world.user.delete(f"people/c{int(victim, 16)}")
    assert read(remote, first.ending.cursor).gone == {victim}


def test_renamed_contact_keeps_its_id_and_is_written_under_its_new_name(world: World, remote: GooglePeople) -> None:
    """A contact that was linked to a profile has a new resource name; its source id, by which we know it, stays."""
    known = world.add(names=[{"givenName": "A"}])
    first = read(remote)
    new = world.user.rename_resource(f"people/c{int(known, 16)}")
    again = read(remote, first.ending.cursor)
    assert (again.renamed, list(again.records)) == ([], [known])
    assert remote.fetch([known])[known] == again.records[known]
    update = Update(again.records[known], (change(None, Unit(Field.NOTES, ("hi",))),))
    (outcome,) = remote.send((update,))
    assert isinstance(outcome, Done)
    assert world.user.contacts[new]["biographies"][0]["value"] == "hi"


def test_merged_contacts_come_as_one_changed_and_one_gone(world: World, remote: GooglePeople) -> None:
    """There is no pointer between them; the survivor carries both anchors' worth of items."""
    a = world.add(names=[{"givenName": "A"}], emailAddresses=[{"value": "a@x.org"}])
    b = world.add(names=[{"givenName": "A"}], emailAddresses=[{"value": "b@x.org"}])
    first = read(remote)
    world.user.merge(f"people/c{int(a, 16)}", f"people/c{int(b, 16)}")
    again = read(remote, first.ending.cursor)
    assert again.gone == {b}
    assert {u.value[0] for u in units(again.records[a], Field.EMAIL)} == {"a@x.org", "b@x.org"}


def test_expired_token_asks_for_everything(world: World, remote: GooglePeople) -> None:
    """Google says so with a 400; the next reading without cursor is whole again."""
    ids = names(world, 2)
    cursor = read(remote).ending.cursor
    world.user.expire_sync_tokens()
    with pytest.raises(CursorExpired):
        read(remote, cursor)
    assert read(remote, None).records.keys() == ids


@pytest.mark.parametrize(("status", "code"), [("FAILED_PRECONDITION", 400), ("INVALID_ARGUMENT", 400), ("GONE", 410)])
def test_expiry_is_known_by_any_spelling(world: World, remote: GooglePeople, status: str, code: int) -> None:
    """Sources disagree on the status; all of them mean the same."""
    world.google.switches.expired_status, world.google.switches.expired_code = "FAILED_PRECONDITION", code
    if status == "INVALID_ARGUMENT":
        world.google.switches.expired_status = status
    cursor = read(remote).ending.cursor
    world.user.expire_sync_tokens()
    with pytest.raises(CursorExpired):
        read(remote, cursor)


def test_foreign_token_asks_for_everything_once(world: World, remote: GooglePeople) -> None:
    """A 400 that says nothing: with a token it is the token, without one it is a bug of ours."""
    cursor = {**read(remote).ending.cursor, "token": "made-up"}
    with pytest.raises(CursorExpired):
        read(remote, cursor)
    error = '{"error":{"code":400,"message":"Request contains an invalid argument.","status":"INVALID_ARGUMENT"}}'
    world.fault("400", "/connections", body=error)
    with pytest.raises(ContractBroken):
        read(remote)


def test_six_days_after_a_full_reading_everything_is_read(world: World, remote: GooglePeople) -> None:
    """A chain of increments does not make the token live longer."""
    ids = names(world, 2)
    cursor = read(remote).ending.cursor
    old = {**cursor, "full_at": cursor["full_at"] - LONGEST_CHAIN * 1_000_000}
    again = read(remote, old)
    assert again.ending.snapshot
    assert again.records.keys() == ids


def test_cursor_of_other_fields_is_not_used(world: World, remote: GooglePeople) -> None:
    """Another map asks for other fields; the token holds for the old ones, so everything is read."""
    ident_ = world.add(names=[{"givenName": "A"}], nicknames=[{"value": "Ace"}])
    cursor = read(remote).ending.cursor
    again = read(remote, cursor, want=interest(custom=("nicknames",)))
    assert again.ending.snapshot
    assert units(again.records[ident_], Field.CUSTOM)[0].value == ("Ace",)
    assert "custom:nicknames" in again.records[ident_].mask


@pytest.mark.parametrize("kind", ["html", "empty", "truncate", "truncate_silent", "gzip_garbage", "503", "500", "drop"])
def test_bad_page_is_read_again(world: World, remote: GooglePeople, kind: str) -> None:
    """A captive portal, half a body or a broken connection is no page; the second try is."""
    ids = names(world, 3)
    world.fault(kind, "/connections")
    assert read(remote).records.keys() == ids
    assert len(world.slept) == 1


@pytest.mark.parametrize("kind", ["html", "empty", "truncate_silent", "500", "redirect"])
def test_page_that_stays_bad_voids_the_reading(world: World, remote: GooglePeople, kind: str) -> None:
    """After a few tries it is given up as unavailable, never read as an empty address book."""
    names(world, 3)
    world.fault(kind, "/connections", count=99)
    with pytest.raises(Unavailable):
        read(remote)
    assert world.received("/connections") == 5


@pytest.mark.parametrize("body", ["{}", '{"connections":[]}', '{"nextSyncToken":""}'])
def test_page_without_sync_token_is_no_ending(world: World, remote: GooglePeople, body: str) -> None:
    """Only a sync token on the last page says that the list is whole."""
    names(world, 3)
    world.fault("200", "/connections", body=body)
    with pytest.raises(Incomplete):
        read(remote)


def test_list_shorter_than_its_count_is_read_once_more(world: World, remote: GooglePeople) -> None:
    """The count that comes with the list has to agree with it; a page that got lost is there at the second reading."""
    ids = names(world, 3)
    world.fault("200", "/connections", body='{"totalItems":3,"nextSyncToken":"t"}')
    found = read(remote)
    assert found.records.keys() == ids
    assert found.ending.snapshot


def test_counts_that_disagree_in_another_way_each_time_are_incomplete(world: World, remote: GooglePeople) -> None:
    """Such a list cannot be trusted, so nothing of it counts."""
    names(world, 3)
    world.fault("200", "/connections", body='{"totalItems":3,"nextSyncToken":"t"}')
    world.fault("200", "/connections", body='{"totalItems":4,"nextSyncToken":"t"}')
    with pytest.raises(Incomplete, match="0 of 4"):
        read(remote)


def test_same_wrong_count_twice_running_is_read_but_proves_no_absence(world: World, remote: GooglePeople) -> None:
    """An address book whose list never agrees must not stop for ever; nothing is concluded from what it lacks."""
    names(world, 3)
    world.fault("200", "/connections", count=2, body='{"totalItems":3,"nextSyncToken":"t"}')
    assert not read(remote).ending.snapshot
    assert read(remote).ending.snapshot


def test_pages_in_a_circle_are_incomplete(world: World, remote: GooglePeople) -> None:
    """The same page token again and again is not followed for ever."""
    world.fault("200", "/connections", count=99, body='{"connections":[],"nextPageToken":"p"}')
    with pytest.raises(Incomplete, match="circle"):
        read(remote)


def test_empty_and_overlapping_pages_are_one_list(world: World, remote: GooglePeople) -> None:
    """A page may be empty and go on, and may repeat persons of the page before."""
    world.google.switches.empty_pages = True
    world.google.switches.overlap_pages = 5
    ids = names(world, 1010)
    assert read(remote).records.keys() == ids


def test_half_a_letter_in_one_name_does_not_stop_the_list(world: World, remote: GooglePeople) -> None:
    """What no text can hold becomes a replacement letter, so that the record can be stored."""
    person = {
        "resourceName": "people/c10",
        "metadata": {"sources": [{"type": "CONTACT", "id": "a", "etag": "#1"}]},
        "names": [{"givenName": "A\ud83d"}],
    }
    page = {"connections": [person], "totalItems": 1, "nextSyncToken": "t"}
    world.fault("200", "/connections", body=json.dumps(page))
    (record,) = read(remote).records.values()
    assert units(record, Field.NAME)[0].value[0] == "A\ufffd"


def test_reading_that_did_not_end_has_no_ending(remote: GooglePeople) -> None:
    """Half a reading has no cursor."""
    with pytest.raises(ContractBroken):
        _ = remote.read(None, interest()).ending


def test_hundred_phones_are_read_again_one_by_one(world: World, remote: GooglePeople) -> None:
    """The list cuts at a hundred; the point read has them all, and the record says so."""
    many = world.add(names=[{"givenName": "A"}], phoneNumbers=[{"value": f"555 0{i:03}"} for i in range(130)])
    record = read(remote).records[many]
    assert len(units(record, Field.PHONE)) == 130
    assert "phone" in record.mask
    assert world.executed("people.get") == 1


def test_cut_record_stays_out_of_the_mask_when_the_point_read_is_older(world: World, remote: GooglePeople) -> None:
    """A stale point read would undo the list; then the field simply was not read whole."""
    many = world.add(names=[{"givenName": "A"}], emailAddresses=[{"value": f"{i}@x.org"} for i in range(120)])
    world.google.switches.stale_reads = 5.0
    world.clock.advance(10)
    world.user.edit(f"people/c{int(many, 16)}", names=[{"givenName": "New"}])
    record = read(remote).records[many]
    assert units(record, Field.NAME)[0].value[0] == "New"
    assert "email" not in record.mask
    assert "phone" in record.mask


def test_first_page_over_its_quota_is_rate_limited(world: World, remote: GooglePeople) -> None:
    """Full readings have a quota of their own; the wish for later is passed on."""
    world.google.switches.full_syncs_per_day = 1
    read(remote)
    with pytest.raises(RateLimited) as caught:
        read(remote)
    assert caught.value.after is not None


def test_throttled_page_is_waited_for_until_the_next_minute(world: World, remote: GooglePeople) -> None:
    """Quotas are counted by the minute and there is no Retry-After: a reading half done waits that long."""
    ids = names(world, 3)
    world.fault("429", "/connections")
    assert read(remote).records.keys() == ids
    assert len(world.slept) == 1
    assert 0 < world.slept[0] <= 61


def test_retry_after_is_a_floor_for_reads(world: World, remote: GooglePeople) -> None:
    """What the server wishes is granted, up to our patience; beyond it the caller is told."""
    world.fault("503", "/connections", headers={"Retry-After": "40"})
    read(remote)
    assert world.slept[0] >= 40
    world.fault("503", "/connections", headers={"Retry-After": "4000"})
    with pytest.raises(Unavailable) as caught:
        read(remote)
    assert caught.value.after == 4000


def test_point_reads_answer_every_id(world: World, remote: GooglePeople) -> None:
    """Two hundred to a request; what Google does not know is None, and asking twice is asking once."""
    ids = sorted(names(world, 250))
    stranger = RecordId("abc")
    found = remote.fetch([*ids, stranger, ids[0]])
    assert list(found) == [*ids, stranger]
    assert found[stranger] is None
    assert all(found[i] for i in ids)
    assert world.executed("people.getBatchGet") == 2


@pytest.mark.parametrize("body", ["{}", '{"responses":[]}', '{"responses":[{"requestedResourceName":"people/c1"}]}'])
def test_point_read_that_leaves_an_id_open_is_an_error(world: World, remote: GooglePeople, body: str) -> None:
    """Absence is never guessed."""
    world.fault("200", "batchGet", body=body)
    with pytest.raises(Unavailable):
        remote.fetch([RecordId("1")])


def test_contact_missing_from_the_list_is_there_to_a_point_read(world: World, remote: GooglePeople) -> None:
    """Google's list may leave out old contacts: that is why absence needs a second look."""
    ids = names(world, 2)
    hidden = min(ids)
    world.user.hide_from_list(f"people/c{int(hidden, 16)}")
    assert hidden not in read(remote).records
    assert remote.fetch([hidden])[hidden] is not None


def test_profile_data_of_a_linked_user_never_mixes_in(world: World, remote: GooglePeople) -> None:
    """A contact that is also a Google user has two names; only the contact's own is read."""
    linked = world.add(names=[{"givenName": "Own"}])
    world.user.link_profile(f"people/c{int(linked, 16)}", names=[{"givenName": "Profile"}])
    (record,) = read(remote).records.values()
    assert [u.value[0] for u in units(record, Field.NAME)] == ["Own"]


def test_ending_tells_the_servers_time(world: World, remote: GooglePeople) -> None:
    """The clock of the server, not ours: it is a day ahead here."""
    world.clock.advance(86_400)
    ending = read(remote).ending
    assert abs(ending.server_now / 1e6 - world.clock.now()) < 5
    assert ending.clock is not None
    assert ending.clock.lo < 86_400 < ending.clock.hi


# ---------------------------------------------------------------------------------------------- labels


def relabel(world: World, record: RecordId, group: ScopeId, *, add: bool) -> None:
    """The user puts a label on, or takes it off."""
    act = world.user.add_to_group if add else world.user.remove_from_group
    act(f"people/c{int(record, 16)}", group)


def test_label_changes_that_deltas_hide_are_found_by_the_members(world: World, group: ScopeId) -> None:
    """With members by list one more request per group finds who came and who left, each read anew."""
    world.google.switches.label_changes_in_delta = False
    remote = world.adapter(members_by_list=True)
    stays, comes, goes = sorted(names(world, 3))
    relabel(world, goes, group, add=True)
    relabel(world, stays, group, add=True)
    want = interest(group)
    first = read(remote, want=want)
    relabel(world, comes, group, add=True)
    relabel(world, goes, group, add=False)
    again = read(remote, first.ending.cursor, want=want)
    assert again.records.keys() == {comes, goes}
    assert group in (again.records[comes].scopes or ())
    assert group not in (again.records[goes].scopes or ())
    before = remote.requests
    idle = read(remote, again.ending.cursor, want=want)
    assert (remote.requests - before, idle.records) == (2, {})


def test_label_change_that_a_point_read_does_not_show_yet_is_asked_for_again(world: World, group: ScopeId) -> None:
    """The list of members is ahead of the persons: nothing is forgotten meanwhile."""
    world.google.switches.label_changes_in_delta = False
    remote = world.adapter(members_by_list=True)
    comes = world.add(names=[{"givenName": "A"}])
    want = interest(group)
    world.clock.advance(100)
    cursor = read(remote, want=want).ending.cursor
    world.google.switches.stale_reads = 50.0
    relabel(world, comes, group, add=True)
    cursor = read(remote, cursor, want=want).ending.cursor
    world.clock.advance(100)
    again = read(remote, cursor, want=want)
    assert group in (again.records[comes].scopes or ())


def test_members_of_a_group_are_listed(world: World, remote: GooglePeople, group: ScopeId) -> None:
    """The group's own list, empty when the group is gone."""
    ids = names(world, 3)
    for record in ids:
        relabel(world, record, group, add=True)
    assert remote.list_members(group) == ids
    world.user.delete_group(group)
    assert remote.list_members(group) == set()
