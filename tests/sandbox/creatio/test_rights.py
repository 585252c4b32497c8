"""What a user who lost a right sees: often the same as if all were deleted."""

from __future__ import annotations

import pytest

from syncd.sandbox.creatio import CreatioSandbox, User
from tests.sandbox.creatio.wire_client import Client


@pytest.fixture
def ann(anyone: Client, crm: CreatioSandbox) -> User:
    """A user signed in by forms."""
    user = crm.add_user("ann", "pw")
    anyone.login("ann", "pw")
    return user


@pytest.mark.parametrize(("switch", "status"), [("403", 403), ("html403", 403), ("html200", 200)])
def test_lost_odata_access_follows_the_switch(
    anyone: Client, crm: CreatioSandbox, ann: User, switch: str, status: int
) -> None:
    """An OData error, or a page called Access Denied, under either status."""
    crm.profile.change({"no_odata": switch})
    crm.revoke(ann, odata=False)
    reply = anyone.odata("GET", "Contact")
    assert reply.status == status
    assert (b"Access Denied" in reply.data) is switch.startswith("html")


def test_lost_object_right_looks_like_an_empty_table(anyone: Client, crm: CreatioSandbox, ann: User) -> None:
    """200 with no rows, 0 to count, 404 by key; with the other switch 403."""
    crm.revoke(ann, unreadable=["Contact"])
    assert anyone.page("Contact", count="true") | {"@odata.context": ""} == {
        "@odata.context": "",
        "@odata.count": 0,
        "value": [],
    }
    assert anyone.odata("GET", "Contact/$count").data.decode() == "\ufeff0"
    assert anyone.odata("GET", f"Contact({ann.contact_id})").status == 404
    assert anyone.rows("ContactCommunication") == []
    crm.profile.deny_read = "403"
    assert anyone.odata("GET", "Contact").status == 403


def test_lost_record_hides_its_details_too(anyone: Client, crm: CreatioSandbox, ann: User) -> None:
    """A record right taken away from one user."""
    contact = crm.insert("Contact", {"Name": "A", "Email": "a@x.example"})
    assert len(anyone.rows("ContactCommunication")) == 1
    crm.revoke(ann, hidden=[contact])
    assert anyone.rows("ContactCommunication") == []
    assert anyone.odata("GET", f"Contact({contact})").status == 404
    assert anyone.odata("PATCH", f"Contact({contact})", {"Dear": "x"}).status == 404


@pytest.mark.parametrize(("right", "method"), [("insert", "POST"), ("update", "PATCH"), ("delete", "DELETE")])
@pytest.mark.parametrize("status", [403, 500])
def test_missing_write_right_is_refused(
    anyone: Client, crm: CreatioSandbox, ann: User, right: str, method: str, status: int
) -> None:
    """Each kind of write on its own."""
    crm.profile.change({"denied_write_status": status})
    contact = crm.insert("Contact", {"Name": "A"})
    crm.revoke(ann, **{right: False})
    resource = "Contact" if method == "POST" else f"Contact({contact})"
    assert anyone.odata(method, resource, {"Name": "B"}).status == status


def test_switched_off_user_is_out_at_once(anyone: Client, crm: CreatioSandbox, ann: User) -> None:
    """Its sessions die with it."""
    crm.revoke(ann, active=False)
    assert anyone.odata("GET", "Contact").status == 401
    with pytest.raises(ValueError, match="no right"):
        crm.revoke(ann, wings=True)
