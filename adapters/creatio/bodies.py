"""Contacts read whole: their row, their details, the names their lookups stand for. By ids, many in one request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from adapters.creatio.client import Client
from adapters.creatio.lookups import Lookups
from adapters.creatio.mapping import Lens, family_first, grouped, lookups_of, record
from adapters.creatio.odata import IDS_PER_LIST, Answer, Query, Row, by_ids, link
from adapters.creatio.paging import pages, whole_table
from adapters.creatio.slots import ADDRESS, COMMUNICATION, CONTACT
from adapters.creatio.tagging import Tags
from adapters.creatio.watch import emptied
from syncd.core.contact import Instant, Record, RecordId, ScopeId
from syncd.core.errors import Incomplete
from syncd.core.ports import Member

CONTACTS_PER_BATCH: Final = 20 * IDS_PER_LIST
JOINED: Final = 20_000
"""Contacts whose rows are held at once where whole tables are paged."""

DETAILS: Final = ("ContactCommunication", "ContactAddress")


@dataclass(frozen=True)
class Found:
    """What a reading by ids gave: records, memberships where asked for, and the ids that were not there."""

    records: tuple[Record, ...]
    absent: tuple[RecordId, ...]
    members: tuple[Member, ...] = ()


@dataclass
class Habits:
    """How the site writes full names, learned from its contacts: the family name first, or last."""

    votes: Counter[bool] = field(default_factory=Counter)

    def learn(self, contacts: Iterable[Row]) -> None:
        for row in contacts:
            vote = family_first(row)
            if vote is not None:
                self.votes[vote] += 1

    @property
    def family_first(self) -> bool:
        return self.votes[True] > self.votes[False]


class Bodies:
    """Reads contacts whole. `lens` says which columns beyond the standard ones."""

    def __init__(self, client: Client, lookups: Lookups, tags: Tags, lens: Lens) -> None:
        self._client, self._lookups, self._tags = client, lookups, tags
        self.lens = lens
        self.habits = Habits()
        self.kinds: dict[str, str] = {}
        """JSON kinds of custom columns that are no texts, as far as seen."""
        self.totals: dict[str, int] = {}
        """Rows of each table when it was last looked at."""

    @property
    def _columns(self) -> dict[str, tuple[str, ...]]:
        own = tuple(dict.fromkeys([*CONTACT, *self.lens.columns]))
        return {"Contact": own, "ContactCommunication": COMMUNICATION, "ContactAddress": ADDRESS}

    def queries(self, ids: Sequence[RecordId]) -> list[Query]:
        """The readings that give these contacts whole."""
        path = {"Contact": "Id"}
        tables = self._columns.items()
        return [q for set_, columns in tables for q in by_ids(set_, columns, path.get(set_, "Contact/Id"), ids)]

    def read(
        self,
        ids: Iterable[RecordId],
        *,
        scopes: Sequence[ScopeId] = (),
        renamed: Mapping[RecordId, Instant] | None = None,
        wary: bool = True,
    ) -> Iterator[Found]:
        """The contacts in portions. With `scopes` their memberships too; `renamed` says when their account was.

        `wary`: where no details come at all, make sure that it is not for a lost right.
        """
        rest = iter(ids)
        while some := list(islice(rest, CONTACTS_PER_BATCH)):
            plain = self.queries(some)
            tagged = self._tags.of_contacts(some) if scopes else []
            answers = self._client.read([*plain, *tagged])
            if wary:
                self._require_details(plain, answers[: len(plain)])
            found = self.found(some, plain, answers[: len(plain)], renamed or {})
            rows = _rows(tagged, answers[len(plain) :])
            yield Found(found.records, found.absent, tuple(self._tags.memberships(rows, scopes)))

    def _require_details(self, queries: Sequence[Query], answers: Sequence[Answer]) -> None:
        """No details at all for these contacts: that must not be a right lost since the tables were looked at."""
        bare = [s for s in DETAILS if self.totals.get(s) and not _rows(*_of(queries, answers, s))]
        probes = [Query(set_, ("Id",), top=1) for set_ in bare]
        for probe, answer in zip(probes, self._client.read(probes), strict=True):
            if not answer.rows(probe)[1]:
                raise emptied(probe.set)

    def sweep(self, ids: Collection[RecordId]) -> Iterator[Found]:
        """The contacts in portions, from whole tables where that takes fewer requests than lists of ids."""
        lists = 3 * (-(-len(ids) // IDS_PER_LIST))
        tables = sum(pages(self.totals.get(set_, 0)) for set_ in self._columns)
        if self._client.batch_get or tables >= lists or len(ids) > JOINED:
            yield from self.read(sorted(ids))
            return
        rows = {set_: self._held(set_, set(ids)) for set_ in self._columns}
        yield self.made(sorted(ids), rows["Contact"], rows["ContactCommunication"], rows["ContactAddress"], {})

    def _held(self, set_: str, ids: set[RecordId]) -> list[Row]:
        """The rows of these contacts out of a whole table."""
        owner = "Id" if set_ == "Contact" else "ContactId"
        columns = tuple(dict.fromkeys([*self._columns[set_], "CreatedOn"]))
        pages_ = whole_table(self._client, set_, columns, self.totals.get(set_, 0))
        return [row for page in pages_ for row in page if link(row.get(owner)) in ids]

    def found(
        self,
        ids: Sequence[RecordId],
        queries: Sequence[Query],
        answers: Sequence[Answer],
        renamed: Mapping[RecordId, Instant],
    ) -> Found:
        """The records that the answers to `queries(ids)` make."""
        tables = {
            name: _rows(*_of(queries, answers, name)) for name in ("Contact", "ContactCommunication", "ContactAddress")
        }
        return self.made(ids, tables["Contact"], tables["ContactCommunication"], tables["ContactAddress"], renamed)

    def made(
        self,
        ids: Sequence[RecordId],
        contacts: Sequence[Row],
        communications: Iterable[Row],
        addresses: Iterable[Row],
        renamed: Mapping[RecordId, Instant],
    ) -> Found:
        """The records of rows, once the names of their lookups are known."""
        self.habits.learn(contacts)
        self._learn_kinds(contacts)
        bodies = grouped(contacts, communications, addresses)
        self._lookups.learn(pair for body in bodies.values() for pair in lookups_of(body))
        records = [
            record(body, lambda s, i: self._lookups.named(s, i).name, self.lens, renamed.get(RecordId(key), Instant(0)))
            for key, body in bodies.items()
        ]
        return Found(tuple(records), tuple(one for one in ids if one not in bodies))

    def _learn_kinds(self, contacts: Sequence[Row]) -> None:
        for row in contacts[:1]:
            for column in self.lens.columns:
                value = row.get(column)
                kind = "bool" if isinstance(value, bool) else "number" if isinstance(value, int | float) else ""
                self.kinds[column] = kind


def _of(queries: Sequence[Query], answers: Sequence[Answer], name: str) -> tuple[list[Query], list[Answer]]:
    pairs = [(q, a) for q, a in zip(queries, answers, strict=True) if q.set == name]
    return [q for q, _ in pairs], [a for _, a in pairs]


def _rows(queries: Sequence[Query], answers: Sequence[Answer]) -> list[Row]:
    """All rows of some queries; `Incomplete` when the server cut one of the lists."""
    found: list[Row] = []
    for query, answer in zip(queries, answers, strict=True):
        rows, total = answer.rows(query)
        if len(rows) != total:
            raise Incomplete(f"{query.set} gave {len(rows)} of {total} rows")
        found += rows
    return found


def ids_of(rows: Iterable[Row], column: str) -> set[RecordId]:
    """The contacts that rows belong to."""
    return {RecordId(owner) for row in rows if (owner := link(row.get(column)))}
