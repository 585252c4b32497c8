"""A sandbox Google behind a real port, one user in it, and the adapter connected to it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from adapters.google import auth
from adapters.google.adapter import GooglePeople
from adapters.google.client import PeopleClient
from adapters.google.mapping import id_of
from adapters.http import HttpTransport
from syncd.core.contact import Field, Record, RecordId, ScopeId, Unit
from syncd.core.ports import Create, Ending, Interest, Page, ScopeWish
from syncd.core.step import Change, Why
from syncd.sandbox.faults import Rule
from syncd.sandbox.google.server import GoogleSandbox, User
from syncd.sandbox.shell import Served
from syncd.sandbox.wire import Clock

EMAIL = "ada@example.test"


@dataclass
class Read:
    """All pages of one reading, put together."""

    records: dict[RecordId, Record]
    gone: set[RecordId]
    renamed: list[tuple[RecordId, RecordId]]
    ending: Ending


@dataclass
class World:
    """The server, its only user, and everything on our side."""

    google: GoogleSandbox
    url: str
    clock: Clock
    transport: HttpTransport
    user: User
    secrets: auth.ClientSecrets
    refresh_token: str
    slept: list[float] = field(default_factory=list)

    def client(self, *, timeout: float = 5.0, patience: float = 90.0) -> PeopleClient:
        tokens = auth.user_tokens(self.secrets, self.refresh_token, self.transport)
        return PeopleClient(
            self.transport, tokens, endpoint=self.url, timeout=timeout, patience=patience, sleep=self.slept.append,
            rng=random.Random(7),
        )  # fmt: skip

    def adapter(self, *, timeout: float = 5.0, **options: Any) -> GooglePeople:
        return GooglePeople(self.client(timeout=timeout), sub=self.user.sub, email=EMAIL, **options)

    def fault(self, kind: str, target: str = "/v1/", **options: Any) -> None:
        self.google.faults.add(Rule(kind, target=target, **options))

    def executed(self, api: str) -> int:
        """How often the server carried this method out."""
        return self.google.calls[api]

    def received(self, path: str) -> int:
        """How often a request for this path came in, carried out or not."""
        return sum(1 for entry in self.google.log if path in entry["path"])

    def add(self, **person: Any) -> RecordId:
        """The user makes a contact by hand."""
        return ident(self.user.create(person))

    def named(self, id: RecordId) -> dict[str, Any]:
        """The contact as it truly is on the server."""
        return self.user.contacts[f"people/c{int(id, 16)}"]


def ident(resource: str) -> RecordId:
    """The record id in a resource name."""
    found = id_of(resource)
    assert found is not None
    return found


def interest(*scopes: ScopeId, custom: Sequence[str] = ()) -> Interest:
    """An interest in these groups and custom slots, by somebody who has read nothing yet."""
    return Interest(tuple(scopes), lambda _: set(), lambda: iter(()), tuple(custom))


def read(remote: GooglePeople, cursor: dict[str, Any] | None = None, *, want: Interest | None = None) -> Read:
    """A whole reading."""
    reading = remote.read(cursor, want or interest())
    pages: list[Page] = list(reading)
    records = {r.id: r for page in pages for r in page.records}
    gone = {i for page in pages for i in page.gone}
    return Read(records, gone, [r for page in pages for r in page.renamed], reading.ending)


def change(old: Unit | None, new: Unit | None) -> Change:
    """A change of one unit."""
    unit = new or old
    assert unit is not None
    return Change(unit.field, old, new, Why.CHANGED)


def person(given: str, *, scopes: Sequence[ScopeId] = (), anchor: str = "", **more: str) -> Create:
    """A contact to be made; `more` are other units by field name."""
    units = [Unit(Field.NAME, (given, "", ""))]
    units += [Unit(Field(name), (value,), "work") for name, value in more.items()]
    return Create(f"intent-{given}", None, anchor or f"1/t/{given}/i", tuple(units), tuple(scopes))


def units(record: Record, field: Field) -> list[Unit]:
    """The record's units of one field."""
    return [u for u in record.units if u.field is field]


@pytest.fixture
def world() -> Iterator[World]:
    """A fresh server with one user."""
    clock = Clock()
    google = GoogleSandbox(clock)
    user = google.add_user(EMAIL, "Ada")
    transport = HttpTransport()
    with Served(google.handle, clock) as served:
        secrets = auth.client_secrets(json.dumps(google.client_secrets(served.url)))
        token = google.issue_tokens(EMAIL)["refresh_token"]
        yield World(google, served.url, clock, transport, user, secrets, token)
    transport.close()


@pytest.fixture
def remote(world: World) -> GooglePeople:
    """The adapter, signed in as that user."""
    return world.adapter()


@pytest.fixture
def group(remote: GooglePeople) -> ScopeId:
    """The user's group `Creatio`."""
    return remote.resolve(ScopeWish("Creatio"))
