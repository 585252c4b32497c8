"""Both sandboxes over HTTP, a configuration, processes that may die, and a start to which all of it can be put back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import sqlalchemy as sa

from syncd.app import App
from syncd.cli.demo.stage import ANNA, SCOPES, Player, Stage
from syncd.config import load
from syncd.sandbox.creatio.seed import COMMUNICATION_TYPES
from syncd.sandbox.google.users import User
from tests.kill.database import SqliteFile, StateDatabase
from tests.kill.forkserver import At, Child, ForkServer, Ran
from tests.kill.snapshot import Sandboxes

HOLD_OFF = 1_000.0
"""Longer than a dead process's lease (300 s) and than an unanswered create may still come true (Google: 900 s)."""
KINDS = {kind: name for name, kind in COMMUNICATION_TYPES.items()}
Person = tuple[Any, ...]
"""A contact in words, without ids."""


@dataclass(frozen=True)
class Snapshot:
    """A moment of the whole world."""

    at: float
    sandboxes: bytes
    state: Any


@dataclass(frozen=True)
class Shown:
    """What people see on both sides. Contacts in words, each with whether it is in scope; and what groups there are."""

    crm: tuple[Person, ...]
    google: tuple[Person, ...]
    accounts: tuple[str, ...]
    groups: tuple[str, ...]

    @property
    def values(self) -> frozenset[str]:
        """Every text that a person wrote into some contact."""
        return frozenset(_texts((self.crm, self.google)))


@dataclass
class KillWorld(Stage):
    """A stage without a daemon: one process a sync. Time is that of the servers and of the processes alike."""

    forks: ForkServer | None = None
    database: StateDatabase | None = None
    players: tuple[Player, ...] = (ANNA,)
    offset: float = field(default=0.0, init=False)

    def __enter__(self) -> Self:
        self._database = self.database or SqliteFile(self.folder / "syncd.db")
        self.state_url = self._database.url
        super().__enter__()
        nowhere = str(self.folder / "no-such-file")  # nothing here speaks TLS, and loading the system's roots is slow
        self._environ = {"SYNCD_CONFIG": str(self.folder / "syncd.toml")}
        self._environ |= {"SSL_CERT_FILE": nowhere, "SSL_CERT_DIR": nowhere}
        shared = self.crm.add_tag("Staff", None, "corporate")
        for player in self.players:  # no CRM is without any row in a tag, and one that shows none has lost a right
            self.crm.tag(self.crm.users[player.account].contact_id, shared)
        self._sandboxes = Sandboxes(self.google, self.crm)
        self._connect()
        return self

    def _connect(self) -> None:
        with App.open(load(self.folder / "syncd.toml", self._environ)) as app:
            for player in self.players:
                tokens = self.google.issue_tokens(player.email, SCOPES)
                client = self.google.client_secrets(self.google_http.url)["installed"]
                body = {k: client[k] for k in ("client_id", "client_secret", "token_uri")}
                body |= {"type": "authorized_user", "refresh_token": tokens["refresh_token"]}
                path = self.folder / f"{player.account}.json"
                path.write_text(json.dumps(body))
                app.connector(player.account).import_credentials(path)

    @property
    def _forks(self) -> ForkServer:
        if self.forks is None:
            raise RuntimeError("this world has no fork server")
        return self.forks

    # -------------------------------------------------------------------------------------------- syncs

    def warm(self) -> None:
        """Make the processes to come start quickly; the world is as it was."""
        start = self.snapshot()
        self._forks.warm(self.folder / "syncd.toml", self._environ, self.offset)
        self.put_back(start)

    @contextmanager
    def process(self, at: At | None = None) -> Iterator[Child]:
        """A syncd process, which dies at that step."""
        with self._forks.syncd(self.folder / "syncd.toml", self._environ, self.offset, at) as child:
            yield child

    def sync_once(self, at: At | None = None, meanwhile: Callable[[Child], None] | None = None) -> Ran:
        """One sync by a process of its own; `meanwhile` may meddle with the process once it has begun."""
        with self.process(at) as child:
            return child.sync(lambda: None if meanwhile is None else meanwhile(child))

    # -------------------------------------------------------------------------------------------- time

    def now(self) -> float:
        return time.time() + self.offset

    def later(self, seconds: float) -> None:
        """Time passes everywhere."""
        self.offset += seconds
        for clock in (self.clock, self.crm_clock):
            clock.advance(seconds)

    def snapshot(self) -> Snapshot:
        """The whole world as it is now. No process may be running."""
        return Snapshot(self.now(), self._sandboxes.taken(), self._database.taken())

    def put_back(self, snapshot: Snapshot) -> None:
        """The world as it was, at the time it was."""
        self._sandboxes.put_back(snapshot.sandboxes)
        self._database.put_back(snapshot.state)
        self.later(snapshot.at - self.now())

    # -------------------------------------------------------------------------------------------- looking

    @property
    def phone(self) -> User:
        """Anna's Google Contacts, as Anna holds them in her hand."""
        return self.google.user(ANNA.email)

    def shown(self) -> Shown:
        names = {resource: str(group["name"]) for resource, group in self.phone.groups.items()}
        accounts = (str(row["Name"]) for row in self.crm.dump()["Account"])
        return Shown(
            tuple(sorted(self._of_crm(), key=repr)),
            tuple(sorted((_of_google(p, names) for p in self.phone.contacts.values()), key=repr)),
            tuple(sorted(accounts)),
            tuple(sorted(names.values())),
        )

    def _of_crm(self) -> Iterator[Person]:
        staff = {user.contact_id for user in self.crm.users.values()}
        tag = self.tags[ANNA.account]
        for row in self.crm.dump()["Contact"]:
            contact = self.crm.contact(row["Id"]) if row["Id"] not in staff else None
            if contact is None:
                continue
            numbers = sorted((KINDS[r["CommunicationTypeId"]], r["Number"]) for r in contact["communications"])
            addresses = sorted((r["AddressTypeId"], r["Address"]) for r in contact["addresses"])
            plain = tuple(contact[c] for c in ("Name", "GivenName", "Surname", "JobTitle", "BirthDate", "Notes"))
            yield (*plain, tuple(numbers), tuple(addresses), contact["tags"].count(tag))

    def everything(self) -> object:
        """All that the servers hold, with ids, stamps and versions: equal only where nobody wrote anything."""
        return self.crm.dump(), {user.email: (user.contacts, user.groups) for user in self.google.users}

    def remembered(self) -> str:
        """All that the history has of values, as one text."""
        engine = self._database.engine()
        try:
            with engine.connect() as connection:
                rows = connection.execute(sa.text("SELECT old, new FROM history")).all()
        finally:
            engine.dispose()
        return "\n".join(json.dumps(json.loads(v), ensure_ascii=False) for row in rows for v in row if v is not None)


def _of_google(person: dict[str, Any], groups: dict[str, str]) -> Person:
    name = (person.get("names") or [{}])[0]
    job = (person.get("organizations") or [{}])[0]
    lists = (
        tuple(sorted((str(i.get("type", "")), str(i.get("value", ""))) for i in person.get(f, ())))
        for f in ("emailAddresses", "phoneNumbers", "urls", "biographies")
    )
    streets = tuple(sorted(str(i.get("streetAddress", "")) for i in person.get("addresses", ())))
    markers = sum(i["key"] == "syncd" for i in person.get("clientData", ()))
    born = tuple(sorted((person.get("birthdays") or [{}])[0].get("date", {}).items()))
    inside = tuple(sorted(groups.get(g, g) for g in person["memberships"]))
    title = tuple(job.get(k, "") for k in ("name", "title", "department"))
    return (name.get("givenName", ""), name.get("familyName", ""), *lists, streets, title, born, markers, inside)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _texts(part)
