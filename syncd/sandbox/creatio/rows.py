"""The rows in memory: tables with indexes by id, by lookup and by time, transactions with rollback, late commits."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from syncd.sandbox.creatio.schema import SCHEMA, Entity
from syncd.sandbox.creatio.values import Row

_UNINDEXED = {"CreatedById", "ModifiedById"}
TIMES = ("CreatedOn", "ModifiedOn")


class Table:
    """The rows of one entity set. A stored row is never changed in place."""

    def __init__(self, entity: Entity) -> None:
        self.entity = entity
        self.rows: dict[str, Row] = {}
        self.links: dict[str, dict[str, dict[str, None]]] = {
            c.name: {} for c in entity.lookups() if c.name not in _UNINDEXED
        }
        self.times: dict[str, list[tuple[int, str]]] = {name: [] for name in TIMES}
        self._births: dict[str, int] = {}
        self.hidden: dict[str, tuple[float, Row | None]] = {}  # id -> (visible from, what is seen until then)

    def put(self, row: Row) -> None:
        self.drop(row["Id"])
        key = row["Id"]
        self.rows[key] = row
        self._births.setdefault(key, len(self._births))
        for name, index in self.links.items():
            if name in row:
                index.setdefault(row[name], {})[key] = None
        for name, order in self.times.items():
            insort(order, (row.get(name, 0), key))

    def drop(self, key: str) -> Row | None:
        row = self.rows.pop(key, None)
        if row is None:
            return None
        for name, index in self.links.items():
            if name in row:
                index[row[name]].pop(key, None)
        for name, order in self.times.items():
            del order[bisect_left(order, (row.get(name, 0), key))]
        return row

    def linked(self, lookup: str, target: str) -> list[str]:
        """Ids of the rows whose lookup points at `target`."""
        return list(self.links[lookup].get(target, ()))

    def oldest_first(self, lookup: str, target: str) -> list[Row]:
        """The rows whose lookup points at `target`; of the same instant the one stored first comes first."""
        rows = [self.rows[key] for key in self.links[lookup].get(target, ())]
        return sorted(rows, key=lambda row: (row.get("CreatedOn", 0), self._births[row["Id"]]))

    def seen(self, now: float) -> Mapping[str, Row]:
        """The committed rows at `now`: what a late commit still hides is shown as it was."""
        for key in [k for k, (until, _) in self.hidden.items() if until <= now]:
            del self.hidden[key]
        if not self.hidden:
            return self.rows
        view = dict(self.rows)
        for key, (_, old) in self.hidden.items():
            if old is None:
                view.pop(key, None)
            else:
                view[key] = old
        return view


@dataclass(frozen=True)
class _Undo:
    table: str
    key: str
    old: Row | None


class Store:
    """All tables. Every change goes through `put` and `remove` inside a `transaction`."""

    def __init__(self) -> None:
        self.tables = {name: Table(entity) for name, entity in SCHEMA.items()}
        self._journal: list[_Undo] = []
        self._depth = 0

    def rows(self, name: str) -> dict[str, Row]:
        return self.tables[name].rows

    def put(self, name: str, row: Row) -> None:
        table = self.tables[name]
        self._journal.append(_Undo(name, row["Id"], table.rows.get(row["Id"])))
        table.put(row)

    def remove(self, name: str, key: str) -> None:
        old = self.tables[name].drop(key)
        if old is not None:
            self._journal.append(_Undo(name, key, old))

    @contextmanager
    def transaction(self, visible_from: float | None = None) -> Iterator[None]:
        """All or nothing; may be nested. With `visible_from` readers see the old rows until then."""
        mark = len(self._journal)
        self._depth += 1
        try:
            yield
        except BaseException:
            self._roll_back(mark)
            raise
        else:
            self._show(mark, visible_from)
        finally:
            self._depth -= 1
            if not self._depth:
                self._journal.clear()

    def _roll_back(self, mark: int) -> None:
        while len(self._journal) > mark:
            undo = self._journal.pop()
            if undo.old is None:
                self.tables[undo.table].drop(undo.key)
            else:
                self.tables[undo.table].put(undo.old)

    def _show(self, mark: int, visible_from: float | None) -> None:
        for undo in self._journal[mark:]:
            hidden = self.tables[undo.table].hidden
            if visible_from is not None:
                hidden.setdefault(undo.key, (visible_from, undo.old))
            elif hidden:
                hidden.pop(undo.key, None)  # whoever writes a locked row has waited for its commit


class View:
    """What a reader sees at one instant."""

    def __init__(self, store: Store, now: float) -> None:
        self._store, self._now = store, now
        self._seen: dict[str, Mapping[str, Row]] = {}

    def rows(self, name: str) -> Mapping[str, Row]:
        if name not in self._seen:
            self._seen[name] = self._store.tables[name].seen(self._now)
        return self._seen[name]

    def indexed(self, name: str) -> Table | None:
        """The table when its indexes are what this reader sees, else None: then scan `rows`."""
        table = self._store.tables[name]
        return table if self.rows(name) is table.rows else None
