"""Masks, sources, sizes and bodies: what is refused, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.sandbox.google.server import User
from tests.sandbox.google.calling import CONTACT, Api, named

_NAMES = [f"people/c{n}" for n in range(1001)]
DOCUMENTED = "Valid paths are documented at https://developers.google.com/people/api/rest/v1/people/get."


@pytest.mark.parametrize(
    ("path", "parameter", "more"),
    [
        ("/v1/people/me/connections", "personFields", {}),
        ("/v1/people/c1", "personFields", {}),
        ("/v1/people:batchGet", "personFields", {"resourceNames": "people/c1"}),
        ("/v1/people:searchContacts", "readMask", {"query": "a"}),
    ],
)
@pytest.mark.parametrize("empty", [False, True])
def test_read_without_a_mask_is_refused(
    api: Api, path: str, parameter: str, more: dict[str, str], *, empty: bool
) -> None:
    """A missing mask and an empty one get the same answer, which names the parameter."""
    got = api.get(path, {**more, parameter: ""} if empty else more)
    assert (got.status, got.error["status"]) == (400, "INVALID_ARGUMENT")
    assert got.error["message"] == (
        f"{parameter} mask is required. Please specify one or more valid paths. {DOCUMENTED}"
    )


@pytest.mark.parametrize("path", ["etag", "resourceName", "fileAses", "names.givenName", "email_addresses"])
def test_unknown_mask_path_is_refused(api: Api, path: str) -> None:
    """What is always returned, what cannot be read, sub-paths and snake case are no mask paths."""
    got = api.get("/v1/people/c1", {"personFields": f"names,{path}"})
    assert got.status == 400
    assert got.error["message"] == f'Invalid personFields mask path: "{path}". {DOCUMENTED}'


@pytest.mark.parametrize("path", ["ageRanges", "coverPhotos", "metadata", "photos", "skills"])
def test_update_mask_refuses_what_cannot_be_written(api: Api, ada: User, path: str) -> None:
    """Five readable fields cannot be written."""
    name = ada.create(named("A"))
    got = api.write("PATCH", f"/v1/{name}:updateContact", named("B"), {"updatePersonFields": path})
    assert got.error["message"].startswith(f'Invalid updatePersonFields mask path: "{path}".')


def test_update_without_a_mask_is_refused(api: Api, ada: User) -> None:
    """updatePersonFields is not optional."""
    got = api.write("PATCH", f"/v1/{ada.create(named('A'))}:updateContact", named("B"))
    assert got.error["message"].startswith("updatePersonFields mask is required.")


def test_text_that_is_no_mask_is_a_field_violation(api: Api) -> None:
    """Brackets and quotes fail before the mask is looked at."""
    got = api.get("/v1/people/c1", {"personFields": "['names']"})
    violation = got.error["details"][0]["fieldViolations"][0]
    assert got.status == 400
    assert violation["field"] == "person_fields"
    assert violation["description"].startswith("Invalid value at 'person_fields' (type.googleapis.com/google.protobuf")


def test_deprecated_request_mask_is_understood(api: Api, ada: User) -> None:
    """`requestMask.includeField` with `person.` paths in snake case still works."""
    name = ada.create(named("A", emailAddresses=[{"value": "a@b.test"}]))
    got = api.get(f"/v1/{name}", {"requestMask.includeField": "person.names,person.email_addresses"}).json
    assert set(got) == {"resourceName", "etag", "names", "emailAddresses"}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"surname": "X"}, "Unknown name \"surname\" at 'person': Cannot find field."),
        ({"names": [{"nick": "X"}]}, "Unknown name \"nick\" at 'person.names[0]': Cannot find field."),
        ({"names": {"givenName": "X"}}, "Invalid value at 'person.names'"),
        ({"names": "X"}, "Invalid value at 'person.names'"),
        ({"etag": ["x"]}, "Proto field is not repeating, cannot start list."),
        ({"names": [{"givenName": 7}]}, "Invalid value at 'person.names[0].given_name' (TYPE_STRING), 7"),
        ({"biographies": [{"contentType": "MARKDOWN"}]}, "Invalid value at 'person.biographies[0].content_type'"),
    ],
)
def test_body_that_does_not_fit_is_refused(api: Api, ada: User, body: dict[str, Any], message: str) -> None:
    """Unknown keys and wrong types are a 400 of the transcoder, with the path in snake case."""
    got = api.post("/v1/people:createContact", body)
    assert (got.status, got.error["status"]) == (400, "INVALID_ARGUMENT")
    assert message in got.error["message"]
    assert got.error["details"][0]["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert not ada.contacts


def test_flat_person_in_a_batch_is_refused_with_its_place(api: Api) -> None:
    """A person that is not wrapped in `contactPerson` is an unknown key."""
    got = api.post("/v1/people:batchCreateContacts", {"contacts": [{"names": [{"givenName": "A"}]}]})
    assert "Unknown name \"names\" at 'contacts[0]': Cannot find field." in got.error["message"]
    got = api.post("/v1/people:batchCreateContacts", {"contacts": [{"contactPerson": {"name": "A"}}]})
    assert "Unknown name \"name\" at 'contacts[0].contact_person': Cannot find field." in got.error["message"]


def test_list_where_a_map_belongs_is_refused(api: Api) -> None:
    """batchUpdate wants a map from resource names to people."""
    got = api.post("/v1/people:batchUpdateContacts", {"contacts": [], "updateMask": "names"})
    assert "Cannot bind a list to map for field 'contacts'." in got.error["message"]


@pytest.mark.parametrize("raw", [b"{", b"[]", b'{"names":[{"givenName":"\\ud800"}]}', b"\xff\xfe"])
def test_body_that_is_not_a_json_object_in_utf8_is_refused(api: Api, raw: bytes) -> None:
    """Broken JSON, lists and half surrogate pairs end in 400."""
    assert api.send("POST", "/v1/people:createContact", raw).status == 400


@pytest.mark.parametrize("name", ["c1", "123"])
def test_list_of_anybody_but_me_is_refused(api: Api, name: str) -> None:
    """Only people/me has connections."""
    got = api.get(f"/v1/people/{name}/connections", {"personFields": "names"})
    assert (got.status, got.error["status"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(("path", "default"), [("/v1/people/me/connections", 100), ("/v1/contactGroups", 30)])
def test_page_size_has_a_default_and_limits(api: Api, ada: User, path: str, default: int) -> None:
    """0 means the default; below 0 and above 1000 is refused."""
    mask = {"personFields": "names"} if "people" in path else {}
    for number in range(120):
        ada.create(named(f"P{number}"))
        ada.create_group(f"G{number}")
    for size in (-1, 1001):
        assert api.get(path, {**mask, "pageSize": size}).status == 400
    for more in ({}, {"pageSize": 0}):
        got = api.get(path, {**mask, **more}).json
        assert len(got.get("connections", got.get("contactGroups"))) == default
    assert len(api.get(path, {**mask, "pageSize": 1000}).json.popitem()[0]) > 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/people:batchCreateContacts", {"contacts": [{"contactPerson": {}}] * 201}),
        ("/v1/people:batchCreateContacts", {"contacts": []}),
        (
            "/v1/people:batchUpdateContacts",
            {"contacts": {name: {} for name in _NAMES[:201]}, "updateMask": "names"},
        ),
        ("/v1/people:batchUpdateContacts", {"contacts": {}, "updateMask": "names"}),
        ("/v1/people:batchDeleteContacts", {"resourceNames": _NAMES[:501]}),
        ("/v1/people:batchDeleteContacts", {"resourceNames": []}),
        ("/v1/contactGroups/starred/members:modify", {"resourceNamesToAdd": _NAMES[:1001]}),
        ("/v1/contactGroups/starred/members:modify", {}),
    ],
)
def test_writes_in_bulk_have_limits(api: Api, path: str, body: dict[str, Any]) -> None:
    """Too many and none at all are both refused as a whole."""
    got = api.post(path, body)
    assert (got.status, got.error["status"]) == (400, "INVALID_ARGUMENT")
    assert "details" not in got.error


@pytest.mark.parametrize("path", ["/v1/people:batchGet", "/v1/contactGroups:batchGet"])
def test_reads_in_bulk_have_limits(api: Api, path: str) -> None:
    """Between 1 and 200 names."""
    mask = {"personFields": "names"} if "people" in path else {}
    names = [f"people/c{n}" for n in range(201)]
    body = {**mask, "resourceNames": names}
    assert api.get(path, mask).status == 400
    assert api.get(path, {**body, "resourceNames": names[:200]}).status == 200
    assert api.get(path, body).status == 400


def test_unknown_source_is_refused(api: Api) -> None:
    """Sources are an enum."""
    query = {"personFields": "names", "sources": [CONTACT, "READ_SOURCE_TYPE_MAGIC"]}
    assert api.get("/v1/people/me/connections", query).status == 400
