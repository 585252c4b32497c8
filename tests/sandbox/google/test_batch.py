"""Many contacts in one call: all or nothing, and at size."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.sandbox.google.server import GoogleSandbox, User
from syncd.sandbox.wire import Clock, Request
from tests.sandbox.google.calling import CONTACT, Api, in_groups, named, source_of

CREATE, UPDATE, DELETE = (f"/v1/people:batch{verb}Contacts" for verb in ("Create", "Update", "Delete"))
TYPE = "type.googleapis.com/google.people.v1."


def to_create(*people: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of a batchCreate."""
    return [{"contactPerson": person} for person in people]


def fresh(ada: User, name: str, body: dict[str, Any]) -> dict[str, Any]:
    """A body with the current source etag."""
    return {**body, "metadata": {"sources": [{"type": "CONTACT", "etag": ada.contacts[name]["etag"]}]}}


def test_batch_create_answers_in_order(people: Any, ada: User) -> None:
    """One PersonResponse for each contact, as they were sent."""
    body = {"contacts": to_create(named("A"), named("B")), "readMask": "names,metadata", "sources": [CONTACT]}
    made = people.batchCreateContacts(body=body).execute()["createdPeople"]
    assert [m["person"]["names"][0]["givenName"] for m in made] == ["A", "B"]
    assert set(made[0]) == {"httpStatusCode", "person", "requestedResourceName", "status"}
    assert (made[0]["httpStatusCode"], made[0]["status"]) == (200, {})
    assert made[0]["requestedResourceName"] == made[0]["person"]["resourceName"]
    assert list(ada.contacts) == [m["person"]["resourceName"] for m in made]


def test_batch_without_a_read_mask_answers_nothing(api: Api, ada: User) -> None:
    """The contact is made, its name is not told."""
    assert api.post(CREATE, {"contacts": to_create(named("A"))}).json == {}
    [name] = ada.contacts
    assert api.post(UPDATE, {"contacts": {name: fresh(ada, name, named("B"))}, "updateMask": "names"}).json == {}
    assert ada.contacts[name]["names"][0]["givenName"] == "B"


def test_one_bad_contact_stops_the_whole_batch_create(api: Api, ada: User) -> None:
    """Nothing is made; the details name the bad ones by index."""
    twice = {"names": [{"givenName": "A"}, {"givenName": "B"}]}
    lost = named("C", memberships=in_groups("contactGroups/unknown"))
    got = api.post(CREATE, {"contacts": to_create(named("A"), twice, lost), "readMask": "names"})
    assert (got.status, got.error["status"]) == (400, "INVALID_ARGUMENT")
    [details] = got.error["details"]
    assert details["@type"] == TYPE + "BatchCreateContactsErrorDetails"
    assert details["contactErrors"] == {
        "1": {"code": 3, "message": "Cannot have more than one person.names per source."},
        "2": {"code": 5, "message": "Requested entity was not found."},
    }
    assert not ada.contacts


def test_one_stale_contact_stops_the_whole_batch_update(api: Api, ada: User) -> None:
    """Nothing is changed; the details name each bad one by resource name, with its code."""
    good, stale, bare = (ada.create(named(n)) for n in ("A", "B", "C"))
    contacts = {name: fresh(ada, name, named("New")) for name in (good, stale)}
    ada.touch(stale)
    contacts |= {bare: named("New"), "people/c9": {**named("New"), "etag": "%x"}}
    got = api.post(UPDATE, {"contacts": contacts, "updateMask": "names", "readMask": "names"})
    assert (got.status, got.error["status"]) == (400, "FAILED_PRECONDITION")
    [details] = got.error["details"]
    assert details["@type"] == TYPE + "BatchUpdateContactsErrorDetails"
    assert {name: e["code"] for name, e in details["contactErrors"].items()} == {stale: 9, bare: 9, "people/c9": 5}
    assert {c["names"][0]["givenName"] for c in ada.contacts.values()} == {"A", "B", "C"}


def test_missing_etag_in_a_batch_has_a_status_of_its_own(api: Api, google: GoogleSandbox, ada: User) -> None:
    """FAILED_PRECONDITION by default, switchable."""
    name = ada.create(named("A"))
    body = {"contacts": {name: named("B")}, "updateMask": "names"}
    assert api.post(UPDATE, body).error["status"] == "FAILED_PRECONDITION"
    google.switches.missing_etag_batch_status = "INVALID_ARGUMENT"
    assert api.post(UPDATE, body).error["status"] == "INVALID_ARGUMENT"


def test_batch_update_answers_by_name(people: Any, ada: User) -> None:
    """A map from resource names; one mask clears what a body lacks."""
    one, two = ada.create(named("A", urls=[{"value": "u"}])), ada.create(named("B", urls=[{"value": "u"}]))
    contacts = {one: fresh(ada, one, named("A2")), two: fresh(ada, two, named("B2", urls=[{"value": "v"}]))}
    body = {"contacts": contacts, "updateMask": "names,urls", "readMask": "names,urls,metadata"}
    result = people.batchUpdateContacts(body=body).execute()["updateResult"]
    assert {name: r["person"]["names"][0]["givenName"] for name, r in result.items()} == {one: "A2", two: "B2"}
    assert "urls" not in ada.contacts[one]
    assert source_of(result[two]["person"])["etag"] == ada.contacts[two]["etag"]


def test_batch_update_wants_contacts_under_their_own_names(api: Api, ada: User) -> None:
    """A profile is no contact, and the name in the body must be the key."""
    name = ada.create(named("A"))
    for contacts in ({"people/me": named("B")}, {name: {**fresh(ada, name, named("B")), "resourceName": "people/c1"}}):
        got = api.post(UPDATE, {"contacts": contacts, "updateMask": "names"})
        assert (got.status, got.error["status"]) == (400, "INVALID_ARGUMENT")
    assert api.post(UPDATE, {"contacts": {name: named("B")}}).error["message"].startswith("updateMask mask is required")


@pytest.mark.parametrize("strict", [True, False])
def test_batch_delete_of_an_unknown_name_by_switch(api: Api, google: GoogleSandbox, ada: User, *, strict: bool) -> None:
    """Either the whole call fails or the name is skipped."""
    google.switches.batch_delete_unknown_404 = strict
    name = ada.create(named("A"))
    got = api.post(DELETE, {"resourceNames": [name, "people/c9"]})
    assert got.status == (404 if strict else 200)
    assert (name in ada.contacts) is strict


def test_batch_delete_answers_an_empty_object(people: Any, ada: User) -> None:
    """200 and {}."""
    names = [ada.create(named(f"P{n}")) for n in range(3)]
    assert people.batchDeleteContacts(body={"resourceNames": names}).execute() == {}
    assert not ada.contacts


def test_five_thousand_contacts_go_in_and_come_back(people: Any, ada: User) -> None:
    """25 batches of 200, then 5 pages of 1000, then a delta that costs nothing."""
    for batch in range(25):
        mails = [f"p{batch}.{n}@b.test" for n in range(200)]
        contacts = to_create(*(named(f"P{batch}", "F", emailAddresses=[{"value": mail}]) for mail in mails))
        body = {"contacts": contacts, "readMask": "names,metadata"}
        assert len(people.batchCreateContacts(body=body).execute()["createdPeople"]) == 200
    seen: set[str] = set()
    pages = 0
    mask = "names,emailAddresses,phoneNumbers,memberships,metadata"
    request = people.connections().list(
        resourceName="people/me", personFields=mask, pageSize=1000, requestSyncToken=True, sources=[CONTACT]
    )
    while request is not None:
        page = request.execute()
        seen |= {p["resourceName"] for p in page["connections"]}
        pages += 1
        request = people.connections().list_next(request, page)
    assert (len(seen), pages) == (5000, 5)
    assert len(ada.contacts) == 5000


def test_full_book_serves_deltas_by_what_changed_and_not_by_what_it_holds() -> None:
    """A delta of one change in a full book reads one contact."""
    clock = Clock(1_800_000_000.0, freeze=True)
    google = GoogleSandbox(clock)
    user = google.add_user("full@example.test")
    for number in range(2000):
        user.create(named(f"P{number}"))
    head = {"authorization": f"Bearer {google.issue_tokens(user.email)['access_token']}"}
    target = "/v1/people/me/connections?personFields=names,metadata&requestSyncToken=true&pageSize=1000"

    def ask(more: str) -> Any:
        return google.handle(Request("GET", target + more, head), clock).json()

    token = ask("&pageToken=" + ask("")["nextPageToken"])["nextSyncToken"]
    touched = next(iter(user.contacts))
    user.touch(touched)
    contacts = user.book.contacts
    user.book.contacts = {n: c for n, c in contacts.items() if c.latest.name == touched}
    assert [p["resourceName"] for p in ask("&syncToken=" + token)["connections"]] == [touched]
