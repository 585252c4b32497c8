"""Versions: two kinds of etag, guarded updates, stale reads, and what an update leaves alone."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.sandbox.google.server import GoogleSandbox, User
from tests.sandbox.google.calling import CONTACT, Api, bare, named, source_of

ALL = "names,emailAddresses,phoneNumbers,biographies,memberships,metadata"
STALE = "Request person.{0} is different than the current person.{0}. Clear local cache and get the latest person."


def read(api: Api, name: str, mask: str = ALL) -> dict[str, Any]:
    """A person by get."""
    got: dict[str, Any] = api.get(f"/v1/{name}", {"personFields": mask, "sources": CONTACT}).json
    return got


def update(api: Api, name: str, body: dict[str, Any], mask: str = "names") -> Any:
    """The answer to an update."""
    return api.write("PATCH", f"/v1/{name}:updateContact", body, {"updatePersonFields": mask})


def test_resource_name_is_the_source_id_in_decimal(api: Api) -> None:
    """`people/c` and the hexadecimal id of the CONTACT source name the same number."""
    person = api.post("/v1/people:createContact", named("A")).json
    assert person["resourceName"] == f"people/c{int(source_of(person)['id'], 16)}"


def test_person_etag_depends_on_the_mask_and_source_etag_does_not(api: Api, ada: User) -> None:
    """The same version has another person.etag under another mask or other sources."""
    name = ada.create(named("A"))
    narrow, wide = read(api, name, "names,metadata"), read(api, name)
    both = api.get(f"/v1/{name}", {"personFields": ALL}).json
    assert len({narrow["etag"], wide["etag"], both["etag"]}) == 3
    assert source_of(narrow)["etag"] == source_of(wide)["etag"] == source_of(both)["etag"]
    assert narrow["etag"].startswith("%")
    assert source_of(narrow)["etag"].startswith("#")


@pytest.mark.parametrize("how", ["person", "source", "both"])
def test_update_takes_either_etag(api: Api, ada: User, how: str) -> None:
    """person.etag of any mask, the source etag, or both."""
    name = ada.create(named("A"))
    person = read(api, name)
    body = named("B")
    if how in ("person", "both"):
        body["etag"] = read(api, name, "biographies")["etag"]
    if how in ("source", "both"):
        body["metadata"] = {"sources": [{"type": "CONTACT", "etag": source_of(person)["etag"]}]}
    got = update(api, name, body)
    assert got.status == 200
    assert source_of(got.json)["etag"] != source_of(person)["etag"]


@pytest.mark.parametrize("which", ["etag", "metadata.sources.etag"])
def test_update_with_a_stale_etag_is_refused(api: Api, ada: User, which: str) -> None:
    """400 FAILED_PRECONDITION in Google's words, and nothing is changed."""
    name = ada.create(named("A"))
    person = read(api, name)
    ada.edit(name, names=[{"givenName": "By hand"}])
    source = {"sources": [{"type": "CONTACT", "etag": source_of(person)["etag"]}]}
    body = {**named("B"), **({"etag": person["etag"]} if which == "etag" else {"metadata": source})}
    got = update(api, name, body)
    assert (got.status, got.error["status"]) == (400, "FAILED_PRECONDITION")
    assert got.error["message"] == STALE.format(which)
    assert ada.contacts[name]["names"][0]["givenName"] == "By hand"


def test_both_etags_must_be_current(api: Api, ada: User) -> None:
    """A fresh person.etag does not excuse an old source etag."""
    name = ada.create(named("A"))
    old = source_of(read(api, name))["etag"]
    ada.touch(name)
    body = {**named("B"), "etag": read(api, name)["etag"], "metadata": {"sources": [{"type": "CONTACT", "etag": old}]}}
    assert update(api, name, body).error["message"] == STALE.format("metadata.sources.etag")


@pytest.mark.parametrize("etag", ["nonsense", "%nonsense", "%", "#abc="])
def test_garbage_etag_is_a_stale_etag(api: Api, ada: User, etag: str) -> None:
    """An unreadable etag gets the answer of an old one."""
    got = update(api, ada.create(named("A")), {**named("B"), "etag": etag})
    assert got.error["message"] == STALE.format("etag")


@pytest.mark.parametrize("status", ["INVALID_ARGUMENT", "FAILED_PRECONDITION"])
def test_update_without_an_etag_is_refused(api: Api, google: GoogleSandbox, ada: User, status: str) -> None:
    """The text is certain, the status is a switch."""
    google.switches.missing_etag_status = status
    got = update(api, ada.create(named("A")), named("B"))
    assert (got.status, got.error["status"]) == (400, status)
    assert got.error["message"] == (
        "Request must set person.etag or person.metadata.sources.etag for the source that is being updated."
    )


def test_etag_of_a_list_is_refused_by_switch(api: Api, google: GoogleSandbox, ada: User) -> None:
    """Some saw etags of lists refused where those of get were taken."""
    name = ada.create(named("A"))
    google.switches.list_etag_rejected = True
    listed = api.get("/v1/people/me/connections", {"personFields": "names"}).json["connections"][0]
    assert update(api, name, {**named("B"), "etag": listed["etag"]}).error["message"] == STALE.format("etag")
    assert update(api, name, {**named("B"), "etag": read(api, name)["etag"]}).status == 200


def test_update_of_a_missing_or_deleted_contact_is_404(api: Api, ada: User) -> None:
    """Gone is gone, whatever the etag."""
    name = ada.create(named("A"))
    body = {**named("B"), "etag": read(api, name)["etag"]}
    ada.delete(name)
    for target in (name, "people/c12345"):
        got = update(api, target, body)
        assert (got.status, got.error["message"]) == (404, "Requested entity was not found.")


@pytest.mark.parametrize("target", ["people/me", "people/12345"])
def test_profiles_cannot_be_written(api: Api, target: str) -> None:
    """Only people/c… are contacts."""
    got = update(api, target, {**named("B"), "etag": "%x"})
    assert got.error["message"] == f'Resource name "{target}" is not a valid contact person resource.'
    assert api.write("DELETE", f"/v1/{target}:deleteContact").status == 400


def test_mask_replaces_and_clears_whole_fields_and_spares_the_rest(api: Api, ada: User) -> None:
    """A masked field is replaced; one that the body lacks is cleared; the others are untouched."""
    emails = [{"value": "a@b.test"}, {"value": "c@d.test"}]
    person = named("A", emailAddresses=emails, phoneNumbers=[{"value": "1"}], biographies=[{"value": "n"}])
    name = ada.create({**person, "clientData": [{"key": "k", "value": "v"}]})
    before = ada.contacts[name]
    body = {
        "etag": read(api, name)["etag"],
        "emailAddresses": [{"value": "new@b.test"}],
        "names": [{"givenName": "No"}],
    }
    answer = update(api, name, body, "emailAddresses,phoneNumbers").json
    after = ada.contacts[name]
    assert after["emailAddresses"] == [{"value": "new@b.test"}]
    assert "phoneNumbers" not in after
    for field in ("names", "biographies", "clientData", "memberships"):
        assert after[field] == before[field]
    assert bare(answer["emailAddresses"]) == [{"value": "new@b.test"}]
    assert "clientData" in answer


def test_answer_of_a_write_is_masked_and_current(api: Api, google: GoogleSandbox, ada: User) -> None:
    """personFields narrows it, and it is fresh even where reads are stale."""
    google.switches.stale_reads = 60
    made = api.post("/v1/people:createContact", named("A"), {"personFields": "names,metadata"}).json
    assert set(made) == {"resourceName", "etag", "names", "metadata"}
    got = update(api, made["resourceName"], {**named("B"), "etag": made["etag"]}).json
    assert got["names"][0]["givenName"] == "B"


def test_stale_reads_show_the_past_with_its_etag(api: Api, google: GoogleSandbox, ada: User) -> None:
    """For a while get, batchGet and the list show the old version, whose etag no update takes."""
    google.switches.stale_reads = 60
    name = ada.create(named("A"))
    assert api.get(f"/v1/{name}", {"personFields": "names"}).status == 404
    google.clock.advance(61)
    ada.edit(name, names=[{"givenName": "B"}])
    stale = read(api, name)
    assert stale["names"][0]["givenName"] == "A"
    listed = api.get("/v1/people/me/connections", {"personFields": "names"}).json["connections"]
    assert listed[0]["names"][0]["givenName"] == "A"
    assert update(api, name, {**named("C"), "etag": stale["etag"]}).status == 400
    google.clock.advance(61)
    assert read(api, name)["names"][0]["givenName"] == "B"
    ada.delete(name)
    assert read(api, name)["names"][0]["givenName"] == "B"
    google.clock.advance(61)
    assert api.get(f"/v1/{name}", {"personFields": "names"}).status == 404


@pytest.mark.parametrize("bumps", [True, False])
def test_update_that_changes_nothing_makes_a_version_by_switch(
    api: Api, google: GoogleSandbox, ada: User, *, bumps: bool
) -> None:
    """Whether Google bumps on the same content is not known."""
    google.switches.noop_update_bumps = bumps
    name = ada.create(named("A"))
    before = read(api, name)
    after = update(api, name, {**named("A"), "etag": before["etag"]}).json
    assert (source_of(after)["etag"] != source_of(before)["etag"]) is bumps
    assert (source_of(after)["updateTime"] != source_of(before)["updateTime"]) is bumps


def test_update_times_never_repeat(api: Api, ada: User) -> None:
    """Microseconds rise strictly, even on a stopped clock."""
    times = [source_of(api.post("/v1/people:createContact", named("A")).json)["updateTime"] for _ in range(5)]
    assert sorted(set(times)) == times


def test_deleting_twice_is_404(people: Any, api: Api, ada: User) -> None:
    """Delete answers an empty object once."""
    name = ada.create(named("A"))
    assert people.deleteContact(resourceName=name).execute() == {}
    assert api.write("DELETE", f"/v1/{name}:deleteContact").status == 404
    assert not ada.contacts


def test_batch_get_answers_for_each_name(people: Any, ada: User) -> None:
    """A missing name has a status and no person; the call itself succeeds."""
    name = ada.create(named("A"))
    got = people.getBatchGet(resourceNames=[name, "people/c9"], personFields="names").execute()["responses"]
    assert got[0]["person"]["resourceName"] == name
    assert "person" not in got[1]
    assert (got[1]["httpStatusCode"], got[1]["status"]["code"]) == (404, 5)
    assert got[1]["requestedResourceName"] == "people/c9"


def test_people_me_is_the_users_profile(people: Any, ada: User) -> None:
    """get on people/me shows who one is."""
    got = people.get(resourceName="people/me", personFields="names,emailAddresses").execute()
    assert got["resourceName"] == f"people/{ada.sub}"
    assert got["emailAddresses"][0]["value"] == ada.email
