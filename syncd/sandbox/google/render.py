"""A contact's version as the JSON a reader gets: masked, with metadata, one primary per field, in shuffled order."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from syncd.sandbox.google.book import AddressBook, Contact
from syncd.sandbox.google.etags import person_etag
from syncd.sandbox.google.labels import EVERYONE, Group
from syncd.sandbox.google.masks import CONTACT, EVERYTHING, PROFILE, Mask
from syncd.sandbox.google.normalise import Items
from syncd.sandbox.google.problems import Json
from syncd.sandbox.google.switches import Switches
from syncd.sandbox.google.versions import GroupVersion, Version, rfc3339

LIST_CAP = 100  # e-mail addresses and phone numbers per person in lists
_CAPPED = ("emailAddresses", "phoneNumbers")
_DERIVED = frozenset({"metadata", "memberships", "photos"})
_PLAIN_PHOTO = "https://lh3.googleusercontent.com/cm/placeholder=s100"


@dataclass(frozen=True)
class View:
    """How somebody reads: the mask, the sources, and whether it is a list."""

    mask: Mask = EVERYTHING
    sources: frozenset[str] = frozenset({CONTACT, PROFILE})
    in_list: bool = False

    @property
    def with_profile(self) -> bool:
        return PROFILE in self.sources


@lru_cache(maxsize=256)
def _plain_fields(mask: Mask) -> tuple[str, ...]:
    """The fields of a mask that are kept as they are, in a fixed order."""
    return tuple(sorted(mask - _DERIVED))


def render(contact: Contact, version: Version, view: View, switches: Switches) -> Json:
    """The person a reader with this view sees."""
    marked = view.in_list and switches.list_etag_rejected
    person: Json = {
        "resourceName": version.name,
        "etag": person_etag(view.mask, view.sources, version.etag, from_list=marked),
    }
    source = {"type": "CONTACT", "id": contact.source_id}
    own = CONTACT in view.sources
    if "metadata" in view.mask:
        person["metadata"] = {"sources": _sources(source, version, view), "objectType": "PERSON"}
    linked = view.with_profile and version.profile is not None
    for field in _plain_fields(view.mask):
        items = version.fields.get(field, []) if own else []
        if not items and not linked:
            continue
        shown = _items(field, items, source, version, view, shuffle=switches.shuffled_items)
        if shown:
            person[field] = shown
    if "memberships" in view.mask and own and version.labels:
        person["memberships"] = [membership(name, source) for name in version.labels]
    if "photos" in view.mask and own:
        person["photos"] = [_photo(version, source)]
    return person


def _sources(source: Json, version: Version, view: View) -> list[Json]:
    entries: list[Json] = []
    if CONTACT in view.sources:
        entries.append({**source, "etag": version.etag, "updateTime": version.update_time})
    if view.with_profile and version.profile is not None:
        kind = {"objectType": "PERSON", "userTypes": ["GOOGLE_USER"]}
        entries.append({"type": "PROFILE", "id": version.profile.id, "etag": "#profile=", "profileMetadata": kind})
    return entries


def _items(field: str, items: Items, source: Json, version: Version, view: View, *, shuffle: bool) -> Items:
    shown = [_decorated(item, source) for item in items]
    if shown:
        primary = next((item for item in shown if "sourcePrimary" in item["metadata"]), shown[0])
        primary["metadata"]["primary"] = True
    if shuffle and len(shown) > 1:
        turn = version.stamp + len(field)  # the same for one version, another for the next
        shown = shown[turn % len(shown) :] + shown[: turn % len(shown)]
    if view.in_list and field in _CAPPED:
        shown = shown[:LIST_CAP]
    if view.with_profile and version.profile is not None:
        linked = {"type": "PROFILE", "id": version.profile.id}
        theirs = [_decorated(item, linked) for item in version.profile.fields.get(field, [])]
        if theirs and not shown:
            theirs[0]["metadata"]["primary"] = True
        shown += theirs
    return shown


def _decorated(item: Json, source: Json) -> Json:
    kept = item.get("metadata")
    return {"metadata": {"source": source, **kept}, **_bare(item)} if kept else {"metadata": {"source": source}, **item}


def _bare(item: Json) -> Json:
    return {k: v for k, v in item.items() if k != "metadata"} if "metadata" in item else item


def membership(resource: str, source: Json) -> Json:
    inner = {"contactGroupId": resource.partition("/")[2], "contactGroupResourceName": resource}
    return {"metadata": {"source": source}, "contactGroupMembership": inner}


def _photo(version: Version, source: Json) -> Json:
    photo: Json = {"metadata": {"primary": True, "source": source}, "url": version.photo or _PLAIN_PHOTO}
    return photo if version.photo else {**photo, "default": True}


def tombstone(contact: Contact, version: Version, view: View) -> Json:
    """What a delta says of a deleted contact."""
    person: Json = {"resourceName": version.name, "etag": person_etag(view.mask, view.sources, None)}
    if "metadata" in view.mask:
        source = {"type": "CONTACT", "id": contact.source_id}
        person["metadata"] = {"sources": [source], "deleted": True, "objectType": "PERSON"}
    return person


def render_group(group: Group, version: GroupVersion, mask: Mask, everyone: int) -> Json:
    """A group without its members. `everyone` is the size of contactGroups/all."""
    if version.deleted:
        gone = {"deleted": True, "updateTime": rfc3339(version.stamp)}
        return {"resourceName": group.resource, "etag": version.etag, "metadata": gone}
    shown: Json = {"resourceName": group.resource}
    if not group.system:
        shown["etag"] = version.etag
        if "metadata" in mask:
            shown["metadata"] = {"updateTime": rfc3339(version.stamp)}
    if "groupType" in mask:
        shown["groupType"] = "SYSTEM_CONTACT_GROUP" if group.system else "USER_CONTACT_GROUP"
    if "name" in mask:
        shown["name"] = version.name
        shown["formattedName"] = group.formatted or version.name
    count = everyone if group.resource == EVERYONE else len(group.members)
    if "memberCount" in mask and count:
        shown["memberCount"] = count
    if "clientData" in mask and version.client_data:
        shown["clientData"] = list(version.client_data)
    return shown


def member_names(group: Group, book: AddressBook, limit: int) -> list[str]:
    """Resource names of the first members."""
    if group.resource == EVERYONE:
        return [c.latest.name for c, _ in zip(book.living(), range(limit), strict=False)]
    return [book.contacts[n].latest.name for n, _ in zip(group.members, range(limit), strict=False)]


def raw(contact: Contact) -> Json:
    """The true contents for tests: stored order, no item metadata, labels by resource name."""
    latest = contact.latest
    fields = {f: [_bare(i) for i in items] for f, items in latest.fields.items() if items}
    person: Json = {"resourceName": latest.name, "id": contact.source_id, "etag": latest.etag}
    person |= {"updateTime": latest.update_time, "memberships": sorted(latest.labels), **fields}
    return {**person, "photo": latest.photo} if latest.photo else person
