"""Tags: rows of their own that never touch the contact, and who sees and makes them."""

from __future__ import annotations

import pytest

from syncd.sandbox.creatio import CreatioSandbox, User
from syncd.sandbox.creatio.schema import CORPORATE, PRIVATE
from syncd.sandbox.wire import Clock
from tests.sandbox.creatio.wire_client import Client


@pytest.fixture
def ann(crm: CreatioSandbox) -> User:
    """A user without "View any data"."""
    return crm.add_user("ann", "pw", view_any=False)


def test_tagging_never_touches_the_contact(api: Client, crm: CreatioSandbox, clock: Clock) -> None:
    """Two equal rows are allowed; both have to go."""
    contact = crm.insert("Contact", {"Name": "Ann Lee"})
    tag = api.post("ContactTag", {"Name": "Google"})
    assert tag["TypeId"] == PRIVATE
    before = api.get("Contact", contact)
    clock.advance(1)
    rows = [api.post("ContactInTag", {"EntityId": contact, "TagId": tag["Id"]})["Id"] for _ in range(2)]
    where = f"Tag/Id eq {tag['Id']} and Entity/Id eq {contact}"
    assert {row["Id"] for row in api.rows("ContactInTag", filter=where)} == set(rows)
    for row in rows:
        api.delete("ContactInTag", row)
    assert api.get("Contact", contact) == before
    assert api.rows("ContactInTag", filter=where) == []


def test_private_tags_of_others_are_seen_only_with_view_any_data(
    anyone: Client, crm: CreatioSandbox, ann: User
) -> None:
    """And even then a site may hide them: a switch."""
    crm.tag(crm.insert("Contact", {"Name": "A"}), crm.add_tag("Secret"))
    crm.add_tag("Mine", ann)
    crm.add_tag("All", type="corporate")
    anyone.login("ann", "pw")
    assert {row["Name"] for row in anyone.rows("ContactTag")} == {"Mine", "All"}
    assert anyone.rows("ContactInTag") == []
    crm.revoke(ann, view_any=True)
    assert {row["Name"] for row in anyone.rows("ContactTag")} == {"Mine", "All", "Secret"}
    crm.profile.foreign_private_tags = False
    assert anyone.page("ContactTag", count="true")["@odata.count"] == 2


def test_own_private_tag_is_found_by_name_type_and_creator(api: Client, crm: CreatioSandbox, ann: User) -> None:
    """Names are not unique."""
    mine = crm.add_tag("Google", ann)
    crm.add_tag("Google")
    where = f"Name eq 'Google' and Type/Id eq {PRIVATE} and CreatedBy/Id eq {ann.contact_id}"
    assert [row["Id"] for row in api.rows("ContactTag", filter=where)] == [mine]


def test_shared_tags_need_the_right_to_manage_them(anyone: Client, crm: CreatioSandbox, ann: User) -> None:
    """To make and to assign one; the type of a shared tag stays."""
    crm.revoke(ann, manage_tags=False)
    shared = crm.add_tag("All", type="corporate")
    contact = crm.insert("Contact", {"Name": "A"})
    anyone.login("ann", "pw")
    assert anyone.odata("POST", "ContactTag", {"Name": "x", "TypeId": CORPORATE}).status == 403
    assert anyone.odata("POST", "ContactInTag", {"EntityId": contact, "TagId": shared}).status == 403
    crm.revoke(ann, manage_tags=True)
    assert anyone.odata("PATCH", f"ContactTag({shared})", {"TypeId": PRIVATE}).status == 500


def test_universal_tags_are_a_second_pair_of_sets(api: Client, crm: CreatioSandbox) -> None:
    """The record is a plain GUID there and filtered flat."""
    contact = crm.insert("Contact", {"Name": "A"})
    tag = api.post("Tag", {"Name": "Google", "EntitySchemaName": "Contact"})["Id"]
    api.post("TagInRecord", {"TagId": tag, "RecordId": contact, "RecordSchemaName": "Contact"})
    assert len(api.rows("TagInRecord", filter=f"RecordId eq {contact} and Tag/Id eq {tag}")) == 1


def test_merge_looks_like_a_deletion(api: Client, crm: CreatioSandbox) -> None:
    """The loser's details are the survivor's, the loser is gone, tags are not doubled."""
    tag, other = crm.add_tag("Google"), crm.add_tag("VIP")
    keep = crm.insert("Contact", {"Name": "A", "Email": "a@x.example"})
    lose = crm.insert("Contact", {"Name": "B", "Email": "b@x.example", "JobTitle": "Boss"})
    for contact, one in ((keep, tag), (lose, tag), (lose, other)):
        crm.tag(contact, one)
    crm.merge(keep, lose)
    merged = crm.contact(keep)
    assert merged is not None
    assert crm.contact(lose) is None
    assert {row["Number"] for row in merged["communications"]} == {"a@x.example", "b@x.example"}
    assert sorted(merged["tags"]) == sorted([tag, other])
    assert (merged["Email"], merged["JobTitle"]) == ("a@x.example", "Boss")
    assert api.odata("GET", f"Contact({lose})").status == 404
