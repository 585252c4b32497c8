"""Faults, late commits, clocks that differ, the daily cap: all that goes wrong between a client and the rows."""

from __future__ import annotations

import pytest
import urllib3

from syncd.sandbox.creatio import CreatioSandbox
from syncd.sandbox.faults import Rule
from syncd.sandbox.wire import Clock
from tests.sandbox.creatio.wire_client import NOBODY, Client

ENVELOPE = '{"Message":"An error has occurred.","ExceptionMessage":"x","ExceptionType":"x","StackTrace":""}'


@pytest.mark.parametrize("kind", ["500", "reset", "drop", "truncate"])
def test_write_whose_reply_is_lost_is_stored(api: Client, crm: CreatioSandbox, kind: str) -> None:
    """Commit, then 500, a reset, no reply, half a reply: the row is there."""
    crm.faults.add(Rule(kind, method="POST", target="/odata/Contact", after=True, body=ENVELOPE))
    try:
        reply = api.odata("POST", "Contact", {"Id": NOBODY, "Name": "Ann Lee"})
    except urllib3.exceptions.HTTPError:
        assert kind != "500"
    else:
        assert (reply.status, reply.json()["Message"]) == (500, "An error has occurred.")
    assert api.get("Contact", NOBODY)["Name"] == "Ann Lee"
    assert crm.faults.hits == {kind: 1}


@pytest.mark.parametrize("status", ["502", "503"])
def test_proxy_page_before_the_server_changes_nothing(api: Client, crm: CreatioSandbox, status: str) -> None:
    """An HTML error while the application restarts."""
    crm.faults.add(Rule(status, method="POST", body="<html>Bad gateway</html>"))
    reply = api.odata("POST", "Contact", {"Id": NOBODY, "Name": "Ann Lee"})
    assert (reply.status, reply.headers["Content-Type"]) == (int(status), "text/html")
    assert api.odata("GET", f"Contact({NOBODY})").status == 404


def test_login_page_with_200_and_half_a_list(api: Client, crm: CreatioSandbox) -> None:
    """Successes that are none."""
    crm.faults.add(Rule("html", body="<html>bootstrap.login</html>"))
    assert api.odata("GET", "Contact").headers["Content-Type"].startswith("text/html")
    crm.faults.add(Rule("truncate_silent"))
    with pytest.raises(ValueError, match=r"."):
        api.odata("GET", "Contact").json()


def test_back_door_knows_no_faults(api: Client, crm: CreatioSandbox) -> None:
    """The operator always gets through."""
    crm.faults.add(Rule("500", count=100))
    assert api.send("GET", "/_sandbox/profile").status == 200


def test_late_commit_shows_the_row_after_its_own_stamp(api: Client, crm: CreatioSandbox, clock: Clock) -> None:
    """What a person saves appears seconds after the time it bears; changes and deletions as well."""
    old = crm.insert("Contact", {"Name": "Old Name"})
    gone = crm.insert("Contact", {"Name": "Gone"})
    crm.profile.late_commit = 30
    new = crm.insert("Contact", {"Name": "New Name", "Email": "a@x.example"})
    crm.patch("Contact", old, {"Name": "Changed Name"})
    crm.delete("Contact", gone)
    stamp = crm.dump()["Contact"][-1]["ModifiedOn"]
    clock.advance(29)
    assert {row["Name"] for row in api.rows("Contact")} == {"Supervisor", "Old Name", "Gone"}
    assert api.odata("GET", f"Contact({new})").status == 404
    assert api.get("Contact", gone)["Name"] == "Gone"
    assert api.rows("ContactCommunication") == []
    clock.advance(1)
    assert {row["Name"] for row in api.rows("Contact", orderby="ModifiedOn,Id")} == {
        "Supervisor",
        "New Name",
        "Changed Name",
    }
    assert api.get("Contact", new)["ModifiedOn"] <= stamp
    assert len(api.rows("ContactCommunication")) == 1


def test_own_write_is_committed_when_answered(api: Client, crm: CreatioSandbox) -> None:
    """Late commits are other people's."""
    crm.profile.late_commit = 30
    row = api.post("Contact", {"Name": "Ann Lee"})
    assert api.get("Contact", row["Id"])["Name"] == "Ann Lee"


def test_two_nodes_stamp_by_their_own_clocks(api: Client, crm: CreatioSandbox) -> None:
    """A later save may bear an earlier time."""
    crm.profile.change({"node_skew": [0, -90]})
    stamps = [api.post("Contact", {"Name": f"P{n}"})["ModifiedOn"] for n in range(4)]
    assert stamps != sorted(stamps)
    assert len({stamp[:17] for stamp in stamps}) == 2


@pytest.mark.parametrize("status", [429, 403])
def test_daily_cap_refuses_until_midnight(anyone: Client, crm: CreatioSandbox, clock: Clock, status: int) -> None:
    """Per user; what it says is a switch."""
    crm.profile.change({"daily_calls": 2, "daily_status": status})
    anyone.login()
    for _ in range(2):
        assert anyone.odata("GET", "Contact").status == 200
    reply = anyone.odata("GET", "Contact")
    assert reply.status == status
    if status == 429:
        clock.advance(int(reply.headers["Retry-After"]))
    else:
        clock.advance(86_400)
    anyone.login()
    assert anyone.odata("GET", "Contact").status == 200


@pytest.mark.parametrize(("each", "statuses"), [(False, [200, 200, 200]), (True, [200, 200, 429])])
def test_parts_of_a_batch_count_when_the_switch_says_so(
    api: Client, crm: CreatioSandbox, each: bool, statuses: list[int]
) -> None:
    """Whether they do is not known."""
    crm.profile.change({"daily_calls": 3, "batch_parts_count": each})
    responses = api.batch(*({"id": str(n), "method": "GET", "url": "Contact/$count"} for n in range(3)))
    assert [one["status"] for one in responses] == statuses


def test_log_names_requests_without_secrets(anyone: Client, crm: CreatioSandbox) -> None:
    """Method, path, status and session; never a cookie or a password."""
    anyone.login()
    anyone.odata("GET", "Contact?$top=1")
    entry = crm.log[-1]
    assert (entry.method, entry.path, entry.status) == ("GET", "/0/odata/Contact", 200)
    assert entry.session == anyone.cookies["BPMSESSIONID"]
    assert anyone.cookies[".ASPXAUTH"] not in str(crm.log)
    assert crm.counters == {"login": 1, "GET Contact": 1}
    crm.reset_log()
    assert not crm.log
