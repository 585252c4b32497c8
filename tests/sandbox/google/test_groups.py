"""Labels: Google's own, people's, who is in them, and their sync tokens."""

from __future__ import annotations

from typing import Any

import pytest
from googleapiclient.errors import HttpError

from syncd.sandbox.google.server import GoogleSandbox, User
from tests.sandbox.google.calling import Api, in_groups, named, source_of

MY = "contactGroups/myContacts"
STARRED = "contactGroups/starred"


def refusal(request: Any) -> tuple[int, str]:
    """Status and reason of a refused call."""
    with pytest.raises(HttpError) as caught:
        request.execute()
    return caught.value.status_code, caught.value.reason


def version(api: Api, name: str) -> dict[str, Any]:
    """The CONTACT source of a person."""
    return source_of(api.get(f"/v1/{name}", {"personFields": "metadata"}).json)


def test_contact_without_labels_lands_in_my_contacts(people: Any) -> None:
    """A create that names no group."""
    made = people.createContact(body=named("A")).execute()
    assert made["memberships"][0]["contactGroupMembership"] == {
        "contactGroupId": "myContacts",
        "contactGroupResourceName": MY,
    }


def test_contact_with_labels_has_only_those_unless_switched(people: Any, google: GoogleSandbox, ada: User) -> None:
    """Who names a label and not My Contacts is only under the label."""
    crm = ada.create_group("CRM")
    body = named("A", memberships=in_groups(crm))
    name = people.createContact(body=body).execute()["resourceName"]
    assert ada.contacts[name]["memberships"] == [crm]
    google.switches.create_adds_my_contacts = True
    name = people.createContact(body=body).execute()["resourceName"]
    assert set(ada.contacts[name]["memberships"]) == {crm, MY}


@pytest.mark.parametrize(
    ("group", "status"),
    [
        ("contactGroups/unknown", 404),
        ("contactGroups/friends", 400),
        ("contactGroups/family", 400),
        ("contactGroups/all", 400),
        (STARRED, 200),
    ],
)
def test_groups_a_contact_may_be_created_in(api: Api, group: str, status: int) -> None:
    """Unknown groups are 404, most of Google's own are 400."""
    assert api.post("/v1/people:createContact", named("A", memberships=in_groups(group))).status == status


def test_young_group_is_not_found_yet(api: Api, google: GoogleSandbox, ada: User) -> None:
    """A group made a moment ago is unknown to contact writes."""
    google.switches.group_visibility_delay = 2
    body = named("A", memberships=in_groups(ada.create_group("CRM")))
    assert api.post("/v1/people:createContact", body).status == 404
    google.clock.advance(2)
    assert api.post("/v1/people:createContact", body).status == 200


@pytest.mark.parametrize("memberships", [[], [{"contactGroupMembership": {"contactGroupId": "myContacts"}}]])
def test_update_must_leave_a_membership(api: Api, ada: User, memberships: list[Any]) -> None:
    """Memberships in the mask and none in the body is refused; the deprecated id does not count."""
    name = ada.create(named("A"))
    etag = version(api, name)["etag"]
    body = {"metadata": {"sources": [{"type": "CONTACT", "etag": etag}]}, "memberships": memberships}
    got = api.write("PATCH", f"/v1/{name}:updateContact", body, {"updatePersonFields": "memberships"})
    assert (got.status, got.error["status"]) == (400, "INVALID_ARGUMENT")


def test_update_replaces_memberships(api: Api, ada: User) -> None:
    """All groups are as in the body."""
    crm = ada.create_group("CRM")
    name = ada.create(named("A"))
    ada.add_to_group(name, STARRED)
    body = {"etag": api.get(f"/v1/{name}", {"personFields": "names"}).json["etag"], "memberships": in_groups(MY, crm)}
    assert api.write("PATCH", f"/v1/{name}:updateContact", body, {"updatePersonFields": "memberships"}).status == 200
    assert set(ada.contacts[name]["memberships"]) == {MY, crm}
    assert ada.groups[crm]["members"] == [name]
    assert ada.groups[STARRED]["members"] == []


def test_update_may_keep_a_group_nobody_may_be_added_to(api: Api, ada: User) -> None:
    """Who is among the friends already stays there."""
    name = ada.create(named("A"))
    ada.add_to_group(name, "contactGroups/friends")
    etag = api.get(f"/v1/{name}", {"personFields": "names"}).json["etag"]
    body = {"etag": etag, "memberships": in_groups("contactGroups/friends")}
    assert api.write("PATCH", f"/v1/{name}:updateContact", body, {"updatePersonFields": "memberships"}).status == 200
    assert ada.contacts[name]["memberships"] == ["contactGroups/friends"]


def test_list_shows_googles_groups_first_and_never_members(groups: Any, ada: User) -> None:
    """The eight of Google lack etag and metadata; memberCount 0 is left out."""
    ada.create_group("CRM")
    ada.create(named("A"))
    listed = groups.list().execute()
    names = [g["resourceName"].removeprefix("contactGroups/") for g in listed["contactGroups"]]
    assert names[:8] == ["myContacts", "starred", "friends", "family", "coworkers", "all", "blocked", "chatBuddies"]
    mine, starred, crm = listed["contactGroups"][0], listed["contactGroups"][1], listed["contactGroups"][8]
    assert mine == {
        "resourceName": MY,
        "groupType": "SYSTEM_CONTACT_GROUP",
        "name": "myContacts",
        "formattedName": "My Contacts",
        "memberCount": 1,
    }
    assert "memberCount" not in starred
    assert set(crm) == {"resourceName", "etag", "metadata", "groupType", "name", "formattedName"}
    assert listed["totalItems"] == 9
    assert listed["nextSyncToken"]


def test_get_shows_members_up_to_a_number(groups: Any, ada: User) -> None:
    """Without maxMembers there are none."""
    crm = ada.create_group("CRM")
    people = [ada.create(named(f"P{n}")) for n in range(3)]
    for name in people:
        ada.add_to_group(name, crm)
    assert "memberResourceNames" not in groups.get(resourceName=crm).execute()
    assert groups.get(resourceName=crm, maxMembers=2).execute()["memberResourceNames"] == people[:2]
    batch = groups.batchGet(resourceNames=[crm, "contactGroups/x"], maxMembers=9).execute()["responses"]
    assert batch[0]["contactGroup"]["memberResourceNames"] == people
    assert batch[0]["status"] == {}
    assert batch[1]["status"]["code"] == 5
    assert "contactGroup" not in batch[1]


def test_all_counts_the_trash_by_switch(groups: Any, google: GoogleSandbox, ada: User) -> None:
    """contactGroups/all may count what was deleted."""
    ada.delete(ada.create(named("A")))
    assert groups.get(resourceName="contactGroups/all").execute()["memberCount"] == 1
    google.switches.all_counts_trash = False
    assert "memberCount" not in groups.get(resourceName="contactGroups/all").execute()


def test_group_life(groups: Any, ada: User) -> None:
    """Create, rename with the right etag, and be refused with an old one."""
    made = groups.create(body={"contactGroup": {"name": " CRM "}}).execute()
    assert made["name"] == made["formattedName"] == "CRM"
    assert made["groupType"] == "USER_CONTACT_GROUP"
    name = made["resourceName"]
    body = {"contactGroup": {"name": "Clients", "etag": made["etag"]}}
    renamed = groups.update(resourceName=name, body=body).execute()
    assert renamed["name"] == "Clients"
    assert renamed["etag"] != made["etag"]
    status, reason = refusal(groups.update(resourceName=name, body=body))
    assert status == 409
    assert reason.startswith("Contact group etag is outdated.")
    assert groups.delete(resourceName=name).execute() == {}
    assert refusal(groups.get(resourceName=name))[0] == 404
    assert ada.group_named("Clients") is None


def test_group_client_data_is_written_by_mask_and_may_be_late(groups: Any, google: GoogleSandbox) -> None:
    """clientData needs updateGroupFields; a get soon after may not show it."""
    made = groups.create(body={"contactGroup": {"name": "CRM"}}).execute()
    google.switches.stale_groups = 10
    google.clock.advance(11)
    data, fields = [{"key": "tag", "value": "1"}], "clientData,name"
    body = {
        "contactGroup": {"clientData": data},
        "updateGroupFields": "clientData",
        "readGroupFields": fields,
    }
    answer = groups.update(resourceName=made["resourceName"], body=body).execute()
    assert (answer["clientData"], answer["name"]) == (data, "CRM")
    assert "clientData" not in groups.get(resourceName=made["resourceName"], groupFields=fields).execute()
    google.clock.advance(11)
    assert groups.get(resourceName=made["resourceName"], groupFields=fields).execute()["clientData"] == data


def test_group_names_are_unique_without_regard_to_case_by_switch(groups: Any, google: GoogleSandbox) -> None:
    """409 for a name that is taken; whether case counts is a switch."""
    groups.create(body={"contactGroup": {"name": "CRM"}}).execute()
    assert refusal(groups.create(body={"contactGroup": {"name": "CRM"}})) == (409, "Contact group name already exists.")
    assert refusal(groups.create(body={"contactGroup": {"name": "crm "}}))[0] == 409
    other = groups.create(body={"contactGroup": {"name": "Other"}}).execute()
    assert refusal(groups.update(resourceName=other["resourceName"], body={"contactGroup": {"name": "CRM"}}))[0] == 409
    google.switches.group_names_fold_case = False
    assert groups.create(body={"contactGroup": {"name": "crm"}}).execute()["name"] == "crm"


def test_googles_groups_cannot_be_changed(groups: Any) -> None:
    """No rename, no delete, and an empty name is no name."""
    body = {"contactGroup": {"name": "X"}}
    assert refusal(groups.update(resourceName=MY, body=body))[0] == 400
    assert refusal(groups.delete(resourceName=MY))[0] == 400
    assert refusal(groups.create(body={"contactGroup": {"name": "  "}}))[0] == 400
    assert refusal(groups.update(resourceName="contactGroups/x", body=body))[0] == 404


def test_modify_members_reports_what_it_left_out(groups: Any, ada: User) -> None:
    """Unknown people and last groups are reported, the rest is done, doing it again changes nothing."""
    crm = ada.create_group("CRM")
    first, second = ada.create(named("A")), ada.create(named("B", memberships=in_groups(crm)))
    body = {"resourceNamesToAdd": [first, "people/c9"], "resourceNamesToRemove": [second, "people/c8"]}
    got = groups.members().modify(resourceName=crm, body=body).execute()
    assert got == {
        "notFoundResourceNames": ["people/c9", "people/c8"],
        "canNotRemoveLastContactGroupResourceNames": [second],
    }
    assert ada.groups[crm]["members"] == [second, first]
    state = ada.contacts
    assert groups.members().modify(resourceName=crm, body={"resourceNamesToAdd": [first]}).execute() == {}
    assert ada.contacts == state


def test_modify_members_of_googles_groups(groups: Any, ada: User) -> None:
    """Starred takes people, friends does not."""
    name = ada.create(named("A"))
    body = {"resourceNamesToAdd": [name]}
    assert groups.members().modify(resourceName=STARRED, body=body).execute() == {}
    assert refusal(groups.members().modify(resourceName="contactGroups/friends", body=body))[0] == 400
    assert refusal(groups.members().modify(resourceName="contactGroups/x", body=body))[0] == 404


@pytest.mark.parametrize("bumps", [True, False])
def test_membership_change_makes_a_version_by_switch(
    api: Api, groups: Any, google: GoogleSandbox, ada: User, *, bumps: bool
) -> None:
    """members.modify bumps the person or not; the group's etag stays."""
    google.switches.members_modify_bumps = bumps
    crm, name = ada.create_group("CRM"), ada.create(named("A"))
    before, group = version(api, name), groups.get(resourceName=crm).execute()
    groups.members().modify(resourceName=crm, body={"resourceNamesToAdd": [name]}).execute()
    assert (version(api, name) != before) is bumps
    assert groups.get(resourceName=crm).execute()["etag"] == group["etag"]


def test_deleted_group_keeps_its_people(groups: Any, ada: User) -> None:
    """Without deleteContacts they stay; who had no other group lands in My Contacts."""
    crm = ada.create_group("CRM")
    only = ada.create(named("A", memberships=in_groups(crm)))
    both = ada.create(named("B", memberships=in_groups(MY, crm)))
    groups.delete(resourceName=crm).execute()
    assert {name: person["memberships"] for name, person in ada.contacts.items()} == {only: [MY], both: [MY]}


def test_deleted_group_may_take_its_people_along(groups: Any, ada: User) -> None:
    """deleteContacts=true deletes the members and nobody else."""
    crm = ada.create_group("CRM")
    ada.create(named("A", memberships=in_groups(MY, crm)))
    other = ada.create(named("B"))
    groups.delete(resourceName=crm, deleteContacts=True).execute()
    assert list(ada.contacts) == [other]


def test_group_sync_token_brings_what_changed(groups: Any, google: GoogleSandbox, ada: User) -> None:
    """Renamed and deleted groups, the latter with `deleted`; nothing when nothing happened."""
    crm, vip = ada.create_group("CRM"), ada.create_group("VIP")
    token = groups.list(pageSize=100).execute()["nextSyncToken"]
    quiet = groups.list(pageSize=100, syncToken=token).execute()
    assert "contactGroups" not in quiet
    ada.rename_group(crm, "Clients")
    ada.delete_group(vip)
    changed = groups.list(pageSize=100, syncToken=quiet["nextSyncToken"]).execute()["contactGroups"]
    assert [(g["resourceName"], g.get("name")) for g in changed] == [(crm, "Clients"), (vip, None)]
    assert set(changed[1]) == {"resourceName", "etag", "metadata"}
    assert changed[1]["metadata"]["deleted"] is True


def test_group_sync_token_expires_and_is_bound(api: Api, google: GoogleSandbox, ada: User) -> None:
    """Seven days, the same fields, and only group tokens."""
    token = api.get("/v1/contactGroups").json["nextSyncToken"]
    other = api.get("/v1/contactGroups", {"syncToken": token, "groupFields": "name"})
    assert other.error["message"] == "Request contains an invalid argument."
    query = {"personFields": "metadata", "requestSyncToken": "true", "syncToken": token}
    assert api.get("/v1/people/me/connections", query).status == 400
    ada.expire_sync_tokens()
    assert api.get("/v1/contactGroups", {"syncToken": token}).error["message"].startswith("Sync token is expired.")


def test_groups_come_in_pages(groups: Any, ada: User) -> None:
    """Page tokens lead through all of them, and the sync token comes last."""
    for number in range(7):
        ada.create_group(f"G{number}")
    seen: list[str] = []
    request = groups.list(pageSize=4)
    while request is not None:
        page = request.execute()
        seen += [g["resourceName"] for g in page["contactGroups"]]
        assert ("nextSyncToken" in page) is (len(seen) == 15)
        request = groups.list_next(request, page)
    assert len(set(seen)) == len(seen) == 15


def test_legacy_groups_can_be_missing_from_the_list(groups: Any, google: GoogleSandbox, ada: User) -> None:
    """Memberships may name a group that only batchGet knows."""
    old = ada.create_group("Old", legacy=True)
    google.switches.hide_legacy_groups = True
    assert old not in [g["resourceName"] for g in groups.list().execute()["contactGroups"]]
    got = groups.batchGet(resourceNames=[old]).execute()["responses"][0]["contactGroup"]
    assert got["name"] == "Old"
