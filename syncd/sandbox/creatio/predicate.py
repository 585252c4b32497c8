"""Filters and sort keys as functions over rows, with the column rules and traps; finds the rows through the indexes."""

from __future__ import annotations

import operator
import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from syncd.sandbox.creatio.errors import bad_request, no_such_column, unknown_property
from syncd.sandbox.creatio.filters import Both, Compare, Either, Expr, Match, Not
from syncd.sandbox.creatio.profile import Profile
from syncd.sandbox.creatio.rights import Seen
from syncd.sandbox.creatio.rows import TIMES, View
from syncd.sandbox.creatio.schema import SCHEMA, Column, Entity, Kind
from syncd.sandbox.creatio.values import Row, default_of, mssql_key

Getter = Callable[[Row], Any]
MAX_HOPS: Final = 2
SMALL: Final = 2000  # so many candidates are sorted outright rather than found by walking a time index
_ORDER = {"gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le}
_EDMS = {Kind.TEXT: ("Edm.String",), Kind.INT: ("Edm.Int32", "Edm.Decimal"), Kind.DECIMAL: ("Edm.Int32", "Edm.Decimal")}
_MATCHES: dict[str, Callable[[str, str], bool]] = {
    "contains": operator.contains, "startswith": str.startswith, "endswith": str.endswith,
}  # fmt: skip


class Torn(Exception):  # what happens to the reply, not an error of the sandbox
    """The reply breaks off after its headers: status 200 and half of a JSON body."""


@dataclass(frozen=True)
class _Path:
    hops: tuple[Column, ...]
    column: Column | None  # None: the path ends at the lookup itself

    @property
    def link(self) -> str | None:
        """The lookup whose GUID is the value of this path in the row itself, if it is just that."""
        if len(self.hops) == 1 and (self.column is None or self.column.name == "Id"):
            return self.hops[0].name
        return None


def first_steps(expr: Expr, entity: Entity) -> list[str]:
    """The columns of `entity` a filter starts from, lookups by their flat name."""
    if isinstance(expr, (Both, Either)):
        return [name for part in expr.parts for name in first_steps(part, entity)]
    if isinstance(expr, Not):
        return first_steps(expr.inner, entity)
    step = expr.path.partition("/")[0]
    return [entity.navs[step].name if step in entity.navs else step]


class Compiler:
    """Compiles filters and orders over one entity set for one reader."""

    def __init__(
        self, entity: Entity, view: View, profile: Profile, seen: Seen | None, rng: random.Random, *, counting: bool
    ) -> None:
        self.entity, self.view, self.profile, self.seen, self.rng = entity, view, profile, seen, rng
        self._counting = counting

    def search(self, expr: Expr | None) -> Search:
        return Search(self, expr)

    def path(self, text: str) -> _Path:
        """The columns a path goes through. Refused when there is no such property or it is too long."""
        entity, hops = self.entity, []
        *steps, last = text.split("/")
        for step in steps:
            if step not in entity.navs:
                raise unknown_property(step, entity.name)
            hops.append(entity.navs[step])
            entity = SCHEMA[entity.navs[step].target]
        if last in entity.navs:
            hops.append(entity.navs[last])
            column = None
        elif last in entity.columns:
            column = entity.columns[last]
        else:
            raise unknown_property(last, entity.name)
        if len(hops) > MAX_HOPS:
            raise bad_request(f"The path '{text}' is too deep.")
        if hops and column is not None and column.kind is Kind.INSTANT and not self.profile.nav_date_filter:
            raise no_such_column(text, self.entity.name)
        return _Path(tuple(hops), column)

    def getter(self, path: _Path) -> Getter:
        """Reads the value of a path from a row; None where a link on the way is null."""
        if path.link is not None:
            link = path.link
            return lambda row: row.get(link)
        steps, last = path.hops, path.column
        if last is None or (steps and last.name == "Id"):  # the link itself holds it
            steps, last = path.hops[:-1], path.hops[-1]
        name, default = last.name, default_of(last.kind)
        if not steps:
            return lambda row: row.get(name, default)
        tables = [(hop.name, self.view.rows(hop.target)) for hop in steps]

        def follow(row: Row) -> Any:
            at = row
            for link, rows in tables:
                linked = rows.get(at.get(link, ""))
                if linked is None:
                    return None
                at = linked
            return at.get(name, default)

        return follow

    def test(self, expr: Expr) -> Seen:
        """The filter as a function of a row."""
        if isinstance(expr, Both):
            return _all([self.test(part) for part in expr.parts])
        if isinstance(expr, Either):
            return _any([self.test(part) for part in expr.parts])
        if isinstance(expr, Not):
            inner = self.test(expr.inner)
            return lambda row: not inner(row)
        return self._match(expr) if isinstance(expr, Match) else self._compare(expr)

    def _fold(self, text: str) -> str:
        return text.lower() if self.profile.collation == "ci" else text

    def _match(self, expr: Match) -> Seen:
        path = self.path(expr.path)
        if path.column is None or path.column.kind is not Kind.TEXT:
            raise bad_request(f"No function signature for the function with name '{expr.function}' matches.")
        get, matches, text, fold = self.getter(path), _MATCHES[expr.function], self._fold(expr.text), self._fold
        return lambda row: (value := get(row)) is not None and matches(fold(value), text)

    def _compare(self, expr: Compare) -> Seen:
        path = self.path(expr.path)
        column = path.column
        if column is not None and column.kind is Kind.LOOKUP:
            return self._flat(expr, path, column)
        _require_types(expr, column)
        get, want = self.getter(path), expr.literal.value
        if want is None:
            return _null_test(expr, get, text=column is not None and column.kind is Kind.TEXT)
        if column is not None and column.kind is Kind.TEXT:
            fold, plain = self._fold, get
            want, get = fold(want), lambda row: None if (value := plain(row)) is None else fold(value)
        if expr.op == "eq":
            return lambda row: get(row) == want
        if expr.op == "ne":
            return lambda row: (value := get(row)) is not None and value != want
        order = _ORDER[expr.op]
        return lambda row: (value := get(row)) is not None and order(value, want)

    def _flat(self, expr: Compare, path: _Path, column: Column) -> Seen:
        """A lookup by its flat name: an error, or in the fork an error in some cases and half a reply in others."""
        if self.profile.flat_fk == "error500" or self._counting:
            raise no_such_column(expr.path, self.entity.name)
        if expr.op != "eq" or expr.literal.value is None:
            raise Torn
        _require_types(expr, column)
        get, want = self.getter(path), expr.literal.value
        return lambda row: get(row) == want

    def sort_key(self, text: str) -> Getter:
        """A key for sorting by a path; nulls first."""
        path = self.path(text)
        if path.column is None:
            raise bad_request(f"The $orderby expression '{text}' must evaluate to a single value.")
        if path.column.kind is Kind.LOOKUP:
            raise no_such_column(text, self.entity.name)
        get = self.getter(path)
        if path.column.kind is Kind.GUID:
            as_key = mssql_key if self.profile.guid_order == "mssql" else str
            return lambda row: "" if (value := get(row)) is None else as_key(value)
        if path.column.kind is Kind.TEXT:
            return lambda row: self._fold(get(row) or "")
        return lambda row: ((value := get(row)) is not None, value or 0)


def _require_types(expr: Compare, column: Column | None) -> None:
    literal = expr.literal
    if literal.edm == "null" or (column is not None and literal.edm in _EDMS.get(column.kind, (column.kind.edm,))):
        return
    kind = column.kind.edm if column is not None else "an entity"
    raise bad_request(
        "A binary operator with incompatible types was detected. "
        f"Found operand types '{kind}' and '{literal.edm}' for operator kind '{expr.op}'."
    )


def _null_test(expr: Compare, get: Getter, *, text: bool) -> Seen:
    if expr.op not in ("eq", "ne"):
        return lambda _row: False
    nothing = (None, "") if text else (None,)
    wanted = expr.op == "eq"
    return lambda row: (get(row) in nothing) is wanted


def _all(tests: Sequence[Seen]) -> Seen:
    return lambda row: all(test(row) for test in tests)


def _any(tests: Sequence[Seen]) -> Seen:
    return lambda row: any(test(row) for test in tests)


def _through(rows: Mapping[str, Row], key: Getter) -> Callable[[str], Any]:
    return lambda one: key(rows[one])


class Search:
    """The rows of one filter."""

    def __init__(self, compiler: Compiler, expr: Expr | None) -> None:
        self._compiler, self._expr = compiler, expr
        self._rows = compiler.view.rows(compiler.entity.name)
        self._table = compiler.view.indexed(compiler.entity.name)
        tests = [t for t in (compiler.test(expr) if expr is not None else None, compiler.seen) if t is not None]
        self._test = _all(tests) if len(tests) > 1 else tests[0] if tests else None
        self._some = self._probe(expr) if expr is not None and self._table is not None else None

    def matching(self) -> list[str]:
        """Ids of all rows that match, in no order to rely on."""
        rows, test = self._rows, self._test
        if test is None:
            return list(rows)
        if self._some is None:
            return [key for key, row in rows.items() if test(row)]
        return [key for key in self._some if key in rows and test(rows[key])]

    def ordered(self, order: Sequence[tuple[str, bool]], want: int | None) -> tuple[list[str], int]:
        """At least the first `want` matching ids in order, and how many match; with None both are complete."""
        keys = [(self._compiler.sort_key(path), desc) for path, desc in order]
        settled = order[-1][0] == "Id"
        few = self._some is not None and len(self._some) <= SMALL
        if order[0][0] in TIMES and self._table is not None and not few:
            return self._walk(order[0], keys[1:], want, settled=settled)
        found = self.matching()
        if not settled:
            self._compiler.rng.shuffle(found)
        return self._sorted(found, keys), len(found)

    def _sorted(self, ids: list[str], keys: Sequence[tuple[Getter, bool]]) -> list[str]:
        rows = self._rows
        for key, desc in reversed(keys):
            ids.sort(key=_through(rows, key), reverse=desc)
        return ids

    def _walk(
        self, first: tuple[str, bool], rest: Sequence[tuple[Getter, bool]], want: int | None, *, settled: bool
    ) -> tuple[list[str], int]:
        found: list[str] = []
        total, test, rows = 0, self._test, self._rows
        for group in self._groups(first):
            hits = group if test is None else [key for key in group if test(rows[key])]
            total += len(hits)
            if want is not None and len(found) >= want:
                break
            if len(hits) > 1:
                if not settled:
                    self._compiler.rng.shuffle(hits)
                hits = self._sorted(hits, rest)
            found.extend(hits)
        return found, total

    def _groups(self, key: tuple[str, bool]) -> Iterator[list[str]]:
        """Ids by equal time, in the direction asked for, within the filter's own bounds."""
        if self._table is None:
            return
        name, desc = key
        index = self._table.times[name]
        low, high = _bounds(self._expr, name, index)
        group: list[str] = []
        last: int | None = None
        for at in range(high - 1, low - 1, -1) if desc else range(low, high):
            ticks, one = index[at]
            if ticks != last and group:
                yield group
                group = []
            group.append(one)
            last = ticks
        if group:
            yield group

    def _probe(self, expr: Expr) -> list[str] | None:
        """Ids among which all matches are, from an index; None when no index helps."""
        if isinstance(expr, Both):
            found = [ids for part in expr.parts if (ids := self._probe(part)) is not None]
            return min(found, key=len) if found else None
        if isinstance(expr, Either):
            every = [self._probe(part) for part in expr.parts]
            if any(ids is None for ids in every):
                return None
            return list(dict.fromkeys(key for ids in every if ids is not None for key in ids))
        if not isinstance(expr, Compare) or self._table is None or expr.literal.value is None:
            return None
        if expr.path in TIMES:
            index = self._table.times[expr.path]
            low, high = _bounds(expr, expr.path, index)
            return [key for _, key in index[low:high]] if high - low < len(index) else None
        if expr.op != "eq":
            return None
        if expr.path == "Id":
            return [expr.literal.value]
        link = self._compiler.path(expr.path).link
        return self._table.linked(link, expr.literal.value) if link in self._table.links else None


def _bounds(expr: Expr | None, name: str, index: Sequence[tuple[int, str]]) -> tuple[int, int]:
    """The slice of a time index outside of which nothing can match."""
    low, high = 0, len(index)
    parts = expr.parts if isinstance(expr, Both) else (expr,)
    for part in parts:
        if not isinstance(part, Compare) or part.path != name or part.literal.value is None:
            continue
        before, after = bisect_left(index, (part.literal.value, "")), bisect_right(index, (part.literal.value, "\x7f"))
        if part.op in ("ge", "eq"):
            low = max(low, before)
        if part.op == "gt":
            low = max(low, after)
        if part.op in ("le", "eq"):
            high = min(high, after)
        if part.op == "lt":
            high = min(high, before)
    return low, max(low, high)
