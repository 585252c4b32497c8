"""Who allowed what to which client: clients, consents, codes, refresh and access tokens, and how each of them dies."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from syncd.sandbox.google.world import World

_CODE_LIFETIME = 600.0
_ACCESS_KEPT = 10_000
_IDLE_LIMIT = 180 * 86400.0
_TESTING_LIFETIME = 7 * 86400.0
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_AUTH = "https://www.googleapis.com/auth/"
_REWRITTEN = {"email": _AUTH + "userinfo.email", "profile": _AUTH + "userinfo.profile"}


class Refused(Exception):
    """What the token endpoint answers instead of tokens."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status, self.error, self.description = status, error, description


def expired_grant() -> Refused:
    return Refused(400, "invalid_grant", "Token has been expired or revoked.")


@dataclass(frozen=True)
class Client:
    """A registered application. An installed one may use any loopback address to be called back."""

    id: str
    secret: str
    kind: str = "installed"
    redirect_uris: tuple[str, ...] = ()

    def accepts(self, redirect_uri: str) -> bool:
        if self.kind != "installed":
            return redirect_uri in self.redirect_uris
        try:
            parts = urlsplit(redirect_uri)
            return parts.scheme == "http" and parts.hostname in _LOOPBACK and not parts.fragment
        except ValueError:
            return False


@dataclass
class Grant:
    """A refresh token."""

    token: str
    client: str
    sub: str
    scopes: tuple[str, ...]
    issued: float
    used: float
    alive: bool = True


@dataclass
class Access:
    """An access token."""

    token: str
    sub: str
    scopes: frozenset[str]
    expires: float
    client: str


@dataclass
class Code:
    """An authorisation code: good once, for one client, one address and one verifier."""

    client: str
    sub: str
    scopes: tuple[str, ...]
    redirect_uri: str
    challenge: str
    challenge_method: str
    offline: bool
    issued: float
    nonce: str = ""
    used: bool = False


@dataclass
class Grants:
    """The books of the sign-in server. The caller holds the lock."""

    world: World
    clients: dict[str, Client] = field(default_factory=dict)
    refresh: dict[str, Grant] = field(default_factory=dict)
    access: dict[str, Access] = field(default_factory=dict)
    codes: dict[str, Code] = field(default_factory=dict)
    consents: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def client(self, client_id: str, secret: str) -> Client:
        found = self.clients.get(client_id)
        if found is None:
            raise Refused(401, "invalid_client", "The OAuth client was not found.")
        if not hmac.compare_digest(found.secret.encode(), secret.encode()):
            raise Refused(401, "invalid_client", "Unauthorized")
        return found

    def consent(self, code: Code, *, asked_again: bool) -> str:
        """Note that the user agreed; the code for the client. Only a first consent, or one asked for again, lasts."""
        known = self.consents.setdefault((code.sub, code.client), set())
        first = not known.issuperset(code.scopes)
        known.update(code.scopes)
        code.offline = code.offline and (first or asked_again)
        text = f"4/sandbox-{self.world.text(30)}"
        self.codes[text] = code
        return text

    def redeem(self, text: str, client: Client, redirect_uri: str, verifier: str, now: float) -> Code:
        code = self.codes.get(text)
        if code is None or code.client != client.id or code.used or now - code.issued > _CODE_LIFETIME:
            raise Refused(400, "invalid_grant", "Bad Request")
        if code.redirect_uri != redirect_uri:
            raise Refused(400, "redirect_uri_mismatch", "Bad Request")
        if code.challenge and not verifier:
            raise Refused(400, "invalid_grant", "Missing code verifier.")
        if code.challenge and not hmac.compare_digest(_challenge(code, verifier), code.challenge.encode()):
            raise Refused(400, "invalid_grant", "Invalid code verifier.")
        code.used = True
        return code

    def new_refresh(self, client: str, sub: str, scopes: tuple[str, ...], now: float) -> Grant:
        """A new refresh token; beyond the limit the oldest of this user and client dies without a word."""
        alive = [g for g in self.refresh.values() if g.alive and (g.client, g.sub) == (client, sub)]
        surplus = max(0, len(alive) + 1 - self.world.switches.rotated_after)
        for oldest in sorted(alive, key=lambda g: g.issued)[:surplus]:
            oldest.alive = False
        grant = Grant(f"1//sandbox-{self.world.text(40)}", client, sub, scopes, now, now)
        self.refresh[grant.token] = grant
        return grant

    def renew(self, token: str, client: Client, now: float) -> Grant:
        """The living grant behind a refresh token."""
        grant = self.refresh.get(token)
        if grant is None or not grant.alive or now - grant.used > _IDLE_LIMIT:
            raise expired_grant()
        if self.world.switches.testing_app and now - grant.issued > _TESTING_LIFETIME:
            raise expired_grant()
        if grant.client != client.id:
            raise Refused(401, "unauthorized_client", "Unauthorized")
        grant.used = now
        return grant

    def new_access(self, client: str, sub: str, scopes: Iterable[str], now: float) -> Access:
        lifetime = self.world.switches.access_token_lifetime
        if len(self.access) > _ACCESS_KEPT:
            self.access = {t: a for t, a in self.access.items() if now < a.expires}
        token = f"ya29.sandbox-{self.world.text(48)}"
        self.access[token] = Access(token, sub, frozenset(scopes), now + lifetime, client)
        return self.access[token]

    def bearer(self, token: str, now: float) -> Access | None:
        """The living access token, or None."""
        access = self.access.get(token)
        return access if access is not None and now < access.expires else None

    def revoke_token(self, token: str) -> bool:
        """Revoke everything the user gave to the client of this token; False for an unknown token."""
        found = self.refresh.get(token) or self.access.get(token)
        if found is None or (isinstance(found, Grant) and not found.alive):
            return False
        self.revoke(found.sub, found.client)
        return True

    def revoke(self, sub: str, client: str | None = None) -> None:
        """End all tokens of a user, or those of one client."""
        for grant in self.refresh.values():
            if grant.sub == sub and client in (None, grant.client):
                grant.alive = False
        self.access = {t: a for t, a in self.access.items() if not (a.sub == sub and client in (None, a.client))}
        for key in [k for k in self.consents if k[0] == sub and client in (None, k[1])]:
            del self.consents[key]

    def expire_access(self, sub: str | None = None) -> None:
        self.access = {t: a for t, a in self.access.items() if sub not in (None, a.sub)}


def _challenge(code: Code, verifier: str) -> bytes:
    if code.challenge_method != "S256":
        return verifier.encode()
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")


def full_scopes(text: str) -> tuple[str, ...]:
    """The scopes asked for under their full names; `email` and `profile` bring `openid` along."""
    asked = [_REWRITTEN.get(s, s) for s in text.split()]
    if any(s in _REWRITTEN for s in text.split()):
        asked.append("openid")
    return tuple(dict.fromkeys(asked))
