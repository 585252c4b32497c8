"""Mutations: sent once, one outcome each, guarded by etags, and nothing touched that was not named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.google.adapter import GooglePeople
from syncd.core.contact import Field, Record, RecordId, ScopeId, Unit
from syncd.core.errors import (
    ConsentRevoked,
    ContractBroken,
    MissingRight,
    NeedsHuman,
    RateLimited,
    RetryLater,
    TagMissing,
    Unavailable,
)
from syncd.core.ports import (
    Create,
    Done,
    Enter,
    Leave,
    Missing,
    Outcome,
    Refused,
    ScopeWish,
    Stale,
    Unknown,
    Unsent,
    Update,
)
from tests.adapters.google.conftest import World, change, interest, person, read, units

CREATE, UPDATE, MEMBERS = "people.batchCreateContacts", "people.batchUpdateContacts", "contactGroups.members.modify"
NOTE = change(None, Unit(Field.NOTES, ("hi",)))


def record_of(world: World, remote: GooglePeople, **fields: Any) -> Record:
    """A contact made by hand, as a point read gives it."""
    id = world.add(**({"names": [{"givenName": "A"}]} | fields))  # noqa: A001 -- short
    record = remote.fetch([id])[id]
    assert record is not None
    return record


def made(outcome: Outcome) -> Record:
    """The record that was read back."""
    assert isinstance(outcome, Done), outcome
    assert outcome.record is not None
    return outcome.record


# ---------------------------------------------------------------------------------------------- exactly once


@pytest.mark.parametrize("kind", ["drop", "reset", "truncate", "truncate_silent", "html", "empty", "gzip_garbage"])
def test_lost_reply_to_a_create_is_unknown_and_sent_once(world: World, remote: GooglePeople, kind: str) -> None:
    """The server saw the request once, whatever became of its answer; nobody guesses what it did."""
    world.fault(kind, "batchCreate")
    outcomes = remote.send((person("A"), person("B")))
    assert [type(o) for o in outcomes] == [Unknown, Unknown]
    assert world.received("batchCreate") == 1
    assert not world.slept


def test_timeout_after_the_commit_is_unknown_and_made_once(world: World) -> None:
    """The contact exists; it was asked for once."""
    world.fault("hang", "batchCreate", delay=0.6)
    remote = world.adapter(timeout=0.2)
    remote.fetch([RecordId("1")])  # signs in
    outcomes = remote.send((person("A"),))
    assert isinstance(outcomes[0], Unknown)
    assert world.executed(CREATE) == 1
    assert len(world.user.contacts) == 1


@pytest.mark.parametrize("kind", ["500", "502", "503", "504"])
@pytest.mark.parametrize("after", [False, True])
def test_server_error_to_a_mutation_is_unknown(world: World, remote: GooglePeople, kind: str, *, after: bool) -> None:
    """Applied or not, a 5xx does not say; it is not sent again."""
    record = record_of(world, remote)
    world.fault(kind, "batchUpdate", after=after)
    (outcome,) = remote.send((Update(record, (NOTE,)),))
    assert isinstance(outcome, Unknown)
    assert world.received("batchUpdate") == 1


def test_redirected_mutation_is_not_followed(world: World, remote: GooglePeople) -> None:
    """A redirect is an answer that makes no sense, not another address."""
    world.fault("redirect", "batchCreate", body="/elsewhere")
    (outcome,) = remote.send((person("A"),))
    assert isinstance(outcome, Unknown)
    assert world.received("/elsewhere") == 0


def test_refused_connection_means_nothing_was_sent(world: World, remote: GooglePeople) -> None:
    """Then the call as a whole may be made again."""
    remote.fetch([RecordId("1")])
    dead = GooglePeople(_client_at(world, "http://127.0.0.1:9"), sub="1")
    with pytest.raises(Unavailable, match="cannot be reached"):
        dead.send((person("A"),))


def _client_at(world: World, endpoint: str) -> Any:
    from dataclasses import replace

    return replace(world, url=endpoint).client()


def test_expired_access_token_is_renewed_and_the_create_made_once(world: World, remote: GooglePeople) -> None:
    """A 401 means not applied: this one answer lets a mutation go out again, with a new token."""
    remote.fetch([RecordId("1")])
    world.google.expire_access()
    made(remote.send((person("A"),))[0])
    assert world.executed(CREATE) == 1
    assert world.received("/token") == 2
    assert len(world.user.contacts) == 1


def test_answers_are_counted_sign_in_apart(world: World, remote: GooglePeople) -> None:
    """`requests` counts what goes to the API, each try."""
    world.fault("503", "batchGet", count=2)
    remote.fetch([RecordId("1")])
    assert remote.requests == 3


# ---------------------------------------------------------------------------------------------- creates


def test_created_contact_has_its_anchor_groups_and_values(world: World, remote: GooglePeople, group: ScopeId) -> None:
    """Born into its group and My Contacts, with our marker, and read back whole."""
    record = made(remote.send((person("Ann", scopes=[group], anchor="1/t/c/i", email="a@x.org"),))[0])
    assert record.anchors == ("1/t/c/i",)
    assert set(record.scopes or ()) == {group, "contactGroups/myContacts"}
    assert units(record, Field.EMAIL)[0].value == ("a@x.org",)
    assert remote.fetch([record.id])[record.id] == record


def test_creates_go_by_two_hundred_and_come_back_in_order(world: World, remote: GooglePeople) -> None:
    """One request for two hundred contacts; each outcome belongs to its write."""
    writes = [person(f"N{i}") for i in range(203)]
    calls = remote.split(writes)
    assert [len(c) for c in calls] == [200, 3]
    outcomes = [o for call in calls for o in remote.send(call)]
    assert [units(made(o), Field.NAME)[0].value[0] for o in outcomes] == [f"N{i}" for i in range(203)]
    assert world.executed(CREATE) == 2


def test_reply_that_leaves_items_out_makes_these_unknown(world: World, remote: GooglePeople) -> None:
    """A successful reply has to show every item; it is read by our marker, not by its order."""
    full = made(remote.send((person("A"), person("B")))[0])
    body = {"createdPeople": [{"person": world.google.world and _raw(world, full.id, "1/t/A/i")}]}
    world.fault("200", "batchCreate", body=json.dumps(body))
    first, second = remote.send((person("B"), person("A")))
    assert isinstance(first, Unknown)
    assert made(second).id == full.id


def _raw(world: World, id: RecordId, anchor: str) -> dict[str, Any]:
    source = {"type": "CONTACT", "id": id, "etag": "#1"}
    name = f"people/c{int(id, 16)}"
    data = [{"key": "syncd", "value": anchor}]
    return {"resourceName": name, "etag": "%1", "metadata": {"sources": [source]}, "clientData": data}


def test_one_refused_create_names_itself_and_the_others_are_unsent(world: World, remote: GooglePeople) -> None:
    """All or nothing at Google: the named item is at fault, the rest may be sent again."""
    bad = Create("i", None, "1/t/bad/i", (Unit(Field.BIRTHDAY, ("1980", "2", "31")),), ())
    outcomes = remote.send((person("A"), bad, person("B")))
    assert [type(o) for o in outcomes] == [Unsent, Refused, Unsent]
    assert not world.user.contacts
    assert world.executed(CREATE) == 1


def test_create_that_is_refused_without_details_is_found_by_halves(world: World, remote: GooglePeople) -> None:
    """Nothing was applied, so halves may be sent; each is a request of its own."""
    error = '{"error":{"code":400,"message":"Request contains an invalid argument.","status":"INVALID_ARGUMENT"}}'
    world.fault("400", "batchCreate", count=2, body=error)
    outcomes = remote.send(tuple(person(n) for n in "AB"))
    assert [type(o) for o in outcomes] == [Refused, Done]
    assert world.received("batchCreate") == 3


def test_bisection_has_a_budget(world: World, remote: GooglePeople) -> None:
    """When everything is refused, what was not tried is unsent, and the requests are few."""
    error = '{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}'
    world.fault("400", "batchCreate", count=999, body=error)
    outcomes = remote.send(tuple(person(f"N{i}") for i in range(200)))
    assert world.received("batchCreate") <= 21
    assert {type(o) for o in outcomes} == {Refused, Unsent}


def test_unknown_half_leaves_the_other_halves_outcome(world: World, remote: GooglePeople) -> None:
    """A lost reply in the middle of halving makes only its own items unknown; a refusal of service, unsent."""
    error = '{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}'
    world.fault("400", "batchCreate", body=error)
    world.fault("drop", "batchCreate", skip=1)
    outcomes = remote.send((person("A"), person("B")))
    assert [type(o) for o in outcomes] == [Done, Unknown]
    world.google.faults.clear()
    world.fault("400", "batchCreate", body=error)
    world.fault("429", "batchCreate", skip=1)
    outcomes = remote.send((person("C"), person("D")))
    assert [type(o) for o in outcomes] == [Done, Unsent]


def test_group_that_google_does_not_know_yet_is_tried_later(world: World, remote: GooglePeople) -> None:
    """A group younger than two seconds may be unknown to creates: nothing was made, and later it works."""
    world.google.switches.group_visibility_delay = 2.0
    group = remote.resolve(ScopeWish("New"))
    with pytest.raises(RetryLater):
        remote.send((person("A", scopes=[group]), person("B", scopes=[group])))
    assert world.received("batchCreate") == 1
    world.clock.advance(3)
    made(remote.send((person("A", scopes=[group]),))[0])


def test_full_address_book_needs_a_human(world: World, remote: GooglePeople) -> None:
    """Twenty-five thousand contacts, trash included: only the user can make room."""
    world.google.switches.contact_cap = 1
    made(remote.send((person("A"),))[0])
    with pytest.raises(NeedsHuman, match="as many contacts") as caught:
        remote.send((person("B"),))
    assert "trash" in caught.value.fix


# ---------------------------------------------------------------------------------------------- updates


def test_update_leaves_everything_unnamed_as_it_was(world: World, remote: GooglePeople) -> None:
    """Relations, other apps' data, custom labels, photos of mind: byte for byte the same."""
    foreign = {
        "relations": [{"person": "Eve", "type": "spouse"}],
        "clientData": [{"key": "other-app", "value": "7"}],
        "events": [{"date": {"year": 2000, "month": 1, "day": 1}, "type": "anniversary"}],
        "userDefined": [{"key": "K", "value": "V"}],
        "urls": [{"value": "http://a.example", "type": "My page"}],
    }
    record = record_of(world, remote, phoneNumbers=[{"value": "1", "type": "Boat"}], **foreign)
    before = world.named(record.id)
    made(remote.send((Update(record, (change(None, Unit(Field.PHONE, ("2",), "work")),)),))[0])
    after = world.named(record.id)
    for field in foreign:
        assert after[field] == before[field]
    assert {(p["value"], p["type"]) for p in after["phoneNumbers"]} == {("1", "Boat"), ("2", "work")}


def test_updates_are_grouped_by_mask(world: World, remote: GooglePeople) -> None:
    """One mask holds for a whole request: an item without a masked field would be cleared."""
    a, b, c = (record_of(world, remote, biographies=[{"value": "keep"}]) for _ in range(3))
    url = change(None, Unit(Field.URL, ("http://x.example",), "homePage"))
    calls = remote.split(
        [Update(a, (url,)), Update(b, (change(None, Unit(Field.IM, ("s",), "skype")),)), Update(c, (url,))]
    )
    assert [[w.record.id for w in call if isinstance(w, Update)] for call in calls] == [[a.id, c.id], [b.id]]
    for call in calls:
        for outcome in remote.send(call):
            assert units(made(outcome), Field.NOTES)[0].value == ("keep",)


def test_etag_race_makes_the_item_stale_and_the_others_unsent(world: World, remote: GooglePeople) -> None:
    """An edit since the reading is never written over; the rest of the batch goes again."""
    a, b = record_of(world, remote), record_of(world, remote)
    world.user.edit(f"people/c{int(a.id, 16)}", names=[{"givenName": "Edited"}])
    outcomes = remote.send((Update(a, (NOTE,)), Update(b, (NOTE,))))
    assert [type(o) for o in outcomes] == [Stale, Unsent]
    assert "biographies" not in world.named(a.id)
    assert "biographies" not in world.named(b.id)


def test_single_update_that_is_stale_or_missing_says_so(world: World, remote: GooglePeople) -> None:
    """With or without details, one item alone has the error."""
    a, b = record_of(world, remote), record_of(world, remote)
    world.user.touch(f"people/c{int(a.id, 16)}")
    world.user.delete(f"people/c{int(b.id, 16)}")
    assert isinstance(remote.send((Update(a, (NOTE,)),))[0], Stale)
    assert isinstance(remote.send((Update(b, (NOTE,)),))[0], Missing)
    error = {
        "code": 400,
        "status": "FAILED_PRECONDITION",
        "message": "Request person.etag is different than the current person.etag. Clear",
    }
    world.fault("400", "batchUpdate", body=json.dumps({"error": error}))
    assert isinstance(remote.send((Update(a, (NOTE,)),))[0], Stale)


def test_next_update_builds_on_the_record_that_the_last_one_gave(world: World, remote: GooglePeople) -> None:
    """A write's own answer has the etag for the next write, while a read right after it may be a minute old."""
    world.google.switches.stale_reads = 60.0
    record = made(remote.send((person("A"),))[0])
    assert remote.fetch([record.id])[record.id] is None
    record = made(remote.send((Update(record, (NOTE,)),))[0])
    url = change(None, Unit(Field.URL, ("http://x.example",), "homePage"))
    made(remote.send((Update(record, (url,)),))[0])


def test_etags_from_lists_may_be_refused_and_point_reads_work(world: World, remote: GooglePeople) -> None:
    """Whether a list's etag may be used is contested: where it may not, the item is stale and a point read heals it."""
    world.google.switches.list_etag_rejected = True
    id = world.add(names=[{"givenName": "A"}])  # noqa: A001 -- short
    listed = read(remote).records[id]
    assert isinstance(remote.send((Update(listed, (NOTE,)),))[0], Stale)
    fetched = remote.fetch([id])[id]
    assert fetched is not None
    made(remote.send((Update(fetched, (NOTE,)),))[0])


def test_dated_organization_is_refused_without_a_request(world: World, remote: GooglePeople) -> None:
    """Google would answer 500, which would look like an unknown outcome for all two hundred."""
    dated = {"name": "Old", "startDate": {"year": 2000, "month": 1, "day": 1}}
    world.google.switches.org_dates_500 = False
    record, plain = record_of(world, remote, organizations=[dated]), record_of(world, remote)
    world.google.switches.org_dates_500 = True
    job = change(units(record, Field.JOB)[0], Unit(Field.JOB, ("New", "", "")))
    other = change(None, Unit(Field.JOB, ("New", "", "")))
    outcomes = remote.send((Update(record, (job,)), Update(plain, (other,))))
    assert outcomes[0] == Refused("organization_dates")
    assert units(made(outcomes[1]), Field.JOB)[0].value == ("New", "", "")
    before = remote.requests
    assert remote.send((Update(record, (job,)),)) == (Refused("organization_dates"),)
    assert remote.requests == before


def test_all_of_more_than_a_hundred_items_survive_a_change(world: World, remote: GooglePeople) -> None:
    """The list cuts at a hundred; the change is made on all of them."""
    record = record_of(world, remote, phoneNumbers=[{"value": f"555 0{i:03}"} for i in range(120)])
    (listed,) = read(remote).records.values()
    assert listed == record
    (outcome,) = remote.send((Update(listed, (change(None, Unit(Field.PHONE, ("1",), "work")),)),))
    assert len(units(made(outcome), Field.PHONE)) == 121


def test_update_without_changes_is_no_request(world: World, remote: GooglePeople) -> None:
    """Nothing to say, nothing to send."""
    record = record_of(world, remote)
    before = remote.requests
    assert remote.send((Update(record, ()),)) == (Done(record),)
    assert remote.requests == before


def test_update_of_one_record_twice_is_two_calls(world: World, remote: GooglePeople) -> None:
    """A request names each contact once."""
    record = record_of(world, remote)
    assert [len(c) for c in remote.split([Update(record, (NOTE,)), Update(record, (NOTE,))])] == [1, 1]


def test_mixed_call_is_a_broken_contract(world: World, remote: GooglePeople) -> None:
    """Only what `split` made is sent."""
    record = record_of(world, remote)
    with pytest.raises(ContractBroken):
        remote.send((person("A"), Update(record, (NOTE,))))
    with pytest.raises(ContractBroken):
        remote.send((Update(record, (NOTE,)), Update(record, (change(None, Unit(Field.IM, ("s",), "skype")),))))


def test_mapped_nickname_is_written_and_read(world: World) -> None:
    """A custom slot that is a list field of Google's."""
    remote = world.adapter(custom=("nicknames", "userDefined:Loyalty"))
    record = record_of(world, remote, nicknames=[{"value": "Ace"}])
    changes = (
        change(units(record, Field.CUSTOM)[0], Unit(Field.CUSTOM, ("Al",), "nicknames")),
        change(None, Unit(Field.CUSTOM, ("gold",), "userDefined:Loyalty")),
    )
    after = made(remote.send((Update(record, changes),))[0])
    assert {(u.label, u.value[0]) for u in units(after, Field.CUSTOM)} == {
        ("nicknames", "Al"),
        ("userDefined:Loyalty", "gold"),
    }
    assert set(after.mask) >= {"custom:nicknames", "custom:userDefined:Loyalty"}


# ---------------------------------------------------------------------------------------------- groups


def test_members_come_and_go_in_one_request(world: World, remote: GooglePeople, group: ScopeId) -> None:
    """Adding and removing in one group is one call, and idempotent."""
    a, b = record_of(world, remote).id, record_of(world, remote).id
    remote.send((Enter(b, group),))
    calls = remote.split([Enter(a, group), Leave(b, group)])
    assert len(calls) == 1
    assert remote.send(calls[0]) == (Done(), Done())
    assert remote.send(calls[0]) == (Done(), Done())
    assert remote.list_members(group) == {a}


def test_leaving_the_last_group_goes_by_my_contacts(world: World, remote: GooglePeople, group: ScopeId) -> None:
    """Google refuses to leave a contact without a group: into My Contacts first. Nobody else's membership changes."""
    lonely = world.add(
        names=[{"givenName": "L"}],
        memberships=[{"contactGroupMembership": {"contactGroupResourceName": group}}],
    )
    other = record_of(world, remote).id
    remote.send((Enter(other, group),))
    assert remote.send((Leave(lonely, group), Leave(other, group))) == (Done(), Done())
    assert world.named(lonely)["memberships"] == ["contactGroups/myContacts"]
    assert world.executed(MEMBERS) == 4


@pytest.mark.parametrize(("skip", "kind", "expected"), [(1, "503", Unsent), (2, "503", Unknown), (2, "429", Unsent)])
def test_trouble_on_the_way_out_is_told_of_that_contact_alone(
    world: World, remote: GooglePeople, group: ScopeId, skip: int, kind: str, expected: type[Outcome]
) -> None:
    """The first request was carried out for the others; what is open is open for the last-group contact only."""
    lonely = world.add(
        names=[{"givenName": "L"}],
        memberships=[{"contactGroupMembership": {"contactGroupResourceName": group}}],
    )
    other = record_of(world, remote).id
    world.fault(kind, "members:modify", skip=skip)
    outcomes = remote.send((Leave(lonely, group), Enter(other, group)))
    assert [type(o) for o in outcomes] == [expected, Done]


def test_member_that_is_gone_is_missing(world: World, remote: GooglePeople, group: ScopeId) -> None:
    """The reply names who was not found; the others are done."""
    here = record_of(world, remote).id
    assert remote.send((Enter(RecordId("abc"), group), Enter(here, group))) == (Missing(), Done())


def test_members_of_a_group_that_is_gone_are_tried_later(world: World, remote: GooglePeople, group: ScopeId) -> None:
    """No contact is to blame for a group that Google does not know."""
    here = record_of(world, remote).id
    world.user.delete_group(group)
    with pytest.raises(RetryLater):
        remote.send((Enter(here, group),))


def test_group_changes_go_by_the_thousand_and_by_group(remote: GooglePeople) -> None:
    """Adds and removals of one group share a call, up to a thousand; a contact is in a call once."""
    a, b = ScopeId("contactGroups/a"), ScopeId("contactGroups/b")
    moves = [Enter(RecordId(f"{i:x}"), a if i % 2 else b) for i in range(1, 2101)]
    calls = remote.split([*moves, Leave(RecordId("1"), a)])
    assert [len(c) for c in calls] == [1000, 51, 1000, 50]
    assert remote.split([Enter(RecordId("1"), a), Leave(RecordId("1"), a)]) == [
        (Enter(RecordId("1"), a),),
        (Leave(RecordId("1"), a),),
    ]


def test_group_is_found_by_exact_name_and_made_once(world: World, remote: GooglePeople) -> None:
    """Another spelling is another group, where Google has both; a second asking finds the first's group."""
    world.google.switches.group_names_fold_case = False
    world.user.create_group("CREATIO")
    theirs = world.user.create_group("Creatio")
    assert remote.resolve(ScopeWish("Creatio")) == theirs
    made_here = remote.resolve(ScopeWish("VIP"))
    assert remote.resolve(ScopeWish("VIP")) == made_here
    assert world.executed("contactGroups.create") == 1
    info = remote.scope(made_here)
    assert info is not None
    assert (info.name, info.members) == ("VIP", 0)


def test_group_that_is_not_to_be_made_is_missing(world: World, remote: GooglePeople) -> None:
    """Looking alone changes nothing."""
    with pytest.raises(TagMissing):
        remote.resolve(ScopeWish("VIP"), make=False)
    assert world.executed("contactGroups.create") == 0


def test_group_is_followed_by_id(world: World, remote: GooglePeople, group: ScopeId) -> None:
    """Renaming changes nothing; a deleted group is None."""
    world.user.rename_group(group, "Other")
    info = remote.scope(group)
    assert info is not None
    assert info.name == "Other"
    world.user.delete_group(group)
    assert remote.scope(group) is None


def test_group_that_is_listed_nowhere_needs_a_human(world: World, remote: GooglePeople) -> None:
    """Google says it exists and does not show it (a group of old times, or another spelling): a person has to look."""
    world.google.switches.hide_legacy_groups = True
    world.user.create_group("Hidden", legacy=True)
    with pytest.raises(NeedsHuman, match="does not list it"):
        remote.resolve(ScopeWish("Hidden"))


def test_lost_reply_to_a_new_group_is_tried_later_and_then_found(world: World, remote: GooglePeople) -> None:
    """Names are unique, so the next asking finds what this one made."""
    world.fault("drop", "^/v1/contactGroups$", method="POST")
    world.fault("drop", "/v1/contactGroups", method="POST")
    with pytest.raises(Unavailable):
        remote.resolve(ScopeWish("VIP"))
    world.google.faults.clear()
    remote.resolve(ScopeWish("VIP"))
    assert world.executed("contactGroups.create") == 1


# ---------------------------------------------------------------------------------------------- whole calls


def test_throttled_mutation_was_not_applied_and_is_not_repeated(world: World, remote: GooglePeople) -> None:
    """429 says so; the wish is the next minute when the server has none."""
    world.fault("429", "batchCreate")
    with pytest.raises(RateLimited) as caught:
        remote.send((person("A"),))
    assert caught.value.after is not None
    assert 0 < caught.value.after <= 61
    assert world.received("batchCreate") == 1
    world.fault("429", "batchCreate", headers={"Retry-After": "7"})
    with pytest.raises(RateLimited) as caught:
        remote.send((person("A"),))
    assert caught.value.after == 7


def test_quota_by_the_minute_of_the_real_kind_is_rate_limited(world: World, remote: GooglePeople) -> None:
    """With Google's own error body."""
    world.google.switches.writes_per_minute = 1
    made(remote.send((person("A"),))[0])
    with pytest.raises(RateLimited):
        remote.send((person("B"),))


@pytest.mark.parametrize(
    ("reason", "error"),
    [
        ("rateLimitExceeded", RateLimited),
        ("userRateLimitExceeded", RateLimited),
        ("SERVICE_DISABLED", MissingRight),
        ("accessNotConfigured", MissingRight),
        ("ACCESS_TOKEN_SCOPE_INSUFFICIENT", MissingRight),
        ("forbidden", MissingRight),
    ],
)
def test_forbidden_is_named_by_its_reason(
    world: World, remote: GooglePeople, reason: str, error: type[Exception]
) -> None:
    """403 also means quota; it is never taken for a withdrawn consent."""
    body = {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "no", "details": [{"reason": reason}]}}
    world.fault("403", "batchCreate", body=json.dumps(body))
    with pytest.raises(error):
        remote.send((person("A"),))


@pytest.mark.parametrize("body", ["[]", '{"error":null}', '{"error":"errors"}', "<html>", ""])
def test_forbidden_by_somebody_else_says_nothing_of_rights(world: World, remote: GooglePeople, body: str) -> None:
    """A proxy's 403 is no answer of Google's: a read is unavailable, a mutation unknown."""
    world.fault("403", "/v1/", count=6, body=body)
    with pytest.raises(Unavailable):
        read(remote)
    assert isinstance(remote.send((person("A"),))[0], Unknown)


def test_disabled_api_says_how_to_enable_it(world: World, remote: GooglePeople) -> None:
    """The operator's project, not the user's consent."""
    world.google.switches.api_disabled = True
    with pytest.raises(MissingRight) as caught:
        read(remote, want=interest())
    assert "enable the People API" in caught.value.fix


def test_overlapping_mutation_is_tried_later(world: World, remote: GooglePeople) -> None:
    """409 ABORTED: not applied."""
    body = '{"error":{"code":409,"message":"The operation was aborted.","status":"ABORTED"}}'
    world.fault("409", "batchCreate", body=body)
    with pytest.raises(RetryLater):
        remote.send((person("A"),))


def test_withdrawn_consent_ends_reads_and_writes(world: World, remote: GooglePeople) -> None:
    """Not retried, and said as what it is."""
    remote.fetch([RecordId("1")])
    world.google.revoke("ada@example.test")
    with pytest.raises(ConsentRevoked):
        remote.send((person("A"),))
    with pytest.raises(ConsentRevoked):
        read(remote)
    assert not world.slept


def test_mutations_of_one_user_never_overlap(world: World, remote: GooglePeople, group: ScopeId) -> None:
    """The sandbox notes what Google asks clients not to do; a run of writes leaves no note."""
    calls = remote.split([person(f"N{i}", scopes=[group]) for i in range(450)])
    records = [made(o) for call in calls for o in remote.send(call)]
    for call in remote.split([Update(r, (NOTE,)) for r in records]):
        remote.send(call)
    for call in remote.split([Leave(r.id, group) for r in records]):
        remote.send(call)
    assert not world.google.violations
    assert (world.executed(CREATE), world.executed(UPDATE), world.executed(MEMBERS)) == (3, 3, 1)
