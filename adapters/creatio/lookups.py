"""Lookup rows by id and by name: accounts, departments, places. Remembers what it read; never guesses between two."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from adapters.creatio.client import Client
from adapters.creatio.odata import Query, Row, by_ids, instant, link, string
from syncd.core.contact import Instant

COLUMNS: Final = ("Id", "Name", "ModifiedOn")
SMALL: Final = frozenset({"Department", "Country", "Region"})
"""Lookups that are read whole when a name is looked for, so that the database's collation has no say."""

SMALL_ROWS: Final = 2_000
REMEMBERED: Final = 50_000


@dataclass(frozen=True)
class Named:
    """A lookup row's name and when the row was last changed."""

    name: str
    stamp: Instant


UNNAMED: Final = Named("", Instant(0))


def folded(name: str) -> str:
    """The text by which two names are the same: case and runs of spaces mean nothing."""
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


class Lookups:
    """Names of rows, and rows of names, by set."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._names: dict[str, dict[str, Named]] = {}
        self._found: dict[tuple[str, str], str] = {}
        self._ambiguous: set[tuple[str, str]] = set()

    # by id

    def learn(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Read the names of these (set, id) that are not known yet."""
        missing: dict[str, set[str]] = {}
        for set_, key in wanted:
            if key and key not in self._names.get(set_, {}):
                missing.setdefault(set_, set()).add(key)
        queries = [q for set_, ids in missing.items() for q in by_ids(set_, COLUMNS, "Id", sorted(ids))]
        for query, answer in zip(queries, self._client.read(queries), strict=True):
            for row in answer.rows(query)[0]:
                self.note(query.set, row)

    def note(self, set_: str, row: Row) -> bool:
        """Take over a row that was read; whether its name is new to us."""
        fresh = Named(str(row.get("Name") or ""), instant(str(row.get("ModifiedOn") or "")))
        key = link(row["Id"])
        old = self._names.get(set_, {}).get(key)
        self._remember(set_, key, fresh)
        if old is not None and old.name != fresh.name:
            self._found = {wanted: found for wanted, found in self._found.items() if found != key}
        return old is None or old.name != fresh.name

    def _remember(self, set_: str, id: str, named: Named) -> None:
        names = self._names.setdefault(set_, {})
        if len(names) >= REMEMBERED:
            names.clear()
        names[id] = named

    def named(self, set_: str, id: str) -> Named:
        """A row's name; empty when there is no such row, or no right to it."""
        return self._names.get(set_, {}).get(id, UNNAMED)

    # by name

    def forget_found(self) -> None:
        """What names stand for has to be read anew: a write that relied on it was refused."""
        self._found.clear()

    def seek(self, wanted: Iterable[tuple[str, str]]) -> None:
        """Look up these (set, name), so that `found` can answer."""
        open_ = {(s, folded(n)): n for s, n in wanted if n.strip() and (s, folded(n)) not in self._found}
        small = {s for s, _ in open_ if s in SMALL}
        queries = [Query(s, COLUMNS, order="Name,Id", top=SMALL_ROWS) for s in sorted(small)]
        whole = self._candidates(queries)
        done = {s for s in small if s not in self._oversize}
        names = [(s, name) for (s, _), name in open_.items() if s not in done]
        by_name = self._candidates([Query(s, COLUMNS, _spellings(name), order="Id") for s, name in names])
        for key in open_:
            ids = (whole if key[0] in done else by_name).get(key, set())
            self._ambiguous.discard(key)
            if len(ids) == 1:
                self._found[key] = next(iter(ids))
            elif ids:
                self._ambiguous.add(key)

    _oversize: frozenset[str] = frozenset()

    def _candidates(self, queries: list[Query]) -> Mapping[tuple[str, str], set[str]]:
        found: dict[tuple[str, str], set[str]] = {}
        for query, answer in zip(queries, self._client.read(queries), strict=True):
            rows, total = answer.rows(query)
            if len(rows) < total:
                self._oversize |= {query.set}
            for row in rows:
                self.note(query.set, row)
                found.setdefault((query.set, folded(str(row.get("Name") or ""))), set()).add(link(row["Id"]))
        return found

    def found(self, set_: str, name: str) -> str:
        """The one row of that name; "" when there is none or more than one."""
        return self._found.get((set_, folded(name)), "")

    def several(self, set_: str, name: str) -> bool:
        """Whether the last look found more than one row of that name."""
        return (set_, folded(name)) in self._ambiguous

    def made(self, set_: str, name: str, id: str) -> None:
        """A row that was just made under this name."""
        self._remember(set_, id, Named(name, Instant(0)))
        self._found[(set_, folded(name))] = id


def _spellings(name: str) -> str:
    """A filter that finds the usual spellings of a name also where the database minds case."""
    plain = " ".join(name.split())
    return " or ".join(f"Name eq {string(text)}" for text in dict.fromkeys(_variants(plain)))


def _variants(name: str) -> Iterator[str]:
    yield from (name, name.lower(), name.upper(), name.title(), name.capitalize())
