"""The stage with what end-to-end tests need: a daemon asked over its socket, edits as users make them, plain views."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import signal
import sqlite3
import subprocess
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from syncd.app import App
from syncd.cli.demo.stage import ANNA, SCOPES, START_SECONDS, Player, Stage
from syncd.config import Config, load
from syncd.core.contact import Side
from syncd.sandbox.creatio.seed import COMMUNICATION_TYPES
from syncd.sandbox.google.users import User
from syncd.sandbox.wire import Clock, Reply, Request
from tests.e2e.nursery import Nursery

FAR = 86_400.0
KINDS = {kind: name for name, kind in COMMUNICATION_TYPES.items()}
GOOGLE_WRITES = frozenset({
    *("people.createContact", "people.updateContact", "people.deleteContact", "people.batchCreateContacts"),
    *("people.batchUpdateContacts", "people.batchDeleteContacts", "people.updateContactPhoto"),
    *("people.deleteContactPhoto", "contactGroups.create", "contactGroups.update", "contactGroups.delete"),
    "contactGroups.members.modify",
})  # fmt: skip
Row = dict[str, Any]


@dataclass
class World(Stage):
    """A stage whose daemon does nothing unasked: accounts and CRM are due tomorrow.

    What the daemon begins by itself after a run (its own echoes make accounts due) is waited for by `sync`.
    """

    nursery: Nursery | None = None
    players: tuple[Player, ...] = (ANNA,)
    daemon_lines: str = 'interval = "24h"'
    heard: deque[tuple[str, Request, Reply]] = field(default_factory=lambda: deque(maxlen=2_000), init=False)
    _pid: int | None = field(default=None, init=False)

    # -------------------------------------------------------------------------------------------- beginning

    def open_app(self) -> App:
        return App.open(self.config)

    def __enter__(self) -> Self:
        super().__enter__()
        shared = self.crm.add_tag("Staff", None, "corporate")
        for player in self.players:  # no CRM is without any row in a tag, and one that shows none has lost a right
            self.crm.tag(self.crm.users[player.account].contact_id, shared)
        return self

    def begin(self, *, settled: bool = True) -> None:
        """Connect every player and start the daemon; `settled`: after a first sync, in which groups were made."""
        with self.open_app() as app:
            for player in self.players:
                self.import_grant(app, player)
            if settled:
                for report in app.sync():
                    assert report.outcome == "ok", report
            self._postpone(app)
        self.start_daemon()

    def import_grant(self, app: App, player: Player) -> None:
        """What `syncd connect --credentials` does, without a process of its own."""
        tokens = self.google.issue_tokens(player.email, SCOPES)
        client = self.google.client_secrets(self.google_http.url)["installed"]
        body = {"type": "authorized_user", "refresh_token": tokens["refresh_token"], "token_uri": client["token_uri"]}
        path = self.folder / f"{player.account}.json"
        path.write_text(json.dumps(body | {k: client[k] for k in ("client_id", "client_secret")}))
        app.connector(player.account).import_credentials(path)

    def _postpone(self, app: App) -> None:
        due = time.time() + FAR
        for source in app.crm_sources():
            app.store.source(source, Side.CRM)
            app.store.set_due(source, due, 0)
        for row in app.store.accounts():
            app.store.set_account_due(row.name, due, row.next_due)

    # -------------------------------------------------------------------------------------------- processes

    @functools.cached_property
    def config(self) -> Config:
        """As the files say at the first look; `reconfigure` writes them anew."""
        return load(self.folder / "syncd.toml", self.environ)

    def reconfigure(self, **account_lines: str) -> None:
        """The operator changes accounts in the file; the daemon knows at its next start or reload."""
        self.account_lines = {**self.account_lines, **account_lines}
        (self.folder / "syncd.toml").write_text(self.toml())
        vars(self).pop("config", None)

    def start_daemon(self) -> None:
        log = self.folder / "daemon.log"
        args = ("--log-format", "json", "run")
        self._pid = self._nursery.start(args, self.environ, log, log, None)
        give_up = time.monotonic() + START_SECONDS
        while not self.daemon_answers():
            if self._nursery.ended(self._pid) is not None or time.monotonic() > give_up:
                raise RuntimeError(f"the daemon did not start: {self.daemon_log()[-2000:]}")
            time.sleep(0.01)

    def stop_daemon(self, how: signal.Signals = signal.SIGTERM) -> int | None:
        if self._pid is None:
            return None
        pid, self._pid = self._pid, None
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)
        return self._nursery.wait(pid, 60)

    @property
    def daemon_pid(self) -> int | None:
        return self._pid

    def syncd(self, *args: str, stdin: str | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        """One command of syncd as a process of its own."""
        out, err, fed = (self.folder / f"command.{name}" for name in ("out", "err", "in"))
        for path in (out, err):
            path.unlink(missing_ok=True)
        fed.write_text(stdin or "")
        pid = self._nursery.start(args, self.environ | environ, out, err, fed)
        code = self._nursery.wait(pid, 100)
        return subprocess.CompletedProcess(args, code, out.read_text(), err.read_text())

    @property
    def _nursery(self) -> Nursery:
        if self.nursery is None:
            raise RuntimeError("this world has no nursery")
        return self.nursery

    def run(self, account: str = "anna") -> Row:
        """One sync asked of the daemon, whatever comes of it."""
        return self.sync_all(account)[0]

    def synced(self, account: str = "anna") -> Row:
        """One sync that must end well; its report."""
        return self.sync(account)[0]

    def sync(self, *accounts: str) -> list[Row]:
        """Syncs that must end well, one report per account."""
        rows = self.sync_all(*(accounts or ("anna",)))
        assert [row["outcome"] for row in rows] == ["ok"] * len(rows), rows
        return rows

    def sync_all(self, *accounts: str) -> list[Row]:
        rows = list(self.ask({"command": "sync", "accounts": list(accounts)}))
        self._wait_until_quiet()
        return sorted(rows, key=lambda row: str(row["account"]))

    def _wait_until_quiet(self) -> None:
        """Until no account is due: what a run made due is done within a second or two."""
        give_up = time.monotonic() + START_SECONDS
        while self.query("select 1 from account where next_due <= ?", time.time()):
            if time.monotonic() > give_up:
                raise RuntimeError(f"the daemon does not come to rest: {self.status()}")
            time.sleep(0.02)

    def status(self) -> list[Row]:
        return list(self.ask({"command": "status"}))

    def holds(self, account: str = "anna") -> list[Row]:
        return list(self.ask({"command": "holds", "account": account}))

    def resolve(self, subject: str, account: str = "anna", **choice: Any) -> None:
        list(self.ask({"command": "resolve", "account": account, "subject": subject, "choice": choice}))
        self._wait_until_quiet()

    def approve(self, account: str = "anna") -> Row:
        rows = list(self.ask({"command": "approve", "account": account}))
        self._wait_until_quiet()
        return rows[0]

    def query(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """A look into the state, for what no command shows."""
        with contextlib.closing(sqlite3.connect(self.folder / "syncd.db", timeout=30)) as database:
            return database.execute(sql, values).fetchall()

    # -------------------------------------------------------------------------------------------- time

    def later(self, seconds: float = 60.0) -> None:
        """Time passes on both servers."""
        self.clock.advance(seconds)
        self.crm_clock.advance(seconds)

    # -------------------------------------------------------------------------------------------- who does what

    @property
    def phone(self) -> User:
        """Anna's Google Contacts, as Anna holds them in her hand."""
        return self.google.user(ANNA.email)

    def pair(self, given: str = "Ann", family: str = "Smith", **more: Any) -> tuple[str, str]:
        """A contact of the CRM that is in step with Google: its id there and its resource name here."""
        contact = self.crm_contact(given, family, by="anna", **more)
        self.sync()
        return contact, self.google_of(contact)

    def pairs(self, number: int, **more: Any) -> list[tuple[str, str]]:
        """So many contacts in step."""
        made = [
            self.crm_contact(f"Given{at:02}", f"Family{at:02}", by="anna", email=f"p{at:02}@example.org", **more)
            for at in range(number)
        ]
        self.sync()
        return [(contact, self.google_of(contact)) for contact in made]

    def google_of(self, contact: str, player: Player = ANNA) -> str:
        """The one Google contact that was made for this CRM contact, or linked with it."""
        rows = self.query(
            "select google_id from link where account = ? and crm_id = ? and google_id is not null",
            player.account,
            contact,
        )
        assert len(rows) == 1, f"{len(rows)} links for {contact}"
        contacts = self.google.user(player.email).contacts
        found = [resource for resource, person in contacts.items() if person["id"] == rows[0][0]]
        assert len(found) == 1, f"{rows[0][0]} is not in Google"
        return found[0]

    def crm_of(self, resource: str, player: Player = ANNA) -> str:
        source = self.google.user(player.email).contacts[resource]["id"]
        rows = self.query("select crm_id from link where account = ? and google_id = ?", player.account, source)
        assert len(rows) == 1, f"{len(rows)} links for {resource}"
        return str(rows[0][0])

    def number(self, contact: str, kind: str) -> str:
        """The id of the contact's one communication row of this kind ("Email", "Mobile phone" …)."""
        rows = [r for r in self.crm.children("ContactCommunication", "ContactId", contact) if _kind(r) == kind]
        assert len(rows) == 1, rows
        return str(rows[0]["Id"])

    def change_row(self, contact: str, kind: str, number: str) -> None:
        """Anna retypes the contact's one e-mail, phone … in the CRM."""
        self.crm.patch("ContactCommunication", self.number(contact, kind), {"Number": number}, "anna")

    # -------------------------------------------------------------------------------------------- plain views

    def card(self, resource: str, player: Player = ANNA) -> Row:
        """A Google contact in short: `name`, and lists of `emails`, `phones` (value, type) and so on."""
        person = self.google.user(player.email).contacts[resource]
        name = (person.get("names") or [{}])[0]
        job = (person.get("organizations") or [{}])[0]
        return {
            "name": " ".join(p for p in (name.get("givenName"), name.get("middleName"), name.get("familyName")) if p),
            "emails": sorted(i["value"] for i in person.get("emailAddresses", ())),
            "phones": sorted((i["value"], i.get("type", "")) for i in person.get("phoneNumbers", ())),
            "urls": sorted(i["value"] for i in person.get("urls", ())),
            "job": (job.get("name", ""), job.get("title", ""), job.get("department", "")),
            "birthday": (person.get("birthdays") or [{}])[0].get("date"),
            "notes": (person.get("biographies") or [{}])[0].get("value", ""),
            "addresses": sorted(
                (i.get("type", ""), i.get("streetAddress", ""), i.get("city", "")) for i in person.get("addresses", ())
            ),
        }

    def row(self, contact: str) -> Row:
        """A CRM contact in short, in the words of `card`."""
        found = self.crm.contact(contact)
        assert found is not None, f"no CRM contact {contact}"
        rows = [(_kind(r), r["Number"]) for r in found["communications"]]
        return {
            "name": found["Name"],
            "emails": sorted(n for kind, n in rows if kind == "Email"),
            "phones": sorted((n, kind) for kind, n in rows if "phone" in kind or kind == "Fax"),
            "urls": sorted(n for kind, n in rows if kind == "Web"),
            "title": found["JobTitle"],
            "account": found["AccountId"],
            "birthday": found["BirthDate"],
            "notes": found["Notes"],
            "owner": found["OwnerId"],
            "addresses": sorted((r["AddressTypeId"], r["Address"]) for r in found["addresses"]),
        }

    def people(self) -> list[str]:
        """The names of all of Anna's Google contacts, in the group or not."""
        return sorted(self.card(resource)["name"] for resource in self.phone.contacts)

    def in_crm(self) -> list[str]:
        """The names of all CRM contacts but those of the people who log in."""
        staff = {user.contact_id for user in self.crm.users.values()}
        return sorted(c["Name"] for c in self.crm.dump()["Contact"] if c["Id"] not in staff)

    def members(self, player: Player = ANNA) -> list[str]:
        """The names in the group."""
        return sorted(self.card(resource, player)["name"] for resource in self.grouped(player))

    def tag_names(self, player: Player = ANNA) -> list[str]:
        """The names under the tag."""
        return sorted(contact["Name"] for contact in self.tagged(player).values())

    # -------------------------------------------------------------------------------------------- requests

    @contextlib.contextmanager
    def watched(self) -> Iterator[Traffic]:
        """Counts what reaches the servers inside the block."""
        traffic = Traffic()
        self.google.reset_log()
        self.crm.reset_log()
        self.heard.clear()
        yield traffic
        traffic.google = Counter(self.google.calls)
        traffic.crm = Counter(self.crm.counters)
        traffic.crm_requests = sum(1 for e in self.crm.log if "/odata" in e.path)
        traffic.google_requests = sum(traffic.google.values())

    def serve_google(self, request: Request, clock: Clock) -> Reply:
        reply = super().serve_google(request, clock)
        self.heard.append(("google", request, reply))
        return reply

    def serve_crm(self, request: Request, clock: Clock) -> Reply:
        reply = super().serve_crm(request, clock)
        self.heard.append(("crm", request, reply))
        return reply

    def bytes_heard(self) -> int:
        """The size of all bodies that went over the wire since `heard` was cleared."""
        return sum(len(request.body) + len(reply.body) for _side, request, reply in self.heard)

    def expect_silence(self, *accounts: str) -> None:
        """A sync now changes nothing anywhere: all that was to be said is said."""
        with self.watched() as traffic:
            self.sync(*accounts)
        assert not traffic.writes, f"not settled: {traffic.writes}"


@dataclass
class Traffic:
    """Requests by what they were: Google's API methods, the CRM's verbs and sets."""

    google: Counter[str] = field(default_factory=Counter)
    crm: Counter[str] = field(default_factory=Counter)
    crm_requests: int = 0
    google_requests: int = 0

    @property
    def writes(self) -> Mapping[str, int]:
        """What changes something, by name."""
        crm = {k: n for k, n in self.crm.items() if k.removeprefix("$batch ").split()[0] in ("POST", "PATCH", "DELETE")}
        return {k: n for k, n in self.google.items() if k in GOOGLE_WRITES} | crm


def _kind(row: Mapping[str, Any]) -> str:
    return KINDS.get(str(row["CommunicationTypeId"]), str(row["CommunicationTypeId"]))
