"""How requests travel: methods, queries, bearer tokens, errors, injected faults."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from googleapiclient.errors import HttpError

from syncd.sandbox.faults import Rule
from syncd.sandbox.google import trouble
from syncd.sandbox.google.routes import READONLY
from syncd.sandbox.google.server import GoogleSandbox, User
from syncd.sandbox.shell import Served
from tests.sandbox.google.calling import Api, named


def test_connection_is_kept_and_replies_are_gzipped_when_asked(api: Api, ada: User) -> None:
    """A large reply is packed for a client that takes gzip, on a connection that lives on."""
    for number in range(20):
        ada.create(named(f"Person {number}"))
    target = "/v1/people/me/connections?personFields=names&alt=json&prettyPrint=false"
    packed = api.send("GET", target, headers={"Accept-Encoding": "gzip, deflate"})
    plain = api.send("GET", target)
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json == plain.json
    assert plain.headers["content-type"] == "application/json; charset=UTF-8"
    assert plain.headers["vary"] == "Origin, X-Origin, Referer"


def test_post_with_override_get_reads_the_query_from_the_body(people: Any, google: GoogleSandbox, ada: User) -> None:
    """Two hundred names make Google's client send a POST that means GET."""
    names = [ada.create(named(f"P{n}")) for n in range(200)]
    got = people.getBatchGet(resourceNames=names, personFields="names").execute()
    assert [r["requestedResourceName"] for r in got["responses"]] == names
    assert google.log[-1]["method"] == "GET"


def test_post_with_override_patch_updates(api: Api, ada: User) -> None:
    """Any method may hide behind POST."""
    name = ada.create(named("Old"))
    etag = ada.contacts[name]["etag"]
    body = {"metadata": {"sources": [{"type": "CONTACT", "etag": etag}]}, **named("New")}
    target = f"/v1/{name}:updateContact?{urlencode({'updatePersonFields': 'names'})}"
    got = api.send("POST", target, json.dumps(body).encode(), {"X-HTTP-Method-Override": "PATCH"})
    assert got.status == 200
    assert ada.contacts[name]["names"][0]["givenName"] == "New"


@pytest.mark.parametrize("path", ["/v2/people/me", "/v1/people/c1:frobnicate", "/people/me/connections"])
def test_unknown_path_answers_with_a_page(api: Api, path: str) -> None:
    """An address nobody serves ends in HTML, not JSON."""
    got = api.get(path)
    assert got.status == 404
    assert got.headers["content-type"].startswith("text/html")


def test_wrong_method_on_a_known_path_answers_with_a_page(api: Api) -> None:
    """DELETE on the list is as unknown as a wrong path."""
    assert api.write("DELETE", "/v1/people/me/connections").headers["content-type"].startswith("text/html")


def test_unknown_query_parameter_is_refused(api: Api) -> None:
    """A misspelt parameter is an error, never ignored."""
    got = api.get("/v1/people/me/connections", {"personFields": "names", "pagesize": "5"})
    assert got.status == 400
    assert got.error["status"] == "INVALID_ARGUMENT"
    assert 'Unknown name "pagesize": Cannot bind query parameter' in got.error["message"]


@pytest.mark.parametrize(("name", "value"), [("pageSize", "many"), ("requestSyncToken", "yes")])
def test_query_parameter_of_the_wrong_type_is_refused(api: Api, name: str, value: str) -> None:
    """Numbers are numbers and booleans are true or false."""
    got = api.get("/v1/people/me/connections", {"personFields": "names", name: value})
    assert got.status == 400
    assert got.error["message"].startswith("Invalid value at '")


def test_missing_or_unknown_bearer_is_401(site: Served, google: GoogleSandbox) -> None:
    """Without a living token nothing is served, and the header says why."""
    for token in ("", "ya29.sandbox-stranger"):
        api = Api(site.port, token)
        got = api.get("/v1/people/me/connections", {"personFields": "names"})
        assert (got.status, got.error["status"]) == (401, "UNAUTHENTICATED")
        assert got.error["message"].startswith("Request had invalid authentication credentials.")
        assert "invalid_token" in got.headers["www-authenticate"]
        api.close()


def test_access_token_expires_by_the_servers_clock(site: Served, google: GoogleSandbox, ada: User) -> None:
    """An access token lives 3599 seconds."""
    api = Api(site.port, google.issue_tokens(ada.email)["access_token"])
    query = {"personFields": "names"}
    assert api.get("/v1/people/me/connections", query).status == 200
    google.clock.advance(3600)
    assert api.get("/v1/people/me/connections", query).status == 401
    api.close()


def test_missing_scope_is_403_with_its_reason(site: Served, google: GoogleSandbox, ada: User) -> None:
    """Reading rights do not write."""
    api = Api(site.port, google.issue_tokens(ada.email, [READONLY])["access_token"])
    assert api.get("/v1/people/me/connections", {"personFields": "names"}).status == 200
    got = api.post("/v1/people:createContact", named("A"))
    api.close()
    assert (got.status, got.error["status"]) == (403, "PERMISSION_DENIED")
    assert got.error["message"] == "Request had insufficient authentication scopes."
    detail = got.error["details"][0]
    assert detail["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    assert detail["metadata"] == {
        "service": "people.googleapis.com",
        "method": "google.people.v1.PeopleService.CreateContact",
    }


def test_disabled_api_says_so(api: Api, google: GoogleSandbox) -> None:
    """A project without the People API gets 403 SERVICE_DISABLED."""
    google.switches.api_disabled = True
    got = api.get("/v1/contactGroups")
    assert got.status == 403
    assert got.error["details"][0]["reason"] == "SERVICE_DISABLED"


def test_errors_list_appears_only_by_switch(api: Api, google: GoogleSandbox) -> None:
    """The older `errors[]` is there for clients that are said to get it."""
    assert "errors" not in api.get("/v1/people/c1", {"personFields": "names"}).error
    google.switches.legacy_errors_list = True
    got = api.get("/v1/people/c1", {"personFields": "names"}).error
    assert got["errors"][0]["reason"] == "notFound"


def test_directory_is_for_workspace_users(site: Served, google: GoogleSandbox, ada: User) -> None:
    """A consumer account has no directory."""
    scope = "https://www.googleapis.com/auth/directory.readonly"
    api = Api(site.port, google.issue_tokens(ada.email, [scope])["access_token"])
    got = api.get("/v1/people:listDirectoryPeople", {"readMask": "names"})
    api.close()
    assert (got.error["status"], got.error["message"]) == ("FAILED_PRECONDITION", "Must be a G Suite domain user.")


@pytest.mark.parametrize(
    ("canned", "status", "reason"),
    [
        ("read_quota", 429, "RATE_LIMIT_EXCEEDED"),
        ("throttled", 429, "QUOTA_EXCEEDED"),
        ("unavailable", 503, "UNAVAILABLE"),
        ("internal", 500, "INTERNAL"),
        ("rate_403", 403, "rateLimitExceeded"),
    ],
)
def test_canned_fault_has_googles_body_and_no_retry_after(
    api: Api, google: GoogleSandbox, canned: str, status: int, reason: str
) -> None:
    """Each failure comes twice, in Google's words, and then is over."""
    google.faults.add(trouble.rule(canned, count=2))
    answers = [api.get("/v1/contactGroups") for _ in range(3)]
    assert [a.status for a in answers] == [status, status, 200]
    assert reason in answers[0].body.decode()
    assert "retry-after" not in answers[0].headers


def test_reply_lost_after_the_write_leaves_the_contact(
    site: Served, google: GoogleSandbox, ada: User, token: str
) -> None:
    """A dropped connection says nothing about whether the contact was made."""
    google.faults.add(Rule("drop", method="POST", target="createContact"))
    api = Api(site.port, token)
    with pytest.raises(http.client.RemoteDisconnected):
        api.post("/v1/people:createContact", named("Ghost"))
    api.close()
    assert [c["names"][0]["givenName"] for c in ada.contacts.values()] == ["Ghost"]
    assert google.log[-1]["cut"] == "drop"


def test_fault_before_the_write_leaves_nothing(api: Api, google: GoogleSandbox, ada: User) -> None:
    """A 503 without `after` was never carried out; with it, it was."""
    google.faults.add(trouble.rule("unavailable", method="POST"))
    assert api.post("/v1/people:createContact", named("A")).status == 503
    assert not ada.contacts
    google.faults.add(trouble.rule("unavailable", method="POST", after=True))
    assert api.post("/v1/people:createContact", named("A")).status == 503
    assert len(ada.contacts) == 1
    assert [entry["executed"] for entry in google.log] == [0, 1]


def test_googles_client_reads_the_errors(people: Any) -> None:
    """HttpError carries status and reason as with the real server."""
    with pytest.raises(HttpError) as caught:
        people.get(resourceName="people/c1", personFields="names").execute()
    assert caught.value.status_code == 404
    assert caught.value.reason == "Requested entity was not found."
