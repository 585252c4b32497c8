"""Match keys as rows: by what a contact may be found, as keyed hashes. What a key is, `core.match` says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from state.rows import chunks, delete_each, given
from state.schema import match_key
from syncd.core import match
from syncd.core.contact import Record, RecordId, SourceId
from syncd.core.ports import KeyKind, KeyRow

KEY_BYTES = 16

Key = tuple[str, str, bytes]
"""Row, kind, and the keyed hash of the text."""


_KEYS = sa.select(match_key.c.record, match_key.c.row, match_key.c.kind, match_key.c.key).where(
    match_key.c.source == sa.bindparam("source"), given(match_key.c.record)
)
_INSERT = sa.insert(match_key)


def hashed(pepper: bytes, kind: str, text: str) -> bytes:
    """What is stored of a key: nothing that could be read back, and nothing that another database shares."""
    return blake2b(text.encode(), digest_size=KEY_BYTES, key=pepper, person=kind.encode()).digest()


def row_of(key: KeyRow) -> str:
    """The row under which a key is stored. Ids that an older sync remembered are a row apart from what a body tells."""
    return f"former:{key.row}" if key.kind is KeyKind.FORMER else key.row


class Keys:
    """The keys of one source inside one write transaction. Only differences are written; `changed` says if any were."""

    def __init__(self, connection: Connection, source: SourceId, pepper: bytes) -> None:
        self.changed = False
        self._connection = connection
        self._source = source
        self._pepper = pepper

    def put(self, rows: Mapping[tuple[RecordId, str], Sequence[tuple[str, bytes]]]) -> None:
        """All keys of each (record, row), at most a chunk of them; the other rows of those records stand."""
        have = self.of({i for i, _ in rows})
        want = {i: {key for key in keys if (i, key[0]) not in rows} for i, keys in have.items()}
        for (i, row), keys in rows.items():
            want.setdefault(i, set()).update((row, kind, key) for kind, key in keys)
        self._replace(have, want)

    def follow(self, records: Sequence[Record]) -> None:
        """The keys that follow from bodies. Ids that an older sync remembered do not: they come apart, and stay."""
        have = self.of([r.id for r in records])
        want: dict[RecordId, set[Key]] = {}
        for r in records:
            told = {
                (row_of(k), k.kind.value, hashed(self._pepper, k.kind, k.text)) for k in match.key_rows(r) if k.text
            }
            want[r.id] = told | {k for k in have.get(r.id, ()) if k[1] == KeyKind.FORMER.value}
        self._replace(have, want)

    def end(self, ids: Collection[RecordId]) -> None:
        """Nobody is to be found under these any more."""
        self._replace(self.of(ids), {})

    def of(self, ids: Collection[RecordId]) -> dict[RecordId, set[Key]]:
        """What is stored; records without keys are not in the answer."""
        keys: dict[RecordId, set[Key]] = defaultdict(set)
        for record, row, kind, key in self._connection.execute(_KEYS, {"source": self._source, "ids": ids}):
            keys[record].add((row, kind, bytes(key)))
        return keys

    def _replace(self, have: Mapping[RecordId, set[Key]], want: Mapping[RecordId, set[Key]]) -> None:
        gone = [self._row(i, key) for i, keys in have.items() for key in sorted(keys - want.get(i, set()))]
        new = [self._row(i, key) for i, keys in want.items() for key in sorted(keys - have.get(i, set()))]
        delete_each(self._connection, match_key, gone)
        for chunk in chunks(new):
            self._connection.execute(_INSERT, chunk)
        self.changed = self.changed or bool(gone or new)

    def _row(self, record: RecordId, key: Key) -> dict[str, Any]:
        return {"source": self._source, "record": record, "row": key[0], "kind": key[1], "key": key[2]}


def hashes_by_row(keys: Iterable[KeyRow], pepper: bytes) -> dict[tuple[RecordId, str], list[tuple[str, str]]]:
    """All keys of each (record, row), as hexadecimal; none where the row only removes."""
    rows: dict[tuple[RecordId, str], list[tuple[str, str]]] = {}
    for key in keys:
        kept = rows.setdefault((key.record, row_of(key)), [])
        if key.text:
            kept.append((key.kind.value, hashed(pepper, key.kind, key.text).hex()))
    return rows
