"""Which addresses exist, which verbs they take, what an error looks like."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from syncd.sandbox.creatio import CreatioSandbox
from tests.sandbox.creatio.wire_client import NOBODY, Client

CONTACT = "410006e1-ca4e-4502-a9ec-e54d922d2c00"


@pytest.mark.parametrize(
    ("runtime", "good", "bad"), [("framework", "/0/odata", "/odata"), ("core", "/odata", "/0/odata")]
)
def test_only_the_runtimes_own_root_exists(api: Client, crm: CreatioSandbox, runtime: str, good: str, bad: str) -> None:
    """The service is under /0 on .NET Framework and at the root on .NET Core."""
    crm.profile.change({"runtime": runtime})
    assert api.send("GET", good + "/Contact").status == 200
    assert api.send("GET", bad + "/Contact").status == 404


@pytest.mark.parametrize("name", ["Nothing", "contact", "CONTACT"])
def test_unknown_set_is_404_in_the_web_api_envelope(api: Client, name: str) -> None:
    """Set names are case-sensitive, and the 404 is not an OData error."""
    reply = api.odata("GET", name)
    assert reply.status == 404
    assert reply.json()["MessageDetail"] == f"No type was found that matches the controller named '{name}'."


def test_service_document_and_metadata_name_every_set(api: Client, crm: CreatioSandbox) -> None:
    """Both descriptions list the same sets; properties and both directions of links are there."""
    names = {one["name"] for one in api.odata("GET", "").json()["value"]}
    xml = api.odata("GET", "$metadata").data
    ns = {"edm": "http://docs.oasis-open.org/odata/ns/edm"}
    root = ET.fromstring(xml)  # noqa: S314  our own server's text
    assert {e.get("Name") for e in root.findall(".//edm:EntitySet", ns)} == names == set(crm.dump())
    contact = root.find(".//edm:EntityType[@Name='Contact']", ns)
    assert contact is not None
    found = {e.get("Name") for e in contact}
    assert {"AccountId", "Account", "UsrLoyalty", "ContactCommunicationCollectionByContact"} <= found


def test_replies_are_minimal_json_of_version_4_without_etags(api: Client) -> None:
    """Whatever Accept says; If-Match is ignored."""
    reply = api.odata("GET", f"Contact({CONTACT})", Accept="application/json;odata=verbose", If_Match='"x"')
    assert reply.headers["Content-Type"].startswith("application/json; odata.metadata=minimal")
    assert reply.headers["OData-Version"] == "4.0"
    assert "@odata.etag" not in reply.json()
    assert api.odata("PATCH", f"Contact({CONTACT})", {"Dear": "x"}, If_Match='"x"').status == 204


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain"])
@pytest.mark.parametrize("status", [415, 400])
def test_body_of_another_type_is_refused(api: Client, crm: CreatioSandbox, kind: str, status: int) -> None:
    """A form is never taken for an entity."""
    crm.profile.change({"bad_body_status": status})
    assert api.odata("POST", "Contact", b"Name=Ann", Content_Type=kind).status == status
    assert api.odata("POST", "Contact", b"Name=Ann").status == status


@pytest.mark.parametrize(
    "kind", ["application/json;odata=verbose", "application/json; charset=utf-8; IEEE754Compatible=true"]
)
def test_body_types_with_parameters_are_taken(api: Client, kind: str) -> None:
    """The parameters of the documentation are allowed."""
    assert api.odata("POST", "Contact", {"Name": "Ann"}, Content_Type=kind).status == 201


@pytest.mark.parametrize("key", [f"'{CONTACT}'", f"guid'{CONTACT}'", "17", ""])
def test_key_that_is_no_bare_guid_is_404(api: Client, key: str) -> None:
    """Keys are bare GUIDs."""
    assert api.odata("GET", f"Contact({key})").status == 404


def test_upper_case_key_finds_the_row(api: Client) -> None:
    """A GUID is a GUID in either case; it comes back in lower case."""
    assert api.get("Contact", CONTACT.upper())["Id"] == CONTACT


def test_method_override_turns_a_post_into_a_patch(api: Client) -> None:
    """PATCH can be tunnelled."""
    reply = api.odata("POST", f"Contact({CONTACT})", {"Dear": "Sir"}, X_HTTP_Method_Override="PATCH")
    assert reply.status == 204
    assert api.get("Contact", CONTACT)["Dear"] == "Sir"


def test_wrong_verb_is_405_with_allow(api: Client) -> None:
    """PUT is for streams only."""
    reply = api.odata("PUT", f"Contact({CONTACT})", {"Name": "x"})
    assert (reply.status, reply.headers["Allow"]) == (405, "GET, PATCH, DELETE")
    assert api.odata("DELETE", "Contact").status == 405


def test_properties_values_links_and_streams_have_addresses(api: Client, crm: CreatioSandbox) -> None:
    """A property, its raw value with a byte order mark, a linked entity, a null link, a photo."""
    one = f"Contact({CONTACT})"
    assert api.odata("GET", f"{one}/Name").json()["value"] == "Supervisor"
    assert api.odata("GET", f"{one}/Name/$value").data.decode() == "\ufeffSupervisor"
    assert api.odata("GET", f"{one}/CreatedBy").json()["Id"] == CONTACT
    assert api.odata("GET", f"{one}/Account").status == 204
    assert api.odata("PUT", f"{one}/ContactPhoto", b"\x89PNG", Content_Type="application/octet-stream").status == 204
    assert api.odata("GET", f"{one}/ContactPhoto").data == b"\x89PNG"


@pytest.mark.parametrize("method", ["GET", "DELETE", "PATCH"])
def test_missing_row_is_404_not_found(api: Client, method: str) -> None:
    """By key there is an OData error."""
    reply = api.odata(method, f"Contact({NOBODY})", {"Name": "x"} if method == "PATCH" else None)
    assert reply.status == 404
    assert reply.json()["error"]["message"] == "Not found"


@pytest.mark.parametrize("status", [404, 204, 500])
def test_patch_of_a_missing_row_follows_the_switch(api: Client, crm: CreatioSandbox, status: int) -> None:
    """What the real server says is not known, so all of it can be had."""
    crm.profile.change({"patch_missing_status": status})
    assert api.odata("PATCH", f"Contact({NOBODY})", {"Name": "x"}).status == status


def test_too_long_query_or_address_is_an_html_404(api: Client) -> None:
    """IIS cuts off at 2,048 bytes of query and 4,096 of address."""
    fits = "Contact?$filter=" + quoted_ids(43)
    assert api.odata("GET", fits.replace("%20", "+")).status == 200
    for resource in ("Contact?$filter=" + quoted_ids(44), f"Contact({'x' * 4096})"):
        reply = api.odata("GET", resource)
        assert (reply.status, reply.headers["Content-Type"].partition(";")[0]) == (404, "text/html")


def quoted_ids(count: int) -> str:
    """A list of ids as a filter."""
    return "%20or%20".join([f"Id%20eq%20{NOBODY}"] * count)
