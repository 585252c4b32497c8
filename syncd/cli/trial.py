"""A trial ground in one folder: the two sandbox servers, with people in them, and a configuration for them."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from syncd.sandbox.creatio import CreatioSandbox
from syncd.sandbox.creatio.friendly import add_contact
from syncd.sandbox.google.server import GoogleSandbox
from syncd.sandbox.shell import Served
from syncd.sandbox.wire import Clock

USER = "anna@example.com"
OWNER = "Anna Lee"
TAG = "Google"
GROUP = "Creatio"
CLIENT_ID = "syncd-sandbox"
CONFIG = """\
# Made by `syncd sandbox`: everything here is invented, and both servers run on this machine.
[state]
url = "sqlite:///syncd.db"
key = {{ file = "syncd.key" }}

[daemon]
interval = "30s"

[google]
client_secrets = "client_secret.json"
api_endpoint = "{google}"

[crm.sandbox]
kind = "creatio"
url = "{crm}"
auth = "oauth"
token_url = "{crm}/connect/token"
client_id = "{client_id}"
client_secret = {{ file = "creatio.secret" }}

[account.anna]
crm = "sandbox"
google = "{user}"
tag = "{tag}"
tag_owner = "{owner}"
group = "{group}"
region = "US"
"""
TAGGED = (
    {"GivenName": "Maria", "Surname": "Okafor", "emails": ["maria@okafor.example"], "Account": "Okafor Ltd"},
    {"GivenName": "Jürgen", "Surname": "Müller", "phones": [{"type": "mobile", "number": "+49 151 23456789"}]},
    {"GivenName": "Ken", "Surname": "Sato", "emails": ["ken@sato.example"], "JobTitle": "Buyer"},
)
UNTAGGED = ({"GivenName": "Olga", "Surname": "Petrova", "emails": ["olga@petrova.example"]},)
IN_GOOGLE = (
    {
        "names": [{"givenName": "Ken", "familyName": "Sato"}],
        "emailAddresses": [{"value": "ken@sato.example", "type": "work"}],
        "phoneNumbers": [{"value": "+1 415 555 0100", "type": "mobile"}],
    },
    {"names": [{"givenName": "Lucía", "familyName": "Gómez"}], "emailAddresses": [{"value": "lucia@gomez.example"}]},
)


@dataclass
class Trial:
    """Both servers on loopback, up until the block ends."""

    folder: Path
    google_port: int = 0
    crm_port: int = 0

    def __enter__(self) -> Self:
        self.clock = Clock()
        self.crm, self.google = CreatioSandbox(self.clock), GoogleSandbox(self.clock)
        self._stack = ExitStack()
        self.crm_url = self._stack.enter_context(Served(self.crm.handle, self.clock, self.crm_port)).url
        self.google_url = self._stack.enter_context(Served(self.google.handle, self.clock, self.google_port)).url
        self._settle()
        self._write()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def config_path(self) -> Path:
        return self.folder / "syncd.toml"

    def _settle(self) -> None:
        """The people who live there, and who may sign in."""
        self.crm.add_user("anna", "sandbox", contact_name=OWNER, email=USER)
        self.crm.add_client(CLIENT_ID, "sandbox-secret")
        tag = self.crm.add_tag(TAG, "anna")
        for contact in TAGGED:
            add_contact(self.crm, {**contact, "tags": [tag]}, "anna")
        for contact in UNTAGGED:
            add_contact(self.crm, contact, "anna")
        user = self.google.add_user(USER, OWNER)
        for person in IN_GOOGLE:
            user.create(dict(person))

    def _write(self) -> None:
        """The configuration and its secrets."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        secrets = json.dumps(self.google.client_secrets(self.google_url))
        for name, text in (("client_secret.json", secrets), ("creatio.secret", "sandbox-secret\n")):
            path = self.folder / name
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
        text = CONFIG.format(
            google=self.google_url, crm=self.crm_url, client_id=CLIENT_ID, user=USER, tag=TAG, owner=OWNER, group=GROUP
        )
        self.config_path.write_text(text, encoding="utf-8")
