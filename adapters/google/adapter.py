"""Google Contacts as a `Remote`: one user's address book, its groups as scopes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.google import reading, sending
from adapters.google.client import PeopleClient
from adapters.google.denial import Denied, Kind, Lost
from adapters.google.leaves import check_custom
from adapters.google.reading import GoogleReading
from adapters.google.shape import Json, dicts, number, obj, text
from syncd.core.contact import Capabilities, Field, Record, RecordId, ScopeId, Side
from syncd.core.errors import Incomplete, NeedsHuman, TagMissing, Unavailable
from syncd.core.ports import Identity, Interest, Outcome, Reading, ScopeInfo, ScopeWish, Write

TENANT = "google"

CAPABILITIES = Capabilities(
    fields=frozenset(Field),
    labels={
        Field.EMAIL: {"home": "home", "work": "work", "other": "other", "*": "="},
        Field.PHONE: {
            "mobile": "mobile", "work": "work", "home": "home", "other": "other", "workFax": "workFax", "*": "=",
        },
        Field.ADDRESS: {"work": "work", "home": "home", "other": "other", "*": "="},
        Field.URL: {"homePage": "homePage", "*": "="},
        Field.IM: {"skype": "skype", "*": "="},
    },
    limits={},
    parts={},
    yearless_birthday=True,
    own_ids=False,
    guarded=True,
    create_batch=sending.CREATE_BATCH,
    update_batch=sending.UPDATE_BATCH,
    member_batch=sending.MEMBER_BATCH,
)  # fmt: skip


class GooglePeople:
    """One Google identity.

    `custom` are the custom slots that accounts of this identity map: known before the first reading, since recovery
    reads records too. `members_by_list`: label changes do not show in this address book's changes, so each reading
    also lists the members of the wanted groups.
    """

    side = Side.GOOGLE
    capabilities = CAPABILITIES

    def __init__(
        self,
        client: PeopleClient,
        *,
        sub: str,
        email: str = "",
        name: str = "",
        custom: tuple[str, ...] = (),
        members_by_list: bool = False,
    ) -> None:
        check_custom(custom)
        self._client = client
        self._identity = Identity(TENANT, sub, name, email)
        self._custom = tuple(sorted(set(custom)))
        self.members_by_list = members_by_list

    @property
    def requests(self) -> int:
        """What was sent so far, sign-in apart; may be set back to count anew."""
        return self._client.requests

    @requests.setter
    def requests(self, count: int) -> None:
        self._client.requests = count

    def identity(self) -> Identity:
        return self._identity

    # scopes

    def resolve(self, wish: ScopeWish, *, make: bool = True) -> ScopeId:
        """The user's group of exactly this name; made when there is none, unless `make` is off (`TagMissing`)."""
        if found := self._group_named(wish.name):
            return found
        if not make:
            raise TagMissing("The group does not exist in Google Contacts", "a sync makes it")
        try:
            made = self._client.create_group(wish.name)
        except Lost as exc:
            raise Unavailable(f"whether the group was made is not known: {exc}") from exc
        except Denied as exc:
            if exc.denial.kind is not Kind.TAKEN:
                raise self._client.error_of(exc.denial) from exc
            return self._taken(wish.name)
        if resource := text(made.get("resourceName")):
            return ScopeId(resource)
        raise Unavailable("Google made a group and did not name it")

    def _taken(self, name: str) -> ScopeId:
        """Somebody else made it at the same moment, or Google takes another spelling for the same name."""
        if found := self._group_named(name):
            return found
        raise NeedsHuman(
            "Google says that this group exists, and does not list it under exactly this name",
            "name the group as it is spelt in Google Contacts, or choose another name",
        )

    def _group_named(self, name: str) -> ScopeId | None:
        page_token: str | None = None
        seen: set[str] = set()
        while True:
            try:
                reply = self._client.list_groups(page_token)
            except Denied as exc:
                raise self._client.error_of(exc.denial) from exc
            for group in dicts(reply.get("contactGroups")):
                if group.get("name") == name and group.get("groupType") == "USER_CONTACT_GROUP" and not _deleted(group):
                    return ScopeId(text(group.get("resourceName")))
            page_token = text(reply.get("nextPageToken"))
            if not page_token:
                return None
            if page_token in seen:
                raise Incomplete("Google's pages run in a circle")
            seen.add(page_token)

    def scope(self, scope: ScopeId) -> ScopeInfo | None:
        try:
            group = self._client.get_group(scope)
        except Denied as exc:
            if exc.denial.kind is Kind.MISSING:
                return None
            raise self._client.error_of(exc.denial) from exc
        if _deleted(group):
            return None
        if name := text(group.get("name")):
            return ScopeInfo(scope, name, number(group.get("memberCount")))
        raise Unavailable("Google's answer about the group makes no sense")

    def list_members(self, group: ScopeId) -> set[RecordId]:
        """The contacts that the group itself lists; none when it is gone."""
        return reading.list_members(self._client, group) or set()

    # records

    def read(self, cursor: Mapping[str, Any] | None, interest: Interest) -> Reading:
        """Everything, or what changed: everything too when the cursor is six days old or was made for other fields."""
        check_custom(interest.custom)
        self._custom = tuple(sorted(set(interest.custom)))
        scopes = tuple(sorted(interest.scopes)) if self.members_by_list else None
        return GoogleReading(self._client, cursor, self._custom, scopes)

    def fetch(self, ids: Sequence[RecordId]) -> dict[RecordId, Record | None]:
        """By id. A contact that Google renamed is answered under the id asked for; its record has the new one."""
        return reading.fetch(self._client, ids, self._custom)

    def split(self, writes: Sequence[Write]) -> list[tuple[Write, ...]]:
        return sending.split(writes)

    def send(self, call: tuple[Write, ...]) -> tuple[Outcome, ...]:
        return sending.send(self._client, call, self._custom)


def _deleted(group: Json) -> bool:
    return bool(obj(group.get("metadata")).get("deleted"))
