"""Reading an address book: everything or what changed, and point reads. Nothing incomplete is passed off as whole."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from adapters.google.client import PAGE_SIZE, SOURCES, PeopleClient
from adapters.google.denial import Denial, Denied, Kind, item_denial
from adapters.google.leaves import partial_person, person_fields
from adapters.google.mapping import cut_fields, former_ids, id_of, is_deleted, record_id, resource_of, to_record
from adapters.google.shape import Json, dicts, number, obj, text, texts
from syncd.core.contact import Instant, Record, RecordId, ScopeId
from syncd.core.errors import ContractBroken, CursorExpired, Incomplete, SyncError, Unavailable
from syncd.core.ports import Ending, Page

BATCH = 200
LONGEST_CHAIN = 6 * 86_400
"""Seconds after a full reading at which everything is read again: Google forgets its token after seven days."""

_SECOND = 1_000_000


def parameters(custom: tuple[str, ...], *, members: bool) -> str:
    """A hash of all that a sync token is bound to, and of how the cursor is made: another one means a full reading."""
    said = ("2", person_fields(custom), partial_person(custom), SOURCES, PAGE_SIZE, members)
    return hashlib.blake2b(repr(said).encode(), digest_size=8).hexdigest()


@dataclass
class _Told:
    """What one listing told: whom, how many it said there are, and the token it ended with."""

    ids: set[RecordId] = field(default_factory=set)
    total: int = 0
    token: object = None

    @property
    def counts(self) -> tuple[int, int]:
        return len(self.ids), self.total

    @property
    def agrees(self) -> bool:
        return len(self.ids) == self.total


class GoogleReading:
    """One reading. Iterate it once, then `ending` is there; an exception means that none of it counts."""

    def __init__(
        self,
        client: PeopleClient,
        cursor: Mapping[str, Any] | None,
        custom: tuple[str, ...],
        scopes: Sequence[ScopeId] | None,
    ) -> None:
        self._client, self._custom, self._listed_scopes = client, custom, scopes
        self._params = parameters(custom, members=scopes is not None)
        self._cursor = cursor if cursor and self._usable(cursor) else None
        self._members = _unpacked(self._cursor) if self._cursor else {}
        self._told = _Told()
        self._unseen: list[ScopeId] = []
        self._ending: Ending | None = None

    @property
    def ending(self) -> Ending:
        if self._ending is None:
            raise ContractBroken("the reading has not ended")
        return self._ending

    def __iter__(self) -> Iterator[Page]:
        begun = self._client.wall()
        yield from self._pages()
        whole = True
        if self._cursor is None and not self._told.agrees:
            whole = yield from self._again()
        yield from self._label_changes()
        self._ending = self._ended(self._client.by_server(begun), whole=whole)

    def _again(self) -> Generator[Page, None, bool]:
        """The list did not bear out the count that came with it: read it once more. Returns whether it does now.

        The same disagreement again is how this address book is: then it is read, but proves no absence.
        """
        before, self._told = self._told, _Told()
        yield from self._pages()
        if not self._told.agrees and self._told.counts != before.counts:
            raise Incomplete("the list has {} of {} contacts".format(*self._told.counts))
        return self._told.agrees

    def _pages(self) -> Iterator[Page]:
        token = str(self._cursor["token"]) if self._cursor else None
        page_token: str | None = None
        seen: set[str] = set()
        while True:
            reply = self._page(page_token, token)
            yield self._read_page(reply)
            page_token = text(reply.get("nextPageToken"))
            if not page_token:
                break
            if page_token in seen:
                raise Incomplete("Google's pages run in a circle")
            seen.add(page_token)
        self._told.total, self._told.token = number(reply.get("totalItems")), reply.get("nextSyncToken")
        if not isinstance(self._told.token, str) or not self._told.token:
            raise Incomplete("the list ended without a sync token")

    # the cursor

    def _usable(self, cursor: Mapping[str, Any]) -> bool:
        full_at = cursor.get("full_at", 0)
        age = self._client.by_server(self._client.wall()) - full_at / _SECOND
        return bool(cursor.get("token")) and cursor.get("params") == self._params and age < LONGEST_CHAIN

    def _ended(self, begun: float, *, whole: bool) -> Ending:
        now = Instant(int(begun * _SECOND))
        full_at = self._cursor["full_at"] if self._cursor else now
        cursor: Json = {"token": self._told.token, "params": self._params, "full_at": full_at}
        if self._listed_scopes is not None:
            cursor["members"] = {scope: _packed(self._members.get(scope, set())) for scope in self._listed_scopes}
        snapshot = self._cursor is None and whole
        return Ending(
            cursor=cursor, snapshot=snapshot, server_now=now, clock=self._client.clock, unseen=tuple(self._unseen)
        )

    # pages

    def _page(self, page_token: str | None, token: str | None) -> Json:
        try:
            return self._client.list_connections(self._custom, page_token, token)
        except Denied as exc:
            raise self._refused(exc.denial, page_token, token) from exc

    def _refused(self, denial: Denial, page_token: str | None, token: str | None) -> SyncError:
        """A 400 to a stored token means that the token is of no use; to a page's, that the pages are."""
        if denial.kind in (Kind.CURSOR, Kind.INVALID, Kind.STALE) and token is not None:
            return CursorExpired("Google no longer takes the sync token")
        if denial.kind in (Kind.CURSOR, Kind.INVALID) and page_token is not None:
            return Incomplete("Google no longer takes the page token")
        return self._client.error_of(denial)

    def _read_page(self, reply: Json) -> Page:
        persons = reply.get("connections", [])
        if not isinstance(persons, list) or not all(isinstance(p, dict) for p in persons):
            raise Incomplete("a page is no list of persons")
        records: list[Record] = []
        gone: list[RecordId] = []
        renamed: list[tuple[RecordId, RecordId]] = []
        for person in persons:
            own = record_id(person)
            if own is None:
                continue
            if is_deleted(person):
                gone.append(own)
            elif record := self._record(person, own):
                records.append(record)
                renamed += [(former, record.id) for former in former_ids(person)]
            else:
                gone.append(own)
        self._remember(records, gone)
        return Page(records=tuple(records), gone=tuple(gone), renamed=tuple(renamed))

    def _record(self, person: Json, own: RecordId) -> Record | None:
        """The record; where the list cut it short it is read on its own. None when that says it is gone."""
        listed = to_record(person, self._custom, listed=True)
        if listed is None or not cut_fields(person):
            return listed
        try:
            whole = self._client.get_person(text(person.get("resourceName")) or resource_of(own), self._custom)
        except Denied as exc:
            if exc.denial.kind is Kind.MISSING:
                return None
            raise self._client.error_of(exc.denial) from exc
        record = to_record(whole, self._custom)
        return listed if record is None or record.stamp < listed.stamp else record

    # labels

    def _remember(self, records: Iterable[Record], gone: Iterable[RecordId]) -> None:
        for record in records:
            self._told.ids.add(record.id)
            for scope in self._listed_scopes or ():
                members = self._members.setdefault(scope, set())
                (members.add if scope in (record.scopes or ()) else members.discard)(record.id)
        for members in self._members.values():
            members.difference_update(gone)

    def _label_changes(self) -> Iterator[Page]:
        """Where label changes do not show among the changes: the groups' members, and those that came or went, anew.

        What a point read does not yet confirm is not remembered, so it is asked again at the next reading.
        """
        if self._cursor is None or self._listed_scopes is None:
            return
        moved: set[RecordId] = set()
        for scope in self._listed_scopes:
            listed = list_members(self._client, scope)
            if listed is None:
                self._unseen.append(scope)
            else:
                moved |= listed ^ self._members.get(scope, set())
        found = fetch(self._client, sorted(moved), self._custom)
        records = tuple(r for r in found.values() if r is not None)
        gone = tuple(i for i, r in found.items() if r is None)
        if found:
            self._remember(records, gone)
            yield Page(records=records, gone=gone)


def list_members(client: PeopleClient, group: ScopeId) -> set[RecordId] | None:
    """The contacts that a group lists; None when the group is gone."""
    try:
        reply = client.get_group(group, members=True)
    except Denied as exc:
        if exc.denial.kind is Kind.MISSING:
            return None
        raise client.error_of(exc.denial) from exc
    found = (id_of(name) for name in texts(reply.get("memberResourceNames")))
    return {i for i in found if i is not None}


def fetch(client: PeopleClient, ids: Sequence[RecordId], custom: tuple[str, ...]) -> dict[RecordId, Record | None]:
    """Point reads, every id answered. Raises `Unavailable` for an answer that leaves one open."""
    found: dict[RecordId, Record | None] = {}
    wanted = list(dict.fromkeys(ids))
    for start in range(0, len(wanted), BATCH):
        found |= _fetch_batch(client, wanted[start : start + BATCH], custom)
    return found


def _fetch_batch(
    client: PeopleClient, ids: Sequence[RecordId], custom: tuple[str, ...]
) -> dict[RecordId, Record | None]:
    try:
        reply = client.get_people([resource_of(i) for i in ids], custom)
    except Denied as exc:
        raise client.error_of(exc.denial) from exc
    answers = {text(a.get("requestedResourceName")): a for a in dicts(reply.get("responses"))}
    return {i: _answer(answers.get(resource_of(i)), custom) for i in ids}


def _answer(answer: Json | None, custom: tuple[str, ...]) -> Record | None:
    if answer is None:
        raise Unavailable("Google left a contact out of its answer")
    person = obj(answer.get("person"))
    if is_deleted(person) or _only_profiles(person):
        return None
    if record := to_record(person, custom):
        return record
    if answer.get("httpStatusCode") == 404 or item_denial(obj(answer.get("status"))).kind is Kind.MISSING:
        return None
    raise Unavailable("Google left open whether a contact exists")


def _only_profiles(person: Json) -> bool:
    sources = dicts(obj(person.get("metadata")).get("sources"))
    return bool(sources) and all(s.get("type") != "CONTACT" for s in sources)


def _packed(ids: Iterable[RecordId]) -> str:
    """Ids as eight bytes each, in base64: a cursor is rewritten at every reading."""
    return base64.b64encode(b"".join(int(i, 16).to_bytes(8, "big") for i in sorted(ids))).decode()


def _unpacked(cursor: Mapping[str, Any]) -> dict[ScopeId, set[RecordId]]:
    members: dict[ScopeId, set[RecordId]] = {}
    for scope, packed in (cursor.get("members") or {}).items():
        raw = base64.b64decode(packed)
        members[ScopeId(scope)] = {
            RecordId(f"{int.from_bytes(raw[i : i + 8], 'big'):x}") for i in range(0, len(raw), 8)
        }
    return members
