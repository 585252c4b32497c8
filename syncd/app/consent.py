"""A user's grant: how it is obtained, kept sealed, turned into a connection, and given back."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from adapters.google import auth
from adapters.google.adapter import GooglePeople
from adapters.google.client import PeopleClient
from adapters.google.denial import CONTACTS_SCOPE
from adapters.http import HttpTransport, NotSent, Unanswered, Unreadable
from syncd.config import Config
from syncd.core.contact import AccountName, Side, SourceId
from syncd.core.errors import ConfigError, ConsentRevoked, NeedsHuman, Problem, SyncError, Unavailable
from syncd.core.ports import AccountRow, Store

SECRET = "google"  # noqa: S105 - the name under which the grant is sealed
USERINFO_SECONDS = 30.0


class StoredGrant(msgspec.Struct, frozen=True):
    """What is sealed per account. `key` is a whole service account key file, or "" where a user consented."""

    sub: str
    email: str
    scopes: tuple[str, ...] = ()
    refresh_token: str = ""
    key: str = ""
    client: str = ""  # the client secrets file's text, where it is not the configured one


@dataclass
class Grants:
    """The grants of all accounts, and the connections made from them."""

    config: Config
    store: Store
    _tokens: dict[str, auth.AccessTokens] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self, name: AccountName) -> StoredGrant | None:
        sealed = self.store.secret(f"account:{name}", SECRET)
        return None if sealed is None else msgspec.json.decode(sealed, type=StoredGrant)

    def save(self, name: AccountName, grant: StoredGrant | None) -> None:
        self.store.put_secret(f"account:{name}", SECRET, None if grant is None else msgspec.json.encode(grant))
        with self._lock:
            self._tokens.pop(name, None)

    def client(self, grant: StoredGrant | None = None) -> auth.ClientSecrets:
        """The OAuth client of this grant, else the configured one."""
        if grant is not None and grant.client:
            return auth.client_secrets(grant.client, "the stored grant")
        path = self.config.google.client_secrets
        if path is None:
            hint = "download an OAuth client of type Desktop app and name its file"
            raise ConfigError((Problem("google.client_secrets", "is needed to connect a user", hint),))
        return auth.client_secrets(Path(path).read_bytes())

    def remote(self, row: AccountRow, transport: HttpTransport) -> GooglePeople:
        """The account's Google side. Raises `ConsentRevoked` where there is no grant."""
        grant = self.load(row.name)
        if grant is None:
            msg = f"{row.name} is not connected to Google."
            raise ConsentRevoked(msg, f"Run `syncd connect {row.name}`.")
        custom = tuple(r.google for r in self.config.accounts[row.name].map)
        client = PeopleClient(
            transport, self._access(row.name, grant, transport), endpoint=self.config.google.api_endpoint
        )
        facts = {} if row.google is None else self.store.source(row.google, Side.GOOGLE).facts
        by_list = bool(facts.get("members_by_list"))
        return GooglePeople(client, sub=grant.sub, email=grant.email, custom=custom, members_by_list=by_list)

    def _access(self, name: AccountName, grant: StoredGrant, transport: HttpTransport) -> auth.AccessTokens:
        with self._lock:
            if name not in self._tokens:
                self._tokens[name] = self.tokens(grant, transport)
            return self._tokens[name]

    def tokens(self, grant: StoredGrant, transport: HttpTransport) -> auth.AccessTokens:
        if grant.key:
            return auth.delegated_tokens(grant.key, grant.email, transport)
        return auth.user_tokens(self.client(grant), grant.refresh_token, transport)


class Connector:
    """One account's onboarding. What it stores is checked first: the scopes, and that it is the user we know."""

    def __init__(self, grants: Grants, name: AccountName, transport: HttpTransport) -> None:
        self._grants, self._name, self._transport = grants, name, transport

    def start(self, redirect_uri: str) -> tuple[str, str, str]:
        """Where to send the user; the state and the code verifier to keep until the answer comes."""
        hint = self._grants.config.accounts[self._name].google or ""
        consent = auth.begin_consent(self._grants.client(), redirect_uri, login_hint=hint)
        return consent.url, consent.state, consent.verifier

    def finish(self, response: str, *, redirect_uri: str, state: str, verifier: str) -> dict[str, Any]:
        """Take the address the user was sent back to; keep the grant. Returns `account`, `email`, `sub`."""
        told = {k: v[0] for k, v in parse_qs(urlsplit(response).query).items()}
        consent = auth.Consent("", redirect_uri, state, verifier)
        got = auth.finish_consent(
            self._transport,
            self._grants.client(),
            consent,
            state=told.get("state", ""),
            code=told.get("code", ""),
            error=told.get("error", ""),
        )
        stored = self._grants.load(self._name)
        auth.check_same_user(got, stored.sub if stored else "")
        token = auth.token_to_keep(got, stored.refresh_token if stored else "")
        return self._keep(StoredGrant(got.sub, got.email, got.scopes, token))

    def import_credentials(self, path: Path) -> dict[str, Any]:
        """Take over an authorised-user file, as Google's own tools write it."""
        client, token = auth.authorized_user(path.read_bytes(), str(path))
        text = msgspec.json.encode(
            {
                "installed": {
                    "client_id": client.client_id,
                    "client_secret": client.client_secret,
                    "token_uri": client.token_uri,
                }
            }
        )
        grant = StoredGrant("", "", (), token, client=text.decode())
        tokens = auth.user_tokens(client, token, self._transport)
        sub, email = self._who(client.userinfo_uri, tokens.bearer())
        return self._keep(msgspec.structs.replace(grant, sub=sub, email=email))

    def service_account(self, path: Path, subject: str) -> dict[str, Any]:
        """Act for this Workspace user by a service account with delegation; tried at once."""
        key = path.read_text()
        auth.delegated_tokens(key, subject, self._transport).bearer()
        return self._keep(StoredGrant(f"delegated:{subject.lower()}", subject, (CONTACTS_SCOPE,), key=key))

    def disconnect(self) -> dict[str, Any]:
        """Give the grant back and forget it. No contact is touched."""
        grant = self._grants.load(self._name)
        revoked = False
        if grant is not None and grant.refresh_token:
            try:
                auth.revoke(self._transport, self._grants.client(grant), grant.refresh_token)
                revoked = True
            except SyncError:
                revoked = False  # forgotten here all the same; Google's own page can still withdraw it
        self._grants.save(self._name, None)
        row = self._grants.store.account(self._name)
        if row is not None:
            message = f"{self._name} is disconnected."
            self._grants.store.put_account(msgspec.structs.replace(row, state="needs_consent", message=message))
        return {"account": self._name, "disconnected": grant is not None, "revoked": revoked}

    def _who(self, userinfo: str, bearer: str) -> tuple[str, str]:
        try:
            reply = self._transport.send("GET", userinfo, {"authorization": f"Bearer {bearer}"}, None, USERINFO_SECONDS)
            told = reply.json() if reply.status == 200 else {}
        except (NotSent, Unanswered, Unreadable) as exc:
            msg = "Google does not say whose credentials these are"
            raise Unavailable(msg) from exc
        email = str(told.get("email") or self._grants.config.accounts[self._name].google or "")
        sub = str(told.get("sub") or email)
        if not sub:
            msg = "These credentials do not say whose they are"
            raise NeedsHuman(
                msg,
                f"Set account.{self._name}.google to the address they belong to, or use `syncd connect {self._name}`.",
            )
        return sub, email

    def _keep(self, grant: StoredGrant) -> dict[str, Any]:
        expected = self._grants.config.accounts[self._name].google
        if expected and grant.email and expected.lower() != grant.email.lower():
            msg = f"{grant.email} signed in, but account.{self._name}.google expects {expected}"
            raise NeedsHuman(msg, "Sign in as the expected user, or correct the configuration.")
        store, source = self._grants.store, SourceId(f"{Side.GOOGLE.value}:{grant.sub}")
        row = store.account(self._name)
        if row is None:
            msg = f"there is no account {self._name} in the state"
            raise LookupError(msg)
        if row.google not in (None, source):
            msg = "Another Google user than the one this account was linked with"
            raise NeedsHuman(msg, "Sign in as the user that was connected before.")
        store.source(source, Side.GOOGLE)
        self._grants.save(self._name, grant)
        state = "new" if row.last_run == 0 else "ok"
        store.put_account(
            msgspec.structs.replace(row, google=source, state=state, message="", failures=0, next_due=0.0)
        )
        return {"account": self._name, "email": grant.email, "sub": grant.sub}
