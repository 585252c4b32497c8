"""`$batch`: order, stopping, atomicity groups, limits, and the multipart form."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from syncd.sandbox.creatio import CreatioSandbox
from tests.sandbox.creatio.wire_client import NOBODY, Client

GOOD = {"method": "POST", "url": "Contact", "body": {"Name": "Ann Lee"}}
BAD = {"method": "POST", "url": "Contact", "body": {"Name": ""}}


def part(key: str, base: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A request of a batch."""
    return {"id": key} | base | more


def ids(responses: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """The responses by id and status."""
    return [(one["id"], one["status"]) for one in responses]


def test_parts_are_answered_in_order_with_their_status(api: Client, crm: CreatioSandbox) -> None:
    """201 with a body and a location, 204 without; keys in a path or in parentheses."""
    contact = crm.insert("Contact", {"Name": "A"})
    responses = api.batch(
        part("1", GOOD),
        part("2", {"method": "PATCH", "url": f"Contact/{contact}", "body": {"Dear": "x"}}),
        part("3", {"method": "PATCH", "url": f"Contact({contact})", "body": {"Dear": "y"}}),
        part("4", {"method": "GET", "url": f"/0/odata/Contact?$filter=Id eq {contact}&$select=Id,Dear"}),
        part("5", {"method": "DELETE", "url": f"{api.url}/0/odata/Contact({contact})"}),
        part("6", {"method": "GET", "url": "Contact/$count"}),
    )
    assert ids(responses) == [("1", 201), ("2", 204), ("3", 204), ("4", 200), ("5", 204), ("6", 200)]
    assert "location" in responses[0]["headers"]
    assert responses[0]["body"]["Name"] == "Ann Lee"
    assert "body" not in responses[1]
    assert responses[3]["body"]["value"] == [{"Id": contact, "Dear": "y"}]


def test_first_failure_ends_it_and_later_ids_are_missing(api: Client, crm: CreatioSandbox) -> None:
    """What was done before stays done."""
    before = len(crm.dump()["Contact"])
    assert ids(api.batch(part("1", GOOD), part("2", BAD), part("3", GOOD))) == [("1", 201), ("2", 500)]
    assert len(crm.dump()["Contact"]) == before + 1


@pytest.mark.parametrize("outer", [True, False])
def test_continue_on_error_on_the_whole_or_the_part_goes_on(api: Client, outer: bool) -> None:
    """The preference counts in either place."""
    prefer = {"Prefer": "continue-on-error"}
    parts = [part("1", BAD, headers={} if outer else prefer), part("2", GOOD)]
    assert ids(api.batch(*parts, **(prefer if outer else {}))) == [("1", 500), ("2", 201)]


def test_failed_group_leaves_nothing_and_answers_only_the_failure(api: Client, crm: CreatioSandbox) -> None:
    """All or nothing, side effects included."""
    before = crm.dump()
    group = {"atomicityGroup": "g"}
    whole = part("1", GOOD, **group, body={"Name": "Ann Lee", "Email": "a@x.example", "JobTitle": "Boss"})
    assert ids(api.batch(whole, part("2", BAD, **group), part("3", GOOD))) == [("2", 500)]
    assert crm.dump() == before
    crm.profile.failed_group = "424"
    assert ids(api.batch(whole, part("2", BAD, **group))) == [("1", 424), ("2", 500)]


def test_whole_group_stands_under_one_server_made_name(api: Client) -> None:
    """A contact, a detail that refers to it, and another group."""
    detail = {
        "ContactId": NOBODY,
        "CommunicationTypeId": "ee1c85c3-cfcb-df11-9b2a-001d60e938c6",
        "Number": "a@x.example",
    }
    responses = api.batch(
        part("1", GOOD, atomicityGroup="a", body={"Id": NOBODY, "Name": "A"}),
        part("2", {"method": "POST", "url": "ContactCommunication", "body": detail}, atomicityGroup="a"),
        part("3", GOOD, atomicityGroup="b"),
    )
    assert [one["status"] for one in responses] == [201, 201, 201]
    groups = [uuid.UUID(one["atomicityGroup"]) for one in responses]
    assert groups[0] == groups[1] != groups[2]


def test_repeated_ids_are_tolerated(api: Client) -> None:
    """They only cannot be told apart."""
    assert ids(api.batch(part("1", GOOD), part("1", GOOD))) == [("1", 201), ("1", 201)]


def test_hundred_parts_pass_and_one_more_is_400(api: Client, crm: CreatioSandbox) -> None:
    """The documented limit."""
    parts = [part(str(n), {"method": "GET", "url": "Contact/$count"}) for n in range(101)]
    assert len(api.batch(*parts[:100])) == 100
    assert api.odata("POST", "$batch", {"requests": parts}).status == 400


@pytest.mark.parametrize("body", [b"x", {}, {"requests": [{"id": "1"}]}, {"requests": 1}])
def test_senseless_batch_is_400(api: Client, body: object) -> None:
    """And so is one without its type."""
    assert api.odata("POST", "$batch", body).status == 400
    assert api.odata("POST", "$batch", body, Content_Type="text/plain").status == 415


@pytest.mark.parametrize(("how", "status"), [("part", 200), ("whole", 400)])
def test_get_in_a_batch_follows_the_switch(api: Client, crm: CreatioSandbox, how: str, status: int) -> None:
    """Whether it works is not documented."""
    crm.profile.change({"batch_get": False, "batch_get_refusal": how})
    reply = api.odata("POST", "$batch", {"requests": [part("1", {"method": "GET", "url": "Contact"})]})
    assert reply.status == status
    if how == "part":
        assert ids(reply.json()["responses"]) == [("1", 405)]


def test_get_in_a_group_is_refused(api: Client) -> None:
    """A group is for changes."""
    assert ids(api.batch(part("1", {"method": "GET", "url": "Contact"}, atomicityGroup="g"))) == [("1", 400)]


@pytest.mark.parametrize(("switch", "status"), [("required", 415), ("lenient", 201)])
def test_part_with_a_body_carries_its_own_type(api: Client, crm: CreatioSandbox, switch: str, status: int) -> None:
    """The type of the whole does not count for the part."""
    crm.profile.change({"batch_part_type": switch})
    reply = api.odata("POST", "$batch", {"requests": [part("1", GOOD)]})
    assert ids(reply.json()["responses"]) == [("1", status)]


def test_multipart_batch_runs_changesets_as_groups(api: Client, crm: CreatioSandbox) -> None:
    """The same rules in the other form."""

    def request(line: str, body: str = "") -> str:
        head = "Content-Type: application/http\nContent-Transfer-Encoding: binary\nContent-ID: 7\n\n"
        return f"{head}{line} HTTP/1.1\nContent-Type: application/json\n\n{body}\n"

    def text(*bodies: str) -> bytes:
        inner = "".join(f"--c\n{request('POST Contact', body)}" for body in bodies)
        changes = f"--b\nContent-Type: multipart/mixed; boundary=c\n\n{inner}--c--\n"
        outer = f"{changes}--b\n{request('GET Contact/$count')}--b--\n"
        return outer.replace("\n", "\r\n").encode()

    kind = "multipart/mixed; boundary=b"
    good = api.odata("POST", "$batch", text('{"Name":"A"}', '{"Name":"B"}'), Content_Type=kind)
    assert good.status == 200
    assert good.headers["Content-Type"].startswith("multipart/mixed; boundary=batchresponse_")
    assert good.data.count(b"HTTP/1.1 201 Created") == 2
    assert good.data.count(b"HTTP/1.1 200 OK") == 1
    before = crm.dump()
    bad = api.odata("POST", "$batch", text('{"Name":"A"}', '{"Name":""}'), Content_Type=kind)
    assert b"HTTP/1.1 201" not in bad.data
    assert b"HTTP/1.1 500 Internal Server Error" in bad.data
    assert b"HTTP/1.1 200" not in bad.data
    assert crm.dump() == before
    assert api.odata("POST", "$batch", b"--b\r\nno end", Content_Type=kind).status == 400
