"""One OData request: which resource it names, what happens to it, what is answered. No sign-in, no $batch."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from syncd.sandbox.creatio.errors import ODATA_JSON, ODATA_VERSION, Cancelled, Refused, bad_request, not_found
from syncd.sandbox.creatio.metadata import metadata_xml, service_document
from syncd.sandbox.creatio.predicate import Compiler, Torn
from syncd.sandbox.creatio.profile import Profile
from syncd.sandbox.creatio.query import parse_query, read_options, run_query
from syncd.sandbox.creatio.render import Renderer
from syncd.sandbox.creatio.rights import User, can_read, require_write, seen_rows
from syncd.sandbox.creatio.rows import Store, View
from syncd.sandbox.creatio.saving import Actor, Saver
from syncd.sandbox.creatio.schema import SCHEMA, Column, Entity, Kind
from syncd.sandbox.creatio.shape import parse_expand, parse_select
from syncd.sandbox.creatio.values import GUID, Row, to_wire
from syncd.sandbox.wire import Reply, json_reply

MAX_STREAM = 10 << 20
_KEYED = re.compile(r"([^()/]+)\(([^()]*)\)")
_NO_ROUTE = "No HTTP resource was found that matches the request URI '{}'."


@dataclass(frozen=True)
class Call:
    """One request to a resource, alone or as a part of a batch. `resource` is the decoded path after the root."""

    method: str
    resource: str
    query: Sequence[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    user: User
    now: float  # of the application server that answers
    seen_at: float  # of the database: what is committed by then is seen
    root: str
    in_batch: bool = False


@dataclass
class Warnings:
    """What the server put up with that others do not."""

    unselected: int = 0


@dataclass
class Service:
    """The OData service over a store."""

    store: Store
    saver: Saver
    rng: random.Random
    warnings: Warnings = field(default_factory=Warnings)

    def execute(self, call: Call) -> Reply:
        """Carry out one call; a refusal leaves nothing behind."""
        try:
            with self.store.transaction():
                return self._route(call)
        except Refused as refused:
            return refused.reply()
        except Torn:
            whole = b'{"@odata.context":"' + call.root.encode() + b'/$metadata#","value":[{"Id":"0000'
            return Reply(200, whole, (("Content-Type", ODATA_JSON), ODATA_VERSION))

    def _route(self, call: Call) -> Reply:
        first, *rest = call.resource.strip("/").split("/")
        if first == "":
            return _json(200, service_document(call.root))
        if first == "$metadata":
            return Reply(200, metadata_xml(), (("Content-Type", "application/xml"), ODATA_VERSION))
        keyed = _KEYED.fullmatch(first)
        name, key = (keyed[1], keyed[2]) if keyed else (first, None)
        if key is None and call.in_batch and rest and rest[0] != "$count":
            key, *rest = rest
        if name not in SCHEMA:
            return _no_route(call, name)
        entity = SCHEMA[name]
        if key is None:
            return self._collection(call, entity, rest)
        if not GUID.fullmatch(key):
            raise Refused(self._profile.bad_key_status, f"The key value '{key}' is not valid.")
        return self._resource(call, entity, key.lower(), rest)

    @property
    def _profile(self) -> Profile:
        return self.saver.profile

    # collections

    def _collection(self, call: Call, entity: Entity, rest: list[str]) -> Reply:
        if rest == ["$count"]:
            return self._count(call, entity) if call.method == "GET" else _wrong_verb("GET")
        if rest:
            return _no_route(call, entity.name)
        if call.method == "GET":
            return self._list(call, entity)
        if call.method == "POST":
            return self._insert(call, entity)
        return _wrong_verb("GET, POST")

    def _compiler(self, call: Call, entity: Entity, *, counting: bool) -> Compiler:
        view = View(self.store, call.seen_at)
        seen = seen_rows(call.user, entity.name, self._profile, view)
        if not can_read(call.user, entity.name, self._profile):
            seen = _none
        return Compiler(entity, view, self._profile, seen, self.rng, counting=counting)

    def _count(self, call: Call, entity: Entity) -> Reply:
        query = parse_query(entity, read_options(call.query), self._profile)
        found = self._compiler(call, entity, counting=True).search(query.where).matching()
        mark = "\ufeff" if self._profile.count_bom else ""
        return Reply(200, f"{mark}{len(found)}".encode(), (("Content-Type", "text/plain"), ODATA_VERSION))

    def _list(self, call: Call, entity: Entity) -> Reply:
        query = parse_query(entity, read_options(call.query), self._profile)
        self.warnings.unselected += bool(query.unselected and self._profile.select_what_you_filter == "warn")
        compiler = self._compiler(call, entity, counting=query.count)
        page = run_query(query, compiler, self._profile, self.rng)
        rows = compiler.view.rows(entity.name)
        writer = self._renderer(call, compiler.view)
        body: dict[str, Any] = {"@odata.context": writer.context(entity.name, query.select)}
        if page.total is not None:
            body["@odata.count"] = page.total
        body["value"] = writer.rows(entity, [rows[key] for key in page.ids], query.select, query.expand)
        if page.more and self._profile.next_link:
            body["@odata.nextLink"] = _next_link(call, entity, query.skip + len(page.ids))
        return _json(200, body)

    def _renderer(self, call: Call, view: View) -> Renderer:
        ieee = "ieee754compatible=true" in call.headers.get("accept", "").lower()
        return Renderer(view, self._profile, call.user, call.root, ieee)

    def _insert(self, call: Call, entity: Entity) -> Reply:
        changes = self.saver.decode(entity, self._json_body(call))
        require_write(call.user, "insert", entity.name, self._profile)
        actor = Actor(call.user, call.now)
        changes["Id"] = changes.get("Id") or self.saver.new_id()
        try:
            with self.store.transaction():
                row = self.saver.insert(entity.name, changes, actor)
        except Cancelled:
            row = self._cancelled(changes)
        writer = self._renderer(call, View(self.store, call.seen_at))
        body = {"@odata.context": writer.context(entity.name, single=True)} | writer.one(entity, row)
        return _json(201, body, ("Location", f"{call.root}/{entity.name}({row['Id']})"))

    def _cancelled(self, changes: Row) -> Row:
        """A save that was silently cancelled: on most sites the answer looks like a success."""
        if self._profile.cancelled_duplicate != "201":
            raise Refused(int(self._profile.cancelled_duplicate), "The save was cancelled by an event handler.")
        return changes

    def _json_body(self, call: Call) -> dict[str, Any]:
        kind = call.headers.get("content-type", "").strip().lower()
        if not kind.startswith("application/json") and not (call.in_batch and not kind and self._lenient):
            raise Refused(self._profile.bad_body_status, f"The media type '{kind}' is not supported.")
        try:
            body = json.loads(call.body)
        except ValueError as error:
            raise Refused(self._profile.bad_body_status, "The request body is not valid JSON.") from error
        if not isinstance(body, dict):
            raise Refused(400, "The request is invalid. The body must be an entity.")
        return body

    @property
    def _lenient(self) -> bool:
        return bool(self._profile.batch_part_type == "lenient")

    # single resources

    def _resource(self, call: Call, entity: Entity, key: str, rest: list[str]) -> Reply:
        if rest:
            return self._inside(call, entity, key, rest)
        acts: dict[str, Callable[[Call, Entity, str], Reply]] = {
            "GET": self._read,
            "PATCH": self._update,
            "DELETE": self._delete,
        }
        if call.method not in acts:
            return _wrong_verb("GET, PATCH, DELETE")
        return acts[call.method](call, entity, key)

    def _seen(self, call: Call, entity: Entity, key: str, view: View) -> Row:
        """The row, if it is there and the caller may see it. Refused 404 otherwise."""
        row = view.rows(entity.name).get(key)
        if row is None or not can_read(call.user, entity.name, self._profile):
            raise not_found()
        seen = seen_rows(call.user, entity.name, self._profile, view)
        if seen is not None and not seen(row):
            raise not_found()
        return row

    def _read(self, call: Call, entity: Entity, key: str) -> Reply:
        options = read_options(call.query)
        if not options.keys() <= {"$select", "$expand"}:
            raise bad_request("Only $select and $expand apply to a single entity.")
        select = parse_select(entity, options.get("$select"))
        expand = parse_expand(entity, options.get("$expand"), self._profile)
        view = View(self.store, call.seen_at)
        row = self._seen(call, entity, key, view)
        writer = self._renderer(call, view)
        head = {"@odata.context": writer.context(entity.name, select, single=True)}
        return _json(200, head | writer.one(entity, row, select, expand))

    def _update(self, call: Call, entity: Entity, key: str) -> Reply:
        changes = self.saver.decode(entity, self._json_body(call))
        require_write(call.user, "update", entity.name, self._profile)
        try:
            self._seen(call, entity, key, View(self.store, call.seen_at))
        except Refused as missing:
            if self._profile.patch_missing_status == missing.status:
                raise
            return _missing_patch(self._profile.patch_missing_status)
        try:
            with self.store.transaction():
                self.saver.update(entity.name, key, changes, Actor(call.user, call.now))
        except Cancelled:
            self._cancelled({})
        return _empty()

    def _delete(self, call: Call, entity: Entity, key: str) -> Reply:
        require_write(call.user, "delete", entity.name, self._profile)
        self._seen(call, entity, key, View(self.store, call.seen_at))
        self.saver.delete(entity.name, key, Actor(call.user, call.now))
        return _empty()

    # inside an entity

    def _inside(self, call: Call, entity: Entity, key: str, rest: list[str]) -> Reply:
        view = View(self.store, call.seen_at)
        row = self._seen(call, entity, key, view)
        name, *more = rest
        column = entity.columns.get(name)
        if column is not None and column.kind is Kind.STREAM and not more:
            return self._stream(call, entity, row, column)
        if call.method != "GET":
            return _wrong_verb("GET")
        writer = self._renderer(call, view)
        if column is not None and more in ([], ["$value"]):
            return _property(writer, entity, row, column, raw=bool(more))
        if name in entity.navs and not more:
            return self._linked(writer, entity, row, name)
        if name in entity.reverses and not more and self._profile.reverse_expand:
            child = SCHEMA[entity.reverses[name][0]]
            link = entity.reverses[name][1].name
            rows = [r for r in view.rows(child.name).values() if r.get(link) == key]
            return _json(200, {"@odata.context": writer.context(child.name), "value": writer.rows(child, rows)})
        return _no_route(call, entity.name)

    def _linked(self, writer: Renderer, entity: Entity, row: Row, nav: str) -> Reply:
        linked = writer.linked(entity, row, nav)
        if linked is None:
            return _empty()
        target = SCHEMA[entity.navs[nav].target]
        return _json(200, {"@odata.context": writer.context(target.name, single=True)} | writer.one(target, linked))

    def _stream(self, call: Call, entity: Entity, row: Row, column: Column) -> Reply:
        if call.method == "GET":
            return Reply(200, row.get(column.name, b""), (("Content-Type", "application/octet-stream"),))
        if call.method != "PUT":
            return _wrong_verb("GET, PUT")
        require_write(call.user, "update", entity.name, self._profile)
        if len(call.body) > MAX_STREAM:
            raise Refused(413, "The file is larger than the maximum size.")
        self.saver.alter(entity.name, row["Id"], {column.name: call.body}, Actor(call.user, call.now))
        return _empty()


def _none(_row: Row) -> bool:
    return False


def _json(status: int, body: object, *headers: tuple[str, str]) -> Reply:
    return json_reply(status, body, ODATA_VERSION, *headers, content_type=ODATA_JSON)


def _empty() -> Reply:
    return Reply(204, b"", (ODATA_VERSION,))


def _missing_patch(status: int) -> Reply:
    return _empty() if status == 204 else Refused(status, "Item not found").reply()  # No Content


def _wrong_verb(allow: str) -> Reply:
    message = {"Message": "The requested resource does not support this HTTP method."}
    return json_reply(405, message, ("Allow", allow))


def _no_route(call: Call, name: str) -> Reply:
    detail = f"No type was found that matches the controller named '{name}'."
    return json_reply(404, {"Message": _NO_ROUTE.format(f"{call.root}/{call.resource}"), "MessageDetail": detail})


def _property(writer: Renderer, entity: Entity, row: Row, column: Column, *, raw: bool) -> Reply:
    value = to_wire(column, row.get(column.name))
    if raw:
        return Reply(200, f"\ufeff{value}".encode(), (("Content-Type", "text/plain"), ODATA_VERSION))
    context = f"{writer.root}/$metadata#{entity.name}({row['Id']})/{column.name}"
    return _json(200, {"@odata.context": context, "value": value})


def _next_link(call: Call, entity: Entity, skip: int) -> str:
    kept = [(name, value) for name, value in call.query if name not in ("$skip", "$top")]
    return f"{call.root}/{entity.name}?{urlencode([*kept, ('$skip', str(skip))])}"
