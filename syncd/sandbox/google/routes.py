"""Which address belongs to which API call, who may make it, what it may carry, and what it costs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from syncd.sandbox.google import batch, groups, listing, others, people, search
from syncd.sandbox.google.calls import Call
from syncd.sandbox.google.problems import Json
from syncd.sandbox.google.quota import GROUP_READ, GROUP_WRITE, READ, WRITE

AUTH = "https://www.googleapis.com/auth/"
CONTACTS = AUTH + "contacts"
READONLY = AUTH + "contacts.readonly"
OTHER_READONLY = AUTH + "contacts.other.readonly"
DIRECTORY = AUTH + "directory.readonly"

STANDARD_PARAMETERS = frozenset(
    {"alt", "fields", "key", "access_token", "oauth_token", "prettyPrint", "quotaUser", "callback", "uploadType"}
    | {"upload_protocol", "$.xgafv"}
)


@dataclass(frozen=True)
class Access:
    """Who may make a call and what it counts as. `scopes` are alternatives; each is granted together or not at all."""

    scopes: tuple[tuple[str, ...], ...]
    cost: tuple[str, ...]


_READ = Access(((CONTACTS,), (READONLY,)), (READ,))
_READ_OR_PROFILE = Access((*_READ.scopes, (AUTH + "userinfo.profile",), (AUTH + "userinfo.email",)), (READ,))
_WRITE = Access(((CONTACTS,),), (WRITE,))
_WRITE_AND_READ = Access(_WRITE.scopes, (WRITE, READ))  # the answer shows the contact, and that counts as a read
_GROUPS = Access(_READ.scopes, (GROUP_READ,))
_CHANGE_GROUPS = Access(_WRITE.scopes, (GROUP_WRITE,))
_OTHERS = Access(((OTHER_READONLY,),), (READ,))
_COPY = Access(((CONTACTS, OTHER_READONLY),), (WRITE, READ))
_DIRECTORY = Access(((DIRECTORY,),), (READ,))


@dataclass(frozen=True)
class Method:
    """One API call: its name, verb and path (`*` is one variable part), what it does, and the query it may carry."""

    api: str
    address: str
    act: Callable[[Call], Json]
    access: Access
    parameters: str = ""
    verb: str = field(init=False)
    allowed: frozenset[str] = field(init=False)
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        verb, _, path = self.address.partition(" ")
        object.__setattr__(self, "verb", verb)
        object.__setattr__(self, "allowed", STANDARD_PARAMETERS | frozenset(self.parameters.split()))
        object.__setattr__(self, "pattern", re.compile(re.escape(path).replace(r"\*", "([^/:]+)")))

    @property
    def writes(self) -> bool:
        return WRITE in self.access.cost or GROUP_WRITE in self.access.cost

    @property
    def rpc(self) -> str:
        """The name of the call in error details."""
        service = "ContactGroupsService" if self.api.startswith("contactGroups.") else "PeopleService"
        name = self.api.rpartition(".")[2]
        return f"google.people.v1.{service}.{name[0].upper()}{name[1:]}"


_SYNC = "pageSize pageToken requestSyncToken syncToken sources"
_MASK = "personFields requestMask.includeField sources"
_ANSWER = "personFields sources"

METHODS = (
    Method(
        "people.connections.list",
        "GET /v1/people/*/connections",
        listing.list_connections,
        _READ,
        f"{_MASK} {_SYNC} sortOrder",
    ),
    Method("people.getBatchGet", "GET /v1/people:batchGet", people.get_batch, _READ, f"{_MASK} resourceNames"),
    Method(
        "people.searchContacts",
        "GET /v1/people:searchContacts",
        search.search_contacts,
        _READ,
        "pageSize query readMask sources",
    ),
    Method("people.get", "GET /v1/people/*", people.get, _READ_OR_PROFILE, _MASK),
    Method("people.createContact", "POST /v1/people:createContact", people.create, _WRITE_AND_READ, _ANSWER),
    Method(
        "people.updateContact",
        "PATCH /v1/people/*:updateContact",
        people.update,
        _WRITE_AND_READ,
        f"{_ANSWER} updatePersonFields",
    ),
    Method("people.deleteContact", "DELETE /v1/people/*:deleteContact", people.delete, _WRITE),
    Method("people.updateContactPhoto", "PATCH /v1/people/*:updateContactPhoto", people.update_photo, _WRITE),
    Method("people.deleteContactPhoto", "DELETE /v1/people/*:deleteContactPhoto", people.delete_photo, _WRITE, _ANSWER),
    Method("people.batchCreateContacts", "POST /v1/people:batchCreateContacts", batch.batch_create, _WRITE),
    Method("people.batchUpdateContacts", "POST /v1/people:batchUpdateContacts", batch.batch_update, _WRITE),
    Method("people.batchDeleteContacts", "POST /v1/people:batchDeleteContacts", batch.batch_delete, _WRITE),
    Method(
        "people.listDirectoryPeople",
        "GET /v1/people:listDirectoryPeople",
        others.no_directory,
        _DIRECTORY,
        f"{_SYNC} mergeSources readMask",
    ),
    Method(
        "people.searchDirectoryPeople",
        "GET /v1/people:searchDirectoryPeople",
        others.no_directory,
        _DIRECTORY,
        "mergeSources pageSize pageToken query readMask sources",
    ),
    Method(
        "contactGroups.list",
        "GET /v1/contactGroups",
        groups.list_groups,
        _GROUPS,
        "groupFields pageSize pageToken syncToken",
    ),
    Method(
        "contactGroups.batchGet",
        "GET /v1/contactGroups:batchGet",
        groups.get_batch,
        _GROUPS,
        "groupFields maxMembers resourceNames",
    ),
    Method("contactGroups.get", "GET /v1/contactGroups/*", groups.get, _GROUPS, "groupFields maxMembers"),
    Method("contactGroups.create", "POST /v1/contactGroups", groups.create, _CHANGE_GROUPS),
    Method("contactGroups.update", "PUT /v1/contactGroups/*", groups.update, _CHANGE_GROUPS),
    Method("contactGroups.delete", "DELETE /v1/contactGroups/*", groups.delete, _CHANGE_GROUPS, "deleteContacts"),
    Method(
        "contactGroups.members.modify",
        "POST /v1/contactGroups/*/members:modify",
        groups.modify_members,
        _CHANGE_GROUPS,
    ),
    Method("otherContacts.list", "GET /v1/otherContacts", listing.list_others, _OTHERS, f"{_SYNC} readMask"),
    Method(
        "otherContacts.search",
        "GET /v1/otherContacts:search",
        search.search_others,
        _OTHERS,
        "pageSize query readMask",
    ),
    Method(
        "otherContacts.copyOtherContactToMyContactsGroup",
        "POST /v1/otherContacts/*:copyOtherContactToMyContactsGroup",
        others.copy_other,
        _COPY,
    ),
)


def route(verb: str, path: str) -> tuple[Method, tuple[str, ...]] | None:
    """The call an address stands for, and the variable parts of the path."""
    for method in METHODS:
        if method.verb == verb:
            match = method.pattern.fullmatch(path)
            if match:
                return method, match.groups()
    return None
