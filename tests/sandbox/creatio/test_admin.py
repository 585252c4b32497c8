"""The back door: people and the operator over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.sandbox.creatio import CreatioSandbox
from tests.sandbox.creatio.wire_client import EMAIL, Client


class Door:
    """JSON to `/_sandbox/…`, expecting success."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def __call__(self, method: str, path: str, **body: Any) -> Any:
        reply = self._client.send(method, f"/_sandbox/{path}", body or None)
        assert reply.status == 200, reply.data
        return reply.json()


@pytest.fixture
def door(anyone: Client) -> Door:
    """The back door, open."""
    return Door(anyone)


@pytest.mark.parametrize("build", ["L", "M", "C"])
def test_contact_in_the_convenient_shape(door: Door, crm: CreatioSandbox, build: str) -> None:
    """The first e-mail and phone become the primary ones; the company is found or made by name."""
    door("POST", "profile", comm=build)
    shape: dict[str, Any] = {
        "GivenName": "Ann",
        "Surname": "Lee",
        "emails": ["a@x.example", "b@x.example"],
        "phones": [{"type": "Mobile", "number": "+491"}, {"type": "work", "number": "+492"}],
        "addresses": [{"type": "Home", "Address": "Weg 1", "City": "Berlin"}],
        "Account": "Acme",
    }
    key = door("POST", "contacts", **shape)["id"]
    row = door("GET", f"contacts/{key}")
    assert (row["Name"], row["Email"], row["MobilePhone"], row["Phone"]) == ("Ann Lee", "a@x.example", "+491", "+492")
    assert len(row["communications"]) == 4
    assert row["Address"] == "Weg 1"
    again = door("POST", "contacts", Name="Bob", Account="Acme")["id"]
    assert door("GET", f"contacts/{again}")["AccountId"] == row["AccountId"]


def test_edit_replaces_the_lists_it_names(door: Door) -> None:
    """What is not named stays."""
    key = door("POST", "contacts", Name="Ann Lee", emails=["a@x.example"], phones=[{"type": "mobile", "number": "1"}])[
        "id"
    ]
    door("PATCH", f"contacts/{key}", JobTitle="Boss", emails=["c@x.example"])
    row = door("GET", f"contacts/{key}")
    assert (row["JobTitle"], row["Email"]) == ("Boss", "c@x.example")
    assert sorted(one["Number"] for one in row["communications"]) == ["1", "c@x.example"]
    door("DELETE", f"contacts/{key}")
    assert door("GET", f"contacts/{key}") is None


def test_users_clients_tags_and_merges(door: Door, anyone: Client, crm: CreatioSandbox) -> None:
    """Everything a scenario needs, stamped by the user it names."""
    user = door("POST", "users", name="ann", password="pw", email="ann@crm.example", view_any=False)
    assert "password" not in user
    door("POST", "clients", client_id="c", client_secret="s", user="ann")
    assert anyone.token("c", "s").status == 200
    tag = door("POST", "tags", name="Google", owner="ann")["id"]
    first, second = (door("POST", "contacts", Name=name, by="ann")["id"] for name in ("A", "B"))
    door("POST", "tag", contact=first, tag=tag, by="ann")
    row = door("GET", f"contacts/{first}")
    assert (row["tags"], row["CreatedById"]) == ([tag], user["contact_id"])
    assert door("POST", "untag", contact=first, tag=tag) == {"rows": 1}
    door("POST", "merge", survivor=first, loser=second)
    assert door("GET", f"contacts/{second}") is None


def test_raw_rows_and_sql(door: Door) -> None:
    """Any set through its handlers, or past them."""
    contact = door("POST", "rows/Contact", row={"Name": "Ann Lee"})["id"]
    row = {"ContactId": contact, "CommunicationTypeId": EMAIL, "Number": "a@x.example"}
    mail = door("POST", "rows/ContactCommunication", row=row)["id"]
    door("PATCH", f"rows/ContactCommunication/{mail}", row={"Number": "b@x.example"})
    door("PATCH", f"sql/Contact/{contact}", row={"Dear": "x"})
    shown = door("GET", f"contacts/{contact}")
    assert (shown["Email"], shown["Dear"]) == ("b@x.example", "x")
    door("DELETE", f"rows/ContactCommunication/{mail}")
    assert door("GET", "dump/ContactCommunication") == []
    assert len(door("POST", "load/Contact", rows=[{"Name": "C"}, {"Name": "D"}])["ids"]) == 2
    assert len(door("GET", "dump")["Contact"]) == 4


def test_operator_moves_the_clock_ends_sessions_and_sets_faults(
    door: Door, anyone: Client, crm: CreatioSandbox
) -> None:
    """And reads and empties the log."""
    before = door("GET", "clock")["now"]
    door("POST", "clock/advance", seconds=60)
    assert door("GET", "clock")["now"] == before + 60
    anyone.login()
    assert door("POST", "expire-sessions") == {"ended": 1}
    anyone.login()
    door("POST", "faults", kind="503", target="/odata/")
    assert anyone.odata("GET", "Contact").status == 503
    assert door("GET", "faults")["hits"] == {"503": 1}
    door("DELETE", "faults")
    door("POST", "revoke", user="Supervisor", unreadable=["Contact"])
    assert anyone.rows("Contact") == []
    assert door("GET", "log")["entries"][-1]["path"] == "/0/odata/Contact"
    door("POST", "reset-log")
    assert door("GET", "log")["entries"] == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "profile", {"comm": "X"}),
        ("POST", "tag", {}),
        ("POST", "rows/Nothing", {"row": {}}),
        ("POST", "rows/Contact", {"row": {"Nothing": 1}}),
        ("POST", "users", {"nmae": "x"}),
        ("PATCH", "rows/Contact", {"row": {}}),
    ],
)
def test_senseless_request_is_400_with_a_reason(anyone: Client, method: str, path: str, body: Any) -> None:
    """A mistake in a scenario is told, not swallowed."""
    reply = anyone.send(method, f"/_sandbox/{path}", body)
    assert (reply.status, "error" in reply.json()) == (400, True)
    assert anyone.send("GET", "/_sandbox/nothing").status == 404


def test_page_for_people_escapes_what_it_shows(anyone: Client, crm: CreatioSandbox) -> None:
    """A name may be anything."""
    crm.tag(crm.insert("Contact", {"Name": "<script>x</script>"}), crm.add_tag("<b>Google"))
    page = anyone.send("GET", "/_sandbox/").data.decode()
    assert "<script>" not in page
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert "&lt;b&gt;Google" in page
