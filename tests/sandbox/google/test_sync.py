"""Pages and sync tokens: what a full list and a delta contain, when, and for whom a token is good."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.sandbox.google.server import GoogleSandbox, User
from syncd.sandbox.shell import Served
from tests.sandbox.google.calling import CONTACT, PROFILE, Answer, Api, bare, in_groups, named, source_of

MASK = "names,emailAddresses,clientData,memberships,metadata"
QUERY: dict[str, Any] = {"personFields": MASK, "sources": CONTACT, "pageSize": 1000, "requestSyncToken": "true"}
PATH = "/v1/people/me/connections"
INVALID = "Request contains an invalid argument."
DAY = 86400


def sync(api: Api, token: str = "", **other: Any) -> Any:
    """One sync call that must succeed."""
    got = ask(api, token, **other)
    assert got.status == 200, got.body
    return got.json


def ask(api: Api, token: str = "", **other: Any) -> Answer:
    """One sync call."""
    return api.get(PATH, {**QUERY, **({"syncToken": token} if token else {}), **other})


def names(reply: Any) -> list[str]:
    """The resource names in a reply."""
    return [p["resourceName"] for p in reply.get("connections", [])]


def test_pages_lead_through_everybody_and_the_token_comes_last(people: Any, ada: User) -> None:
    """Each person once, in the order of change, and one sync token at the end."""
    made = [ada.create(named(f"P{n}")) for n in range(25)]
    seen: list[str] = []
    request = people.connections().list(
        resourceName="people/me", personFields="names,metadata", pageSize=10, requestSyncToken=True
    )
    while request is not None:
        page = request.execute()
        seen += names(page)
        assert ("nextSyncToken" in page) is (len(seen) == 25)
        assert ("nextPageToken" in page) is (len(seen) < 25)
        assert page["totalItems"] == page["totalPeople"] == 25
        request = people.connections().list_next(request, page)
    assert seen == made


def test_no_token_unless_asked_for(api: Api, ada: User) -> None:
    """A plain list never carries a sync token."""
    assert api.get(PATH, {"personFields": "names"}).json == {}
    ada.create(named("A"))
    assert "nextSyncToken" not in api.get(PATH, {"personFields": "names"}).json


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("LAST_MODIFIED_ASCENDING", ["Cy", "Al", "Bo"]),
        ("LAST_MODIFIED_DESCENDING", ["Bo", "Al", "Cy"]),
        ("FIRST_NAME_ASCENDING", ["Al", "Bo", "Cy"]),
        ("LAST_NAME_ASCENDING", ["Bo", "Cy", "Al"]),
    ],
)
def test_list_is_sorted_as_asked(api: Api, ada: User, order: str, expected: list[str]) -> None:
    """Four orders; anything else is refused."""
    for given, family in (("Cy", "Mm"), ("Al", "Zz"), ("Bo", "aa")):
        ada.create(named(given, family))
    got = api.get(PATH, {"personFields": "names", "sortOrder": order}).json["connections"]
    assert [p["names"][0]["givenName"] for p in got] == expected
    assert api.get(PATH, {"personFields": "names", "sortOrder": "RANDOM"}).status == 400


def test_list_in_pages_is_one_moment(api: Api, ada: User) -> None:
    """Edits between two pages neither repeat nor hide anybody; the delta brings them."""
    made = [ada.create(named(f"P{n}")) for n in range(6)]
    first = sync(api, pageSize=3)
    ada.edit(made[0], names=[{"givenName": "Edited"}])
    ada.delete(made[5])
    late = ada.create(named("Late"))
    second = sync(api, pageSize=3, pageToken=first["nextPageToken"])
    assert names(first) + names(second) == made
    delta = sync(api, second["nextSyncToken"], pageSize=3)
    assert names(delta) == [made[0], made[5], late]


def test_page_token_is_bound_to_user_and_parameters(api: Api, site: Served, google: GoogleSandbox, ada: User) -> None:
    """Another mask, size, source, sync token or user makes it invalid."""
    for number in range(3):
        ada.create(named(f"P{number}"))
    token = sync(api, pageSize=2)["nextPageToken"]
    for other in (
        {"personFields": "names,metadata"},
        {"pageSize": 3},
        {"sources": [CONTACT, PROFILE]},
        {"requestSyncToken": "false"},
        {"sortOrder": "FIRST_NAME_ASCENDING"},
    ):
        got = api.get(PATH, {**QUERY, "pageSize": 2, "pageToken": token, **other})
        assert (got.status, got.error["message"]) == (400, INVALID), other
    assert ask(api, pageSize=2, pageToken=token[:-2] + "xx").status == 400
    bob = google.add_user("bob@example.test")
    theirs = Api(site.port, google.issue_tokens(bob.email)["access_token"])
    assert ask(theirs, pageSize=2, pageToken=token).status == 400
    theirs.close()
    assert len(sync(api, pageSize=2, pageToken=token)["connections"]) == 1


def test_sync_token_is_bound_to_parameters_and_size_by_switch(api: Api, google: GoogleSandbox, ada: User) -> None:
    """Mask, sources, order and requestSyncToken must stay; the page size too, unless switched."""
    ada.create(named("A"))
    token = sync(api)["nextSyncToken"]
    for other in (
        {"personFields": "names,metadata"},
        {"sources": [CONTACT, PROFILE]},
        {"requestSyncToken": "false"},
        {"sortOrder": "LAST_MODIFIED_DESCENDING"},
        {"pageSize": 500},
    ):
        got = ask(api, token, **other)
        assert (got.status, got.error["status"], got.error["message"]) == (400, "INVALID_ARGUMENT", INVALID), other
    google.switches.page_size_bound = False
    assert ask(api, token, pageSize=500).status == 200
    shuffled = ",".join(reversed(MASK.split(",")))
    assert ask(api, token, personFields=shuffled).status == 200


def test_foreign_and_broken_sync_tokens_are_invalid(api: Api, site: Served, google: GoogleSandbox, ada: User) -> None:
    """A token of another user, of groups, or of nobody; an empty one counts as none."""
    bob = google.add_user("bob@example.test")
    theirs = Api(site.port, google.issue_tokens(bob.email)["access_token"])
    foreign = sync(theirs)["nextSyncToken"]
    theirs.close()
    for token in (foreign, "x", "é", api.get("/v1/contactGroups").json["nextSyncToken"]):
        got = ask(api, token)
        assert (got.status, got.error["status"], got.error["message"]) == (400, "INVALID_ARGUMENT", INVALID)
    ada.create(named("A"))
    assert len(sync(api, syncToken="")["connections"]) == 1


def test_sync_token_dies_seven_days_after_the_full_sync(api: Api, google: GoogleSandbox, ada: User) -> None:
    """Deltas in between do not prolong it; the answer is 400 with its reason, not 410."""
    ada.create(named("A"))
    token = sync(api)["nextSyncToken"]
    for _ in range(6):
        google.clock.advance(DAY)
        token = sync(api, token)["nextSyncToken"]
    google.clock.advance(DAY)
    token = sync(api, token)["nextSyncToken"]
    google.clock.advance(1)
    got = ask(api, token)
    assert (got.status, got.error["status"]) == (400, "FAILED_PRECONDITION")
    assert got.error["message"] == "Sync token is expired. Clear local cache and retry call without the sync token."
    assert got.error["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "EXPIRED_SYNC_TOKEN",
            "domain": "people.googleapis.com",
        }
    ]
    google.switches.turn({"expired_status": "INVALID_ARGUMENT", "expired_code": 410})
    assert ask(api, token).status == 410
    assert ask(api, token).error["status"] == "INVALID_ARGUMENT"


def test_all_sync_tokens_can_be_expired_at_once(api: Api, ada: User) -> None:
    """Also between two pages of a delta."""
    token = sync(api)["nextSyncToken"]
    ada.expire_sync_tokens()
    assert ask(api, token).error["details"][0]["reason"] == "EXPIRED_SYNC_TOKEN"
    assert "nextSyncToken" in sync(api)


def test_empty_delta_has_no_connections(api: Api, ada: User) -> None:
    """Totals and a token, nothing else."""
    ada.create(named("A"))
    delta = sync(api, sync(api)["nextSyncToken"])
    assert set(delta) == {"nextSyncToken", "totalItems", "totalPeople"}


def test_delta_brings_each_change_once_with_all_masked_fields(api: Api, ada: User) -> None:
    """Whole persons, not differences; edited twice is one entry."""
    first = ada.create(named("A", emailAddresses=[{"value": "a@b.test"}]))
    ada.create(named("B"))
    token = sync(api)["nextSyncToken"]
    ada.edit(first, names=[{"givenName": "A2"}])
    ada.edit(first, names=[{"givenName": "A3"}])
    delta = sync(api, token)
    assert names(delta) == [first]
    assert bare(delta["connections"][0]["emailAddresses"]) == [{"value": "a@b.test"}]
    assert delta["connections"][0]["names"][0]["givenName"] == "A3"
    assert names(sync(api, delta["nextSyncToken"])) == []
    assert names(sync(api, token)) == [first]


def test_own_writes_come_back(api: Api) -> None:
    """An echo with the etag of the write."""
    token = sync(api)["nextSyncToken"]
    made = api.post("/v1/people:createContact", named("A")).json
    echo = sync(api, token)["connections"][0]
    assert source_of(echo)["etag"] == source_of(made)["etag"]


def test_tombstone_has_exactly_this_shape(api: Api, ada: User) -> None:
    """resourceName, etag and a source that is only type and id."""
    name = ada.create(named("A"))
    source_id = ada.contacts[name]["id"]
    token = sync(api)["nextSyncToken"]
    ada.delete(name)
    [gone] = sync(api, token)["connections"]
    assert gone == {
        "resourceName": name,
        "etag": gone["etag"],
        "metadata": {"sources": [{"type": "CONTACT", "id": source_id}], "deleted": True, "objectType": "PERSON"},
    }
    assert name not in names(sync(api))


def test_tombstone_without_metadata_in_the_mask_says_nothing(api: Api, google: GoogleSandbox, ada: User) -> None:
    """Deletions cannot be told from edits then, and the sandbox notes it."""
    name = ada.create(named("A"))
    token = sync(api, personFields="names")["nextSyncToken"]
    ada.delete(name)
    [gone] = sync(api, token, personFields="names")["connections"]
    assert set(gone) == {"resourceName", "etag"}
    assert google.violations[0]["kind"] == "sync-without-metadata"


def test_created_and_deleted_between_two_syncs_is_a_tombstone(api: Api, ada: User) -> None:
    """The client may hear of the end of somebody it never met."""
    token = sync(api)["nextSyncToken"]
    name = ada.create(named("A"))
    ada.delete(name)
    assert sync(api, token)["connections"][0]["metadata"]["deleted"] is True
    assert names(sync(api, token)) == [name]


def test_propagation_delay_loses_nothing(api: Api, google: GoogleSandbox, ada: User) -> None:
    """Young changes are missing from deltas and lists, and come in a later delta."""
    google.switches.propagation_delay = 120
    old = ada.create(named("Old"))
    google.clock.advance(121)
    young = ada.create(named("Young"))
    full = sync(api)
    assert names(full) == [old]
    ada.edit(old, names=[{"givenName": "Edited"}])
    google.clock.advance(60)
    ada.delete(young)
    delta = sync(api, full["nextSyncToken"])
    assert names(delta) == []
    google.clock.advance(61)
    delta = sync(api, delta["nextSyncToken"])
    assert names(delta) == [young, old]
    assert "deleted" not in delta["connections"][0]["metadata"]
    google.clock.advance(60)
    last = sync(api, delta["nextSyncToken"])
    assert last["connections"][0]["metadata"]["deleted"] is True


def test_delay_raised_between_two_syncs_never_moves_a_token_back(api: Api, google: GoogleSandbox, ada: User) -> None:
    """What was delivered is not forgotten."""
    ada.create(named("A"))
    token = sync(api)["nextSyncToken"]
    google.switches.propagation_delay = 600
    later = sync(api, token)["nextSyncToken"]
    google.switches.propagation_delay = 0
    assert names(sync(api, later)) == []


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("way", ["api", "hand", "group"])
def test_label_changes_show_in_deltas_by_switch(
    api: Api, google: GoogleSandbox, ada: User, way: str, *, shown: bool
) -> None:
    """By members.modify, by hand, or because the group was deleted."""
    google.switches.label_changes_in_delta = shown
    crm = ada.create_group("CRM")
    name = ada.create(named("A"))
    if way == "group":
        ada.add_to_group(name, crm)
    token = sync(api)["nextSyncToken"]
    if way == "api":
        api.post(f"/v1/{crm}/members:modify", {"resourceNamesToAdd": [name]})
    elif way == "hand":
        ada.add_to_group(name, crm)
    else:
        ada.delete_group(crm)
    assert names(sync(api, token)) == ([name] if shown else [])
    assert (crm in ada.contacts[name]["memberships"]) is (way != "group")
    ada.rename_group(ada.create_group("Other"), "Another")
    assert len(names(sync(api, token))) == (1 if shown else 0)


def test_memberships_written_on_the_person_always_show(api: Api, google: GoogleSandbox, ada: User) -> None:
    """An update of the person is a change of the person."""
    google.switches.turn({"label_changes_in_delta": False, "members_modify_bumps": False})
    crm, name = ada.create_group("CRM"), ada.create(named("A"))
    token = sync(api)["nextSyncToken"]
    ada.edit(name, memberships=in_groups("contactGroups/myContacts", crm))
    assert names(sync(api, token)) == [name]


def test_renamed_resource_tells_its_old_name_in_deltas_only(api: Api, ada: User) -> None:
    """previousResourceNames is in deltas; the old name still finds the person; the source id stays."""
    old = ada.create(named("A"))
    before = ada.contacts[old]
    token = sync(api)["nextSyncToken"]
    new = ada.rename_resource(old)
    [person] = sync(api, token)["connections"]
    assert person["resourceName"] == new
    assert person["metadata"]["previousResourceNames"] == [old]
    assert source_of(person)["id"] == before["id"]
    assert "previousResourceNames" not in sync(api)["connections"][0]["metadata"]
    later = sync(api)["nextSyncToken"]
    ada.touch(new)
    assert "previousResourceNames" not in sync(api, later)["connections"][0]["metadata"]
    query = {"resourceNames": old, "personFields": "names"}
    [found] = api.get("/v1/people:batchGet", query).json["responses"]
    assert found["requestedResourceName"] == old
    assert found["person"]["resourceName"] == new


def test_merge_is_an_update_and_a_delete(api: Api, ada: User) -> None:
    """Fields are united, clientData is concatenated, nothing points from one to the other."""
    mark = [{"key": "crm", "value": "1"}]
    one = ada.create(named("Ada", emailAddresses=[{"value": "a@b.test"}], clientData=mark))
    two = ada.create(named("A.", emailAddresses=[{"value": "a@b.test"}, {"value": "c@d.test"}], clientData=mark))
    token = sync(api)["nextSyncToken"]
    ada.merge(one, two)
    kept, gone = sync(api, token)["connections"]
    assert kept["resourceName"] == one
    assert kept["names"][0]["givenName"] == "Ada"
    assert len(kept["names"]) == 1
    assert {e["value"] for e in kept["emailAddresses"]} == {"a@b.test", "c@d.test"}
    assert len(kept["clientData"]) == 2
    assert gone["metadata"]["deleted"] is True
    assert "previousResourceNames" not in kept["metadata"]


def test_touched_contact_reappears_unchanged(api: Api, ada: User) -> None:
    """A new etag and time, the same content."""
    name = ada.create(named("A"))
    full = sync(api)
    ada.touch(name)
    [again] = sync(api, full["nextSyncToken"])["connections"]
    assert source_of(again)["etag"] != source_of(full["connections"][0])["etag"]
    assert bare(again["names"]) == bare(full["connections"][0]["names"])


def test_hidden_contact_is_missing_from_lists_and_readable_all_the_same(api: Api, ada: User) -> None:
    """Absence from a full list is not deletion; an edit brings it back."""
    name = ada.create(named("A"))
    ada.hide_from_list(name)
    assert names(sync(api)) == []
    assert api.get(f"/v1/{name}", {"personFields": "names"}).status == 200
    ada.touch(name)
    assert names(sync(api)) == [name]


def test_restored_contact_comes_back_in_the_delta(api: Api, ada: User) -> None:
    """Out of the trash with the same id."""
    name = ada.create(named("A"))
    ada.delete(name)
    token = sync(api)["nextSyncToken"]
    ada.restore(name)
    [back] = sync(api, token)["connections"]
    assert back["resourceName"] == name
    assert "deleted" not in back["metadata"]
    assert ada.groups["contactGroups/myContacts"]["members"] == [name]


def test_empty_page_can_carry_a_page_token(api: Api, google: GoogleSandbox, ada: User) -> None:
    """The list goes on as long as there is a page token."""
    name = ada.create(named("A"))
    google.switches.empty_pages = True
    first = sync(api)
    assert "connections" not in first
    second = sync(api, pageToken=first["nextPageToken"])
    assert names(second) == [name]
    assert second["nextSyncToken"]


def test_pages_can_overlap(api: Api, google: GoogleSandbox, ada: User) -> None:
    """By switch a page repeats the end of the page before."""
    made = [ada.create(named(f"P{n}")) for n in range(4)]
    google.switches.overlap_pages = 1
    first = sync(api, pageSize=2)
    assert names(sync(api, pageSize=2, pageToken=first["nextPageToken"])) == made[1:]


def test_full_syncs_have_a_quota_of_their_own(api: Api, google: GoogleSandbox) -> None:
    """First pages of full syncs are counted; deltas and plain lists are not."""
    google.switches.full_syncs_per_day = 2
    token = sync(api)["nextSyncToken"]
    sync(api)
    got = ask(api)
    assert (got.status, got.error["status"]) == (429, "RESOURCE_EXHAUSTED")
    assert ask(api, token).status == 200
    assert api.get(PATH, {"personFields": "names"}).status == 200
    google.clock.advance(DAY + 1)
    assert ask(api).status == 200


def test_other_contacts_have_their_own_list_and_tokens(site: Served, google: GoogleSandbox, ada: User) -> None:
    """Saving one is a deletion there and a new contact here, under the same number."""
    scopes = [f"https://www.googleapis.com/auth/{s}" for s in ("contacts", "contacts.other.readonly")]
    api = Api(site.port, google.issue_tokens(ada.email, scopes)["access_token"])
    other = ada.add_other(named("Met once", emailAddresses=[{"value": "o@b.test"}]))
    query = {"readMask": "names,emailAddresses,metadata", "requestSyncToken": "true"}
    listed = api.get("/v1/otherContacts", query).json
    assert names({"connections": listed["otherContacts"]}) == [other]
    assert listed["totalSize"] == 1
    assert api.get("/v1/otherContacts", {**query, "readMask": "organizations"}).status == 400
    wide = {**query, "readMask": "organizations", "sources": [CONTACT, PROFILE]}
    assert api.get("/v1/otherContacts", wide).status == 200
    contacts = sync(api)["nextSyncToken"]
    copy = api.post(f"/v1/{other}:copyOtherContactToMyContactsGroup", {"copyMask": "names", "readMask": "names"}).json
    assert copy["names"][0]["givenName"] == "Met once"
    saved = ada.promote_other(other)
    assert saved.removeprefix("people/") == other.removeprefix("otherContacts/")
    assert names(sync(api, contacts)) == [copy["resourceName"], saved]
    [gone] = api.get("/v1/otherContacts", {**query, "syncToken": listed["nextSyncToken"]}).json["otherContacts"]
    assert gone["metadata"]["deleted"] is True
    api.close()


def test_search_needs_a_warm_up_and_stays_behind(api: Api, ada: User) -> None:
    """Only an empty query refreshes what search sees."""
    ada.create(named("Ada", "Lovelace"))
    query = {"readMask": "names", "query": "love"}
    assert api.get("/v1/people:searchContacts", query).json == {}
    api.get("/v1/people:searchContacts", {**query, "query": ""})
    ada.create(named("Love"))
    [found] = api.get("/v1/people:searchContacts", query).json["results"]
    assert found["person"]["names"][0]["givenName"] == "Ada"
