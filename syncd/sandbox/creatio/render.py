"""Rows as the JSON the server writes: column order, encodings, context URLs, expanded objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from syncd.sandbox.creatio.profile import Profile
from syncd.sandbox.creatio.rights import User, can_read, seen_rows
from syncd.sandbox.creatio.rows import View
from syncd.sandbox.creatio.schema import SCHEMA, Column, Entity, Kind
from syncd.sandbox.creatio.shape import Expand
from syncd.sandbox.creatio.values import Row, to_wire


@dataclass(frozen=True)
class Renderer:
    """Writes rows for one reader. `root` is the service root without a trailing slash."""

    view: View
    profile: Profile
    user: User
    root: str
    text_decimals: bool = False  # IEEE754Compatible=true

    def context(self, entity: str, select: Sequence[str] = (), *, single: bool = False) -> str:
        columns = f"({','.join(select)})" if select else ""
        return f"{self.root}/$metadata#{entity}{columns}{'/$entity' if single else ''}"

    def rows(
        self, entity: Entity, rows: Sequence[Row], select: Sequence[str] = (), expand: Sequence[Expand] = ()
    ) -> list[dict[str, Any]]:
        """The rows as JSON objects."""
        columns = [entity.columns[name] for name in select] if select else list(entity.columns.values())
        blank = _blank(columns)
        streams = [c.name for c in columns if c.kind is Kind.STREAM]
        decimals = [c.name for c in columns if c.kind is Kind.DECIMAL and self.text_decimals]
        shown = [_row(entity, blank, row, streams, decimals) for row in rows]
        if expand:
            for row, body in zip(rows, shown, strict=True):
                self._expand(entity, row, body, expand)
        return shown

    def one(
        self, entity: Entity, row: Row, select: Sequence[str] = (), expand: Sequence[Expand] = ()
    ) -> dict[str, Any]:
        return self.rows(entity, [row], select, expand)[0]

    def _expand(self, entity: Entity, row: Row, body: dict[str, Any], expand: Sequence[Expand]) -> None:
        for item in expand:
            target = SCHEMA[item.target]
            if item.many:
                body[item.name] = self.rows(target, self._children(entity, row, item), item.select, item.inner)
                continue
            linked = self.linked(entity, row, item.name)
            if linked is not None:
                body[item.name] = self.one(target, linked, item.select, item.inner)
            elif self.profile.expand_null == "null":
                body[item.name] = None

    def linked(self, entity: Entity, row: Row, nav: str) -> Row | None:
        """The row a lookup points at, if there is one and the reader may see it."""
        column = entity.navs[nav]
        found = self.view.rows(column.target).get(row.get(column.name, ""))
        return found if found is not None and self._sees(column.target, found) else None

    def _sees(self, entity: str, row: Row) -> bool:
        if not can_read(self.user, entity, self.profile):
            return False
        seen = seen_rows(self.user, entity, self.profile, self.view)
        return seen is None or seen(row)

    def _children(self, entity: Entity, row: Row, item: Expand) -> list[Row]:
        name, column = entity.reverses[item.name]
        rows = self.view.rows(name)
        table = self.view.indexed(name)
        if table is not None and column.name in table.links:
            found = [rows[key] for key in table.linked(column.name, row["Id"])]
        else:
            found = [child for child in rows.values() if child.get(column.name) == row["Id"]]
        return [child for child in found if self._sees(name, child)]


def _row(
    entity: Entity, blank: dict[str, Any], row: Row, streams: Sequence[str], decimals: Sequence[str]
) -> dict[str, Any]:
    """The row over what a row of nulls looks like: stored rows are sparse, so this is most of the work saved."""
    body = blank.copy()
    for name, value in row.items():
        if name in blank:
            body[name] = to_wire(entity.columns[name], value)
    for name in streams:
        body |= _stream_links(entity.name, name, row["Id"])
    for name in decimals:
        body[name] = str(body[name])
    return body


def _blank(columns: Sequence[Column]) -> dict[str, Any]:
    """A row of nulls. A stream has no value of its own, only links; their places are kept."""
    blank: dict[str, Any] = {}
    for column in columns:
        if column.kind is Kind.STREAM:
            blank |= dict.fromkeys(_stream_links("", column.name, ""), "")
        else:
            blank[column.name] = to_wire(column, None)
    return blank


def _stream_links(entity: str, name: str, key: str) -> dict[str, str]:
    link = f"{entity}({key})/{name}"
    return {
        f"{name}@odata.mediaEditLink": link,
        f"{name}@odata.mediaReadLink": link,
        f"{name}@odata.mediaContentType": "application/octet-stream",
    }
