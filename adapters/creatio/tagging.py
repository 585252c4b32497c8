"""Tags: the two schemes, finding and making a private tag, listing who wears it. Reads and plans; writes one tag."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from adapters.creatio.client import Client, LostReplyError, answers_of
from adapters.creatio.lookups import folded
from adapters.creatio.odata import Answer, Query, Row, any_of, by_ids, fault, is_guid, link, string
from adapters.creatio.paging import LISTING_PAGE, complete
from adapters.creatio.parts import Entity, Part
from adapters.creatio.slots import PRIVATE_TAG
from adapters.creatio.watch import emptied
from syncd.core.contact import RecordId, ScopeId
from syncd.core.errors import NeedsHuman, TagMissing, Unavailable
from syncd.core.ports import Member, ScopeInfo, ScopeWish

NAMESPACE: Final = uuid.UUID("1d7d0a0c-8c1f-4f0b-9a39-5f2f6a1a6c11")
"""Of the row ids we choose: the same intent gives the same ids, so a request that is sent again repeats nothing."""

SCOPES_PER_BATCH: Final = 20


@dataclass(frozen=True)
class Scheme:
    """Where tags and tag rows live: per object (`ContactTag`), or universal (`Tag`)."""

    tags: str
    rows: str
    owner: str  # column of the tag row that names the contact
    path: str  # the same in a filter
    universal: bool

    @property
    def columns(self) -> tuple[str, ...]:
        extra = ("RecordSchemaName",) if self.universal else ()
        return ("Id", "CreatedOn", "ModifiedOn", self.owner, "TagId", *extra)

    def row(self, id: str, record: str, tag: str) -> dict[str, Any]:
        """The body of a tag row."""
        body = {"Id": id, self.owner: record, "TagId": tag}
        return body | ({"RecordSchemaName": "Contact"} if self.universal else {})

    def is_contact(self, row: Row) -> bool:
        return not self.universal or row.get("RecordSchemaName") in ("Contact", "", None)


CLASSIC: Final = Scheme("ContactTag", "ContactInTag", "EntityId", "Entity/Id", universal=False)
UNIVERSAL: Final = Scheme("Tag", "TagInRecord", "RecordId", "RecordId", universal=True)


class Tags:
    """The tags of one login."""

    def __init__(self, client: Client, scheme: Scheme) -> None:
        self._client, self.scheme = client, scheme
        self._owners: dict[ScopeId, str] = {}  # tag id -> contact id of who made it

    # the tag itself

    def scope(self, scope: ScopeId) -> ScopeInfo | None:
        """The tag by id, with its number of members; None when it is gone or not shown to this login."""
        tag = Entity(self.scheme.tags, scope, ("Id", "Name", "CreatedById"))
        members = Query(self.scheme.rows, ("Id", "TagId"), any_of("Tag/Id", [scope]), top=1)
        found, counted = self._client.read([tag, members])
        if found.status == 404:
            return None
        if not found.ok or not isinstance(found.body, dict):
            raise fault(found, self.scheme.tags)
        self._owners[scope] = link(found.body.get("CreatedById"))
        return ScopeInfo(scope, str(found.body.get("Name") or ""), counted.rows(members)[1])

    def owner(self, scope: ScopeId) -> str:
        """The contact id of the tag's owner; "" when there is no such tag."""
        if scope not in self._owners:
            self.scope(scope)
        return self._owners.get(scope, "")

    def resolve(self, wish: ScopeWish, me: str, *, make: bool = True) -> ScopeId:
        """The private tag of that name and owner. Made when it is missing and the login itself is the owner."""
        owners = self.people(wish.owner) if wish.owner else {me}
        if not owners or owners == {""}:
            who = f"“{wish.owner}”" if wish.owner else "its own contact"
            raise NeedsHuman(f"the CRM shows the login no contact for {who}", "Name the owner by full name or e-mail.")
        found = [row for row in self._private(wish.name) if link(row.get("CreatedById")) in owners]
        if len(found) > 1:
            raise NeedsHuman(
                f"{len(found)} private tags are called “{wish.name}”", "Rename all but one of them in the CRM."
            )
        if found:
            scope = ScopeId(link(found[0]["Id"]))
            self._owners[scope] = link(found[0].get("CreatedById"))
            return scope
        if owners != {me}:
            raise TagMissing(
                f"there is no private tag “{wish.name}” of {wish.owner}",
                f"Let {wish.owner} sign in to the CRM and tag a contact with a new private tag “{wish.name}”: "
                "a private tag is visible to its creator alone.",
            )
        if not make:
            raise TagMissing(f"there is no private tag “{wish.name}” yet", "A sync makes it.")
        return self._make(wish.name, me)

    def _private(self, name: str) -> list[Row]:
        scheme = self.scheme
        kind = ("TagAccessId", "EntitySchemaName") if scheme.universal else ("TypeId",)
        where = f"Name eq {string(name)}"
        if not scheme.universal:
            where += f" and Type/Id eq {PRIVATE_TAG}"
        query = Query(scheme.tags, ("Id", "Name", "CreatedById", *kind), where, "Id", LISTING_PAGE)
        rows = [row for row in complete(self._client, query) if folded(str(row["Name"])) == folded(name)]
        if scheme.universal:
            private = self._private_access()
            rows = [row for row in rows if link(row.get("TagAccessId")) in private and _for_contacts(row)]
        return rows

    def _private_access(self) -> set[str]:
        """Access kinds that count as private: that of this name, and none at all. Their ids differ between sites."""
        query = Query("TagAccess", ("Id", "Name"), order="Id", top=100)
        rows, _ = self._client.rows(query)
        return {"", *(link(row["Id"]) for row in rows if folded(str(row.get("Name") or "")) == "private")}

    def _make(self, name: str, me: str) -> ScopeId:
        key = str(uuid.uuid5(NAMESPACE, f"tag/{me}/{folded(name)}"))
        body: dict[str, Any] = {"Id": key, "Name": name}
        if self.scheme.universal:
            access = sorted(self._private_access() - {""})
            body |= {"EntitySchemaName": "Contact"} | ({"TagAccessId": access[0]} if access else {})
        else:
            body["TypeId"] = PRIVATE_TAG
        try:
            whole = self._client.write([Part("tag", "POST", self.scheme.tags, body=body)])
        except LostReplyError as exc:
            raise Unavailable(f"making the tag: {exc}") from exc
        answer = answers_of(whole).get("tag") if whole.ok else whole
        if answer is None or not answer.ok:
            raise fault(answer or whole, self.scheme.tags)
        self._owners[ScopeId(key)] = me
        return ScopeId(key)

    # people

    def people(self, who: str) -> set[str]:
        """Contact ids of a person named by contact id, user id, user name, full name or e-mail."""
        if is_guid(who):
            by_user = self._users(f"Id eq {who.lower()}")
            return by_user or {who.lower()}
        by_name = f"Name eq {string(who)} or Email eq {string(who)}"
        query = Query("Contact", ("Id", "Name", "Email"), by_name, "Id", 100)
        found = {link(row["Id"]) for row in self._client.rows(query)[0]}
        return found or self._users(f"Name eq {string(who)}")

    def _users(self, where: str) -> set[str]:
        """Contacts of system users; none where the CRM keeps its system tables to itself."""
        query = Query("SysAdminUnit", ("Id", "Name", "ContactId"), where, "Id", 100)
        answer = self._client.read([query])[0]
        if answer.status in (403, 404):
            return set()
        return {link(row.get("ContactId")) for row in answer.rows(query)[0]} - {""}

    # who wears it

    def members(self, scopes: Sequence[ScopeId], total: int) -> dict[ScopeId, dict[RecordId, tuple[str, ...]]]:
        """The complete listing of each scope, by contact. A scope whose tag this login is not shown is left out.

        `total` is how many tag rows of any tag there were a moment ago: where a listing is empty, neither they nor the
        tag may have vanished.
        """
        shown = self._shown(scopes)
        listed: dict[ScopeId, dict[RecordId, tuple[str, ...]]] = {}
        for start in range(0, len(shown), SCOPES_PER_BATCH):
            some = shown[start : start + SCOPES_PER_BATCH]
            queries = [self._listing(scope) for scope in some]
            firsts: list[Answer] = self._client.read(queries)
            for scope, query, first in zip(some, queries, firsts, strict=True):
                listed[scope] = self.by_contact(complete(self._client, query, first))
        empty = [scope for scope, members in listed.items() if not members]
        doubtful = self._doubtful(empty, total)
        return {scope: members for scope, members in listed.items() if scope not in doubtful}

    def _doubtful(self, empty: Sequence[ScopeId], total: int) -> set[ScopeId]:
        """Of the scopes that came out empty, those whose tag is not shown any more."""
        if not empty or not total:
            return set()
        probe = Query(self.scheme.rows, ("Id",), top=1)
        if not self._client.rows(probe)[1]:
            raise emptied(self.scheme.rows)
        return set(empty) - set(self._shown(empty))

    def _shown(self, scopes: Sequence[ScopeId]) -> list[ScopeId]:
        columns = ("Id", "Name", "CreatedById")
        queries = list(by_ids(self.scheme.tags, columns, "Id", list(scopes)))
        rows = [row for q, a in zip(queries, self._client.read(queries), strict=True) for row in a.rows(q)[0]]
        found = {ScopeId(link(row["Id"])): link(row.get("CreatedById")) for row in rows}
        self._owners |= found
        return [scope for scope in scopes if scope in found]

    def _listing(self, scope: ScopeId) -> Query:
        return Query(self.scheme.rows, self.scheme.columns, any_of("Tag/Id", [scope]), "CreatedOn,Id", LISTING_PAGE)

    def by_contact(self, rows: Iterable[Row]) -> dict[RecordId, tuple[str, ...]]:
        """Tag rows of one scope by the contact they tag, ids sorted."""
        found: dict[RecordId, list[str]] = {}
        for row in rows:
            if self.scheme.is_contact(row):
                found.setdefault(RecordId(link(row[self.scheme.owner])), []).append(link(row["Id"]))
        return {record: tuple(sorted(ids)) for record, ids in found.items()}

    def of_contacts(self, ids: Sequence[str]) -> list[Query]:
        """Queries for every tag row of these contacts."""
        return list(by_ids(self.scheme.rows, self.scheme.columns, self.scheme.path, ids))

    def memberships(self, rows: Iterable[Row], scopes: Iterable[ScopeId]) -> list[Member]:
        """The members that tag rows make, of the scopes that are wanted. All rows of a contact have to be given."""
        wanted = set(scopes)
        by_scope: dict[ScopeId, list[Row]] = {}
        for row in rows:
            scope = ScopeId(link(row["TagId"]))
            if scope in wanted:
                by_scope.setdefault(scope, []).append(row)
        grouped = {scope: self.by_contact(some) for scope, some in sorted(by_scope.items())}
        return [Member(scope, record, ids) for scope, records in grouped.items() for record, ids in records.items()]


def _for_contacts(row: Row) -> bool:
    return row.get("EntitySchemaName") in ("Contact", "", None)
