"""A Creatio, the adapter that talks to it, and the smallest store that keeps what readings say."""

from __future__ import annotations

import email.utils
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from adapters.creatio import Creatio, CreatioSettings
from adapters.http import HandlerTransport, Reply, Unanswered
from syncd.core.contact import Record, RecordId, ScopeId, Unit
from syncd.core.ports import Create, Done, Enter, Interest, KeyRow, Leave, Outcome, Update, Write
from syncd.core.step import Change, Why
from syncd.sandbox import wire
from syncd.sandbox.creatio import CreatioSandbox, Profile
from syncd.sandbox.creatio.friendly import add_contact
from syncd.sandbox.faults import Rule

START = 1_795_000_000.0
URL = "http://creatio.sandbox"


def mount(crm: CreatioSandbox) -> HandlerTransport:
    """The server as a transport, what the network does to its replies acted out."""

    def handle(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        reply = crm.handle(wire.Request(method, target, headers, body or b""), crm.clock)
        if reply.cut in (wire.Cut.DROP, wire.Cut.RESET, wire.Cut.TRUNCATE, wire.Cut.HANG):
            raise Unanswered(reply.cut.value)
        raw = reply.body[: len(reply.body) // 2] if reply.cut is wire.Cut.TRUNCATE_SILENT else reply.body
        heads = {k.lower(): v for k, v in reply.headers if k.lower() != "set-cookie"}
        heads["date"] = wire_date(crm.clock.now())
        return Reply(reply.status, heads, raw, tuple(v for k, v in reply.headers if k.lower() == "set-cookie"))

    return HandlerTransport(handle, wall=crm.clock.now)


def wire_date(seconds: float) -> str:
    """A `Date` header."""
    return email.utils.formatdate(seconds, usegmt=True)


@dataclass
class Pull:
    """One reading, promoted."""

    records: dict[str, Record] = field(default_factory=dict)
    keys: list[KeyRow] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    listed: tuple[str, ...] = ()
    snapshot: bool = False
    requests: int = 0


@dataclass
class World:
    """`bodies`, `members` and `cursor` are what a store would hold."""

    crm: CreatioSandbox
    remote: Creatio
    scopes: tuple[ScopeId, ...] = ()
    bodies: dict[str, Record] = field(default_factory=dict)
    members: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    cursor: dict[str, Any] | None = None
    custom: tuple[str, ...] = ()
    tag: str = ""

    # the CRM's people

    def add(self, *, tagged: bool = True, **shape: Any) -> str:
        """A contact, by default under Anna's tag."""
        shape = {"Name": "Bob Brown", "GivenName": "Bob", "Surname": "Brown"} | shape
        return add_contact(self.crm, ({"tags": [self.tag]} if tagged else {}) | shape)

    def later(self, seconds: float = 60.0) -> None:
        self.crm.clock.advance(seconds)

    def rows(self, contact: str, set_: str = "ContactCommunication") -> list[dict[str, Any]]:
        """The detail rows of a contact, as they are in the CRM."""
        return self.crm.children(set_, "EntityId" if set_ == "ContactInTag" else "ContactId", contact)

    def fault(self, kind: str, **rule: Any) -> None:
        self.crm.faults.add(Rule(kind, **rule))

    # the engine

    def interest(self, *, fresh: bool = False) -> Interest:
        return Interest(
            self.scopes,
            lambda ids: {RecordId(i) for i in ids if i in self.bodies},
            lambda: iter([RecordId(i) for i in self.bodies]),
            self.custom,
            fresh,
        )

    def pull(self, *, fresh: bool = False, full: bool = False) -> Pull:
        """Read, and promote what was read as the store does."""
        before = self.remote.requests
        reading = self.remote.read(None if full else self.cursor, self.interest(fresh=fresh))
        pages = list(reading)
        ending = reading.ending
        pull = Pull(listed=ending.listed, snapshot=ending.snapshot, requests=self.remote.requests - before)
        if pages and ending.listed:
            self.members = {k: v for k, v in self.members.items() if k[0] not in ending.listed}
        for page in pages:
            pull.keys += page.keys
            pull.gone += page.gone
            pull.records |= {record.id: record for record in page.records}
            self.members |= {(m.scope, m.record): m.rows for m in page.members}
        self.bodies |= pull.records
        for gone in pull.gone:
            self.bodies.pop(gone, None)
            self.members = {k: v for k, v in self.members.items() if k[1] != gone}
        self.cursor = ending.cursor
        return pull

    def settle(self) -> None:
        """Let the overlap pass, so that readings have nothing left to look at twice."""
        self.later(600)
        self.pull()
        self.later(600)
        self.pull()

    def send(self, *writes: Write) -> tuple[Outcome, ...]:
        """Split, send, all outcomes in order."""
        return tuple(outcome for call in self.remote.split(writes) for outcome in self.remote.send(call))

    def sent(self, write: Write) -> Record:
        """Send one write that must succeed; its read-back."""
        (outcome,) = self.send(write)
        assert isinstance(outcome, Done), outcome
        assert outcome.record is not None
        return outcome.record

    def member(self, contact: str) -> bool:
        return any(record == contact for _, record in self.members)


def create(id: str, units: Sequence[Unit], scopes: Iterable[str] = (), owner: str = "") -> Create:
    """A create with the id as intent."""
    return Create(f"intent-{id}", RecordId(id), "", tuple(units), tuple(ScopeId(s) for s in scopes), owner)


def update(record: Record, *changes: tuple[Unit | None, Unit | None], intent: str = "") -> Update:
    """An update by pairs of old and new units."""
    made = tuple(Change((new or old).field, old, new, Why.CHANGED) for old, new in changes if new or old)  # type: ignore[union-attr]  # one of them is there
    return Update(record, made, intent)


def enter(contact: str, scope: str) -> Enter:
    """Put under a tag."""
    return Enter(RecordId(contact), ScopeId(scope), f"enter-{contact}")


def leave(contact: str, scope: str, *rows: str) -> Leave:
    """Take from under a tag."""
    return Leave(RecordId(contact), ScopeId(scope), rows)


def make_remote(world: World) -> Creatio:
    """Another process that signs in to the same CRM."""
    settings = CreatioSettings(URL, username="Supervisor", password="Supervisor")
    return Creatio(settings, mount(world.crm), sleep=world.crm.clock.advance, monotonic=world.crm.clock.now)


def make_world(profile: Profile | None = None, **settings: Any) -> World:
    """A Creatio where Anna has the private tag “Google”, and an adapter that signs in as the Supervisor."""
    crm = CreatioSandbox(wire.Clock(START, freeze=True), profile or Profile())
    crm.add_user("anna", "anna-secret", contact_name="Anna Adams", email="anna@crm.test")
    tag = crm.add_tag("Google", "anna")
    crm.add_client("client", "client-secret", "Supervisor")
    given = {"url": URL, "username": "Supervisor", "password": "Supervisor", "client_id": "client"}
    remote = Creatio(
        CreatioSettings(**{**given, "client_secret": "client-secret", **settings}),
        mount(crm),
        sleep=crm.clock.advance,
        monotonic=crm.clock.now,
        rng=random.Random(1),
    )
    return World(crm, remote, (ScopeId(tag),), tag=tag)
