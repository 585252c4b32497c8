"""What a story is played on: both sandbox servers on loopback, a configuration, and real syncd processes.

The tests that go from end to end stand on the same stage.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from syncd.config import Config, load
from syncd.sandbox.creatio.profile import Profile
from syncd.sandbox.creatio.server import CreatioSandbox
from syncd.sandbox.google.server import GoogleSandbox
from syncd.sandbox.google.switches import Switches
from syncd.sandbox.shell import Served
from syncd.sandbox.wire import Clock, Reply, Request

EMAIL = "ee1c85c3-cfcb-df11-9b2a-001d60e938c6"
MOBILE = "d4a2dc80-30ca-df11-9b2a-001d60e938c6"
WORK = "3dddb3cc-53ee-49c4-a71f-e9e257f59e49"
START_SECONDS = 30.0
SCOPES = ("https://www.googleapis.com/auth/contacts", "openid", "https://www.googleapis.com/auth/userinfo.email")


@dataclass(frozen=True)
class Player:
    """A user: the name of the account, the CRM login's person, the Google address."""

    account: str
    name: str
    email: str


ANNA = Player("anna", "Anna Lee", "anna@example.com")
BEN = Player("ben", "Ben Ray", "ben@example.com")


@dataclass
class Stage:
    """Servers and processes of one story. Use it as a context manager; it leaves nothing running."""

    folder: Path
    profile: Profile = field(default_factory=Profile)
    switches: Switches = field(default_factory=Switches)
    players: Sequence[Player] = (ANNA, BEN)
    auth: str = "oauth"
    account_lines: Mapping[str, str] = field(default_factory=dict)  # more TOML for an account, by name
    tag_owners: Mapping[str, str] = field(default_factory=dict)  # another than the player; "" for no such line
    daemon_lines: str = 'interval = "1h"'
    crm_skew: float = 0.0  # seconds by which the CRM's clock is off
    ports: tuple[int, int] = (0, 0)
    state_url: str = "sqlite:///syncd.db"

    def __enter__(self) -> Self:
        self.clock, self.crm_clock = Clock(), Clock(skew=self.crm_skew)
        self.google = GoogleSandbox(self.clock, self.switches)
        self.crm = CreatioSandbox(self.crm_clock, self.profile)
        self.google_http = Served(self.serve_google, self.clock, self.ports[0])
        self.crm_http = Served(self.serve_crm, self.crm_clock, self.ports[1])
        self.tags: dict[str, str] = {}
        self._daemon: subprocess.Popen[bytes] | None = None
        self._people()
        self._write_files()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_daemon()
        self.google_http.close()
        self.crm_http.close()

    def serve_google(self, request: Request, clock: Clock) -> Reply:
        """Every request to Google comes through here."""
        return self.google.handle(request, clock)

    def serve_crm(self, request: Request, clock: Clock) -> Reply:
        """Every request to the CRM comes through here."""
        return self.crm.handle(request, clock)

    def _people(self) -> None:
        robot = self.crm.add_user("syncd", "robot-password", contact_name="syncd robot")
        self.crm.add_client("syncd-client", "syncd-client-secret", robot)
        for player in self.players:
            user = self.crm.add_user(player.account, "password", contact_name=player.name, email=player.email)
            self.tags[player.account] = self.crm.add_tag("Google", user)
            self.google.add_user(player.email, player.name)

    def _write_files(self) -> None:
        (self.folder / "keys").mkdir(mode=0o700, exist_ok=True)
        secrets = self.google.client_secrets(self.google_http.url)
        (self.folder / "client_secret.json").write_text(json.dumps(secrets))
        _private(self.folder / "crm.secret", "robot-password" if self.auth == "forms" else "syncd-client-secret")
        (self.folder / "syncd.toml").write_text(self.toml())

    def toml(self) -> str:
        """The configuration of this story."""
        sign_in = (
            'auth = "forms"\nusername = "syncd"\npassword = { file = "crm.secret" }'
            if self.auth == "forms"
            else 'auth = "oauth"\nclient_id = "syncd-client"\nclient_secret = { file = "crm.secret" }\n'
            f'token_url = "{self.crm_http.url}/connect/token"'
        )
        head = (
            f'[state]\nurl = "{self.state_url}"\nkey = {{ file = "keys/syncd.key" }}\n[daemon]\n{self.daemon_lines}\n'
        )
        google = f'[google]\nclient_secrets = "client_secret.json"\napi_endpoint = "{self.google_http.url}"\n'
        crm = f'[crm.acme]\nkind = "creatio"\nurl = "{self.crm_http.url}"\nruntime = "auto"\n{sign_in}\n'
        return head + google + crm + "".join(self._account(p) for p in self.players)

    def _account(self, player: Player) -> str:
        lines = self.account_lines.get(player.account, 'tag = "Google"\ngroup = "Creatio"')
        owner = self.tag_owners.get(player.account, player.name)
        owned = f'tag_owner = "{owner}"\n' if owner else ""
        return f'[account.{player.account}]\ncrm = "acme"\ngoogle = "{player.email}"\n{owned}region = "US"\n{lines}\n'

    # -------------------------------------------------------------------------------------------- syncd

    @property
    def config(self) -> Config:
        return load(self.folder / "syncd.toml", self.environ)

    @property
    def environ(self) -> dict[str, str]:
        """The processes' environment: this folder is all they know."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("SYNCD_", "STATE_", "RUNTIME_"))}
        return env | {"SYNCD_CONFIG": str(self.folder / "syncd.toml"), "PYTHONUNBUFFERED": "1"}

    def syncd(self, *args: str, stdin: str | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        """One command of syncd as a process of its own."""
        command = [sys.executable, "-m", "syncd", *args]
        return subprocess.run(  # noqa: S603 - our own program
            command,
            cwd=_root(),
            env=self.environ | environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def json(self, *args: str) -> list[dict[str, Any]]:
        """The rows a command prints with `--json`."""
        done = self.syncd(*args, "--json")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        if not rows and done.returncode:
            raise RuntimeError(f"syncd {' '.join(args)} ended with {done.returncode}: {done.stderr[-2000:]}")
        return rows

    def connect(self, player: Player) -> None:
        """Onboard as a user does whose browser says yes: the real consent page, the real redirect."""
        browser = self.folder / "browser.py"
        if not browser.exists():
            agree = (
                "import sys, urllib.parse, urllib.request\n"
                "user = urllib.parse.parse_qs(urllib.parse.urlsplit(sys.argv[1]).query).get('login_hint', [''])[0]\n"
                "urllib.request.urlopen(sys.argv[1] + '&_allow=1&_user=' + urllib.parse.quote(user)).read()\n"
            )
            browser.write_text(agree)
        opens = shlex.join([sys.executable, str(browser)])  # either path may have spaces
        done = self.syncd("connect", player.account, BROWSER=f"{opens} %s")
        if done.returncode:
            raise RuntimeError(f"connecting {player.account} failed: {done.stderr[-2000:]}")

    def connect_quietly(self, player: Player) -> None:
        """Onboard from an authorised-user file, without a browser."""
        tokens = self.google.issue_tokens(player.email, SCOPES)
        client = self.google.client_secrets(self.google_http.url)["installed"]
        path = self.folder / f"{player.account}.credentials.json"
        body = {"type": "authorized_user", "refresh_token": tokens["refresh_token"], "token_uri": client["token_uri"]}
        _private(path, json.dumps(body | {k: client[k] for k in ("client_id", "client_secret")}))
        done = self.syncd("connect", player.account, "--credentials", str(path))
        if done.returncode:
            raise RuntimeError(f"connecting {player.account} failed: {done.stderr[-2000:]}")

    # -------------------------------------------------------------------------------------------- the daemon

    def start_daemon(self) -> None:
        """Start `syncd run` and wait until it answers."""
        log = (self.folder / "daemon.log").open("ab")
        command = [sys.executable, "-m", "syncd", "--log-format", "json", "run"]
        self._daemon = subprocess.Popen(command, cwd=_root(), env=self.environ, stdout=log, stderr=log)  # noqa: S603 - ours
        log.close()
        give_up = time.monotonic() + START_SECONDS
        while not self.daemon_answers():
            if self._daemon.poll() is not None or time.monotonic() > give_up:
                raise RuntimeError(f"the daemon did not start: {self.daemon_log()[-2000:]}")
            time.sleep(0.05)

    def stop_daemon(self, how: signal.Signals = signal.SIGTERM) -> int | None:
        """Stop it and wait; its exit code, None when there is none."""
        if self._daemon is None:
            return None
        if self._daemon.poll() is None:
            self._daemon.send_signal(how)
        code = self._daemon.wait(timeout=60)
        self._daemon = None
        return code

    @property
    def daemon_pid(self) -> int | None:
        return None if self._daemon is None else self._daemon.pid

    def daemon_log(self) -> str:
        path = self.folder / "daemon.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def sync(self, *accounts: str) -> list[dict[str, Any]]:
        """Ask the running daemon to sync now (none: all accounts); one report an account."""
        return list(self.ask({"command": "sync", "accounts": list(accounts)}))

    def ask(self, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The rows of the daemon's answer. Raises RuntimeError when no daemon runs."""
        from syncd.cli import control

        rows = control.rows(self.config, request)
        if rows is None:
            raise RuntimeError("no daemon runs on this stage")
        return rows

    def daemon_answers(self) -> bool:
        """Whether a daemon listens and answers."""
        from syncd.cli import control

        rows = control.rows(self.config, {"command": "status"})
        return rows is not None and list(rows) is not None

    # -------------------------------------------------------------------------------------------- as users

    def crm_contact(self, given: str, family: str, *, by: str | None = None, tag: bool = True, **more: Any) -> str:
        """A contact typed into the CRM by this user: `email`, `mobile`, `work`, and columns of Contact."""
        rows = {EMAIL: more.pop("email", ""), MOBILE: more.pop("mobile", ""), WORK: more.pop("work", "")}
        parts = {"GivenName": given, "MiddleName": "", "Surname": family, "Name": f"{given} {family}".strip()}
        contact = self.crm.insert("Contact", parts | more, by)
        for kind, number in rows.items():
            if number:
                self.add_row(contact, kind, number, by)
        if tag:
            self.crm.tag(contact, self.tags[by or self.players[0].account], by)
        return contact

    def add_row(self, contact: str, kind: str, number: str, by: str | None = None) -> str:
        return self.crm.insert(
            "ContactCommunication", {"ContactId": contact, "CommunicationTypeId": kind, "Number": number}, by
        )

    def google_contact(self, player: Player, given: str, family: str, *, grouped: bool = True, **more: Any) -> str:
        """A contact typed into the phone: `email`, `mobile`, and any People fields; in the group if there is one."""
        person: dict[str, Any] = {"names": [{"givenName": given, "familyName": family}]}
        for key, name in (("email", "emailAddresses"), ("mobile", "phoneNumbers")):
            if value := more.pop(key, ""):
                person[name] = [{"value": value, "type": "work" if key == "email" else "mobile"}]
        user = self.google.user(player.email)
        resource = user.create(person | more)
        if grouped:
            user.add_to_group(resource, self.group(player))
        return resource

    def group(self, player: Player, name: str = "Creatio") -> str:
        found = self.google.user(player.email).group_named(name)
        if found is None:
            raise LookupError(f"{player.email} has no group {name} yet")
        return found

    def grouped(self, player: Player, name: str = "Creatio") -> dict[str, dict[str, Any]]:
        """The members of the group, by resource name."""
        user, group = self.google.user(player.email), self.google.user(player.email).group_named(name)
        return {r: p for r, p in user.contacts.items() if group in p["memberships"]}

    def tagged(self, player: Player) -> dict[str, dict[str, Any]]:
        """The contacts with the player's tag, by id."""
        rows = self.crm.dump()["ContactInTag"]
        ids = {row["EntityId"] for row in rows if row["TagId"] == self.tags[player.account]}
        return {i: contact for i in sorted(ids) if (contact := self.crm.contact(i)) is not None}


def _private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
    path.chmod(0o600)


def _root() -> Path:
    """The folder above the package: where `python -m syncd` finds it."""
    return Path(__file__).resolve().parents[3]
