"""Beside Google: playing the user over HTTP, switches, faults, the clock, the log and the dump."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.sandbox.google.server import GoogleSandbox, User
from syncd.sandbox.shell import Served
from tests.sandbox.google.calling import Api, named

LIST = ("/v1/people/me/connections", {"personFields": "names"})
ADA = {"email": "ada@example.test"}


@pytest.fixture
def admin(site: Served, google: GoogleSandbox, ada: User) -> Any:
    """A caller without a token."""
    caller = Api(site.port)

    def call(method: str, path: str, /, **body: Any) -> Any:
        got = caller.write(method, f"/_sandbox/{path}", body or None)
        assert got.status == 200, got.body
        return got.json

    yield call
    caller.close()


def test_user_can_be_played_over_http(admin: Any, google: GoogleSandbox) -> None:
    """Everything a person does in Google Contacts has an address."""
    bob = {"email": "bob@example.test"}
    admin("POST", "users", **bob, name="Bob", region="DE")
    one = admin("POST", "contacts/create", **bob, person=named("A"))["resourceName"]
    two = admin("POST", "contacts/create", **bob, person=named("B"))["resourceName"]
    admin("POST", "contacts/edit", **bob, resourceName=one, fields={"phoneNumbers": [{"value": "030 123456"}]})
    crm = admin("POST", "groups/create", **bob, name="CRM")["group"]
    admin("POST", "groups/rename", **bob, group=crm, name="Clients")
    admin("POST", "contacts/add-to-group", **bob, resourceName=two, group=crm)
    admin("POST", "contacts/merge", **bob, survivor=one, loser=two)
    new = admin("POST", "contacts/rename", **bob, resourceName=one)["resourceName"]
    admin("POST", "contacts/touch", **bob, resourceName=new)
    admin("POST", "contacts/link-profile", **bob, resourceName=new, fields={"names": [{"givenName": "Linked"}]})
    user = google.user(**bob)
    [person] = user.contacts.values()
    assert person["resourceName"] == new
    assert person["phoneNumbers"][0]["canonicalForm"] == "+4930123456"
    assert crm in person["memberships"]
    assert user.groups[crm]["name"] == "Clients"
    admin("POST", "contacts/remove-from-group", **bob, resourceName=new, group=crm)
    admin("POST", "contacts/hide", **bob, resourceName=new)
    admin("POST", "groups/delete", **bob, group=crm)
    admin("POST", "contacts/delete", **bob, resourceName=new)
    assert not user.contacts
    admin("POST", "contacts/restore", **bob, resourceName=new)
    other = admin("POST", "others/create", **bob, person=named("O"))["resourceName"]
    admin("POST", "others/promote", **bob, resourceName=other)
    assert len(user.contacts) == 2


def test_clock_switches_and_faults_over_http(admin: Any, api: Api, google: GoogleSandbox) -> None:
    """Each takes effect with the next request."""
    before = admin("GET", "clock")["now"]
    assert admin("POST", "clock/advance", seconds=90)["now"] == before + 90
    assert admin("POST", "switches", stale_reads=5)["stale_reads"] == 5
    assert admin("GET", "switches")["stale_reads"] == 5
    admin("POST", "faults", kind="503", method="GET", target="connections", count=1)
    admin("POST", "faults", canned="read_quota", target="connections", count=1)
    assert [api.get(*LIST).status for _ in range(3)] == [503, 429, 200]
    assert admin("GET", "faults")["hits"] == {"503": 1, "429": 1}
    admin("POST", "faults", kind="500", count=9)
    admin("DELETE", "faults")
    assert api.get(*LIST).status == 200


def test_tokens_can_be_ended_over_http(admin: Any, api: Api) -> None:
    """Sync tokens, access tokens and whole consents."""
    query = {**LIST[1], "requestSyncToken": "true"}
    sync = {**query, "syncToken": api.get(LIST[0], query).json["nextSyncToken"]}
    assert api.get(LIST[0], sync).status == 200
    admin("POST", "sync-tokens/expire", **ADA)
    assert api.get(LIST[0], sync).error["details"][0]["reason"] == "EXPIRED_SYNC_TOKEN"
    admin("POST", "expire-access")
    assert api.get(*LIST).status == 401
    assert admin("POST", "users/tokens", **ADA)["access_token"]
    admin("POST", "revoke", **ADA)


def test_log_and_counters_show_what_was_asked(admin: Any, api: Api, google: GoogleSandbox) -> None:
    """Method, path without query, status, user and API call; admin calls are left out."""
    api.get(*LIST)
    api.post("/v1/people:createContact", named("A"))
    api.get("/nowhere")
    shown = admin("GET", "log")
    brief = [(e["method"], e["path"], e["status"], e["user"], e["api"]) for e in shown["log"]]
    assert brief == [
        ("GET", LIST[0], 200, ADA["email"], "people.connections.list"),
        ("POST", "/v1/people:createContact", 200, ADA["email"], "people.createContact"),
        ("GET", "/nowhere", 404, None, None),
    ]
    assert shown["calls"] == {"people.connections.list": 1, "people.createContact": 1}
    admin("POST", "reset-log")
    assert admin("GET", "log") == {"log": [], "calls": {}, "violations": []}


def test_dump_is_the_true_state(admin: Any, google: GoogleSandbox, ada: User) -> None:
    """Even while reads are stale; groups come with their members."""
    google.switches.stale_reads = 600
    name = ada.create(named("A", emailAddresses=[{"value": "a@b.test"}]))
    [user] = admin("GET", "dump")["users"]
    assert user["email"] == ada.email
    [person] = user["contacts"]
    assert person["resourceName"] == name
    assert person["emailAddresses"] == [{"value": "a@b.test"}]
    assert person["memberships"] == ["contactGroups/myContacts"]
    mine = next(g for g in user["groups"] if g["resourceName"] == "contactGroups/myContacts")
    assert mine["members"] == [name]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("switches", {"no_such_switch": 1}),
        ("contacts/create", {"email": "nobody@example.test"}),
        ("contacts/delete", {**ADA, "resourceName": "people/c9"}),
        ("contacts/create", {**ADA, "person": {"nonsense": 1}}),
        ("faults", {"kind": "drop", "target": "("}),
        ("faults", {"canned": "no such"}),
        ("faults", {"unknown": 1}),
        ("clock/advance", {}),
        ("nothing", {}),
    ],
)
def test_senseless_admin_call_is_refused_and_changes_nothing(
    site: Served, google: GoogleSandbox, ada: User, path: str, body: dict[str, Any]
) -> None:
    """4xx with a reason."""
    caller = Api(site.port)
    got = caller.post(f"/_sandbox/{path}", body)
    caller.close()
    assert 400 <= got.status < 500
    assert got.json["error"]
    assert google.faults.rules == []
    assert not ada.contacts


def test_faults_spare_the_admin_calls(admin: Any, google: GoogleSandbox) -> None:
    """A fault that hits everything still lets the test look."""
    admin("POST", "faults", kind="503", count=100)
    assert admin("GET", "dump")["users"]
    assert google.faults.hits == {}


def test_overview_lists_people_and_escapes_them(site: Served, google: GoogleSandbox, ada: User) -> None:
    """A page for human eyes."""
    ada.create(named("<b>Bold</b>", emailAddresses=[{"value": "x@b.test"}]))
    caller = Api(site.port)
    got = caller.get("/")
    caller.close()
    page = got.body.decode()
    assert "&lt;b&gt;Bold&lt;/b&gt;" in page
    assert "<b>Bold" not in page
    assert "x@b.test" in page


def test_repeated_post_is_noted(api: Api, google: GoogleSandbox) -> None:
    """The same body three times within a moment is a client that retries what it must not."""
    for _ in range(3):
        api.post("/v1/people:createContact", named("A"))
    google.clock.advance(1)
    api.post("/v1/people:createContact", named("A"))
    assert [v["kind"] for v in google.violations] == ["post-repeated"]


def test_full_sync_with_a_living_token_is_noted(api: Api, google: GoogleSandbox, ada: User) -> None:
    """Unless the token was expired."""
    query = {"personFields": "names,metadata", "requestSyncToken": "true"}
    api.get(LIST[0], query)
    assert google.violations == []
    api.get(LIST[0], query)
    assert [v["kind"] for v in google.violations] == ["full-sync-while-token-valid"]
    ada.expire_sync_tokens()
    api.get(LIST[0], query)
    assert len(google.violations) == 1


def test_same_seed_makes_the_same_world(google: GoogleSandbox) -> None:
    """Ids, etags and tokens repeat, so a failing run can be run again."""

    def world() -> tuple[Any, Any]:
        other = GoogleSandbox(google.clock, seed=7)
        user = other.add_user("a@example.test")
        user.create(named("A"))
        return user.contacts, other.issue_tokens(user.email)

    assert world() == world()
