"""Signing in to Creatio: forms login with its cookies, or OAuth client credentials. Sends nothing but sign-ins."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol
from urllib.parse import urlencode

from adapters.creatio.settings import CreatioSettings
from adapters.http import NotSent, Reply, Transport, Unanswered, Unreadable
from syncd.core.errors import NeedsHuman, SyncError, Unavailable, WrongPassword

LOGIN_PAUSE: Final = 900.0
"""Seconds for which a refused login is not tried again: the platform locks accounts."""

RENEW_AT: Final = 0.8
"""The share of a token's life after which a new one is fetched."""

SIGN_IN_TIMEOUT: Final = 60.0


class Session(Protocol):
    """What makes a request come from the login. Not thread-safe: one request at a time, as the server has it anyway."""

    def headers(self) -> dict[str, str]:
        """The headers of a signed-in request; signs in first where there is no session."""

    def absorb(self, reply: Reply) -> None:
        """Take over the cookies of a reply."""

    def drop(self) -> None:
        """Forget the session: the next request signs in anew."""

    def close(self) -> None:
        """Sign out, best effort."""

    @property
    def wants_token(self) -> bool:
        """Whether a writing request would lack its CSRF token, which a GET may still bring."""


class Refusal:
    """Remembers a refused sign-in, so that it is not repeated into a lock-out."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._until, self._error = 0.0, None

    _error: SyncError | None

    def check(self) -> None:
        if self._error is not None and self._monotonic() < self._until:
            raise self._error

    def keep(self, error: SyncError) -> SyncError:
        self._error, self._until = error, self._monotonic() + LOGIN_PAUSE
        return error


def post(transport: Transport, url: str, kind: str, body: bytes, headers: Mapping[str, str]) -> Reply:
    """A sign-in request; what kept it from being answered is `Unavailable`."""
    head = {"content-type": kind, "accept": "application/json", **headers}
    try:
        reply = transport.send("POST", url, head, body, SIGN_IN_TIMEOUT)
    except (NotSent, Unanswered) as exc:
        raise Unavailable(f"signing in to the CRM: {exc}") from exc
    if reply.status >= 500 or reply.status == 429:
        raise Unavailable(f"signing in to the CRM: status {reply.status}")
    return reply


def _object(reply: Reply, what: str) -> dict[str, Any]:
    try:
        body = reply.json()
    except Unreadable as exc:
        raise Unavailable(f"{what} answered {reply.status} and no JSON") from exc
    if not isinstance(body, dict):
        raise Unavailable(f"{what} answered {reply.status} and no object")
    return body


class FormsSession:
    """User name and password against AuthService.svc, at the site's root on either runtime."""

    def __init__(self, settings: CreatioSettings, transport: Transport, monotonic: Callable[[], float]) -> None:
        self._settings, self._transport = settings, transport
        self._cookies: dict[str, str] = {}
        self._refusal = Refusal(monotonic)
        self._open = False

    @property
    def wants_token(self) -> bool:
        return self._open and "BPMCSRF" not in self._cookies

    def headers(self) -> dict[str, str]:
        if not self._open:
            self._sign_in()
        return self._dressed()

    def _dressed(self) -> dict[str, str]:
        head = {"cookie": "; ".join(f"{k}={v}" for k, v in self._cookies.items()), "forceusesession": "true"}
        if "BPMCSRF" in self._cookies:
            head["bpmcsrf"] = self._cookies["BPMCSRF"]
        return head

    def absorb(self, reply: Reply) -> None:
        for line in reply.cookies:  # of two cookies of one name the later one counts
            name, _, rest = line.partition("=")
            value = rest.partition(";")[0].strip()
            if value:
                self._cookies[name.strip()] = value
            else:
                self._cookies.pop(name.strip(), None)

    def drop(self) -> None:
        self._open = False
        self._cookies.clear()

    def close(self) -> None:
        if not self._open:
            return
        head = self._dressed()
        self.drop()
        try:
            url = f"{self._settings.root}/ServiceModel/AuthService.svc/Logout"
            post(self._transport, url, "application/json", b"{}", head)
        except Unavailable:
            return  # it ends by itself after its idle time

    def _sign_in(self) -> None:
        self._refusal.check()
        body = {"UserName": self._settings.username, "UserPassword": self._settings.password}
        url = f"{self._settings.root}/ServiceModel/AuthService.svc/Login"
        head = {"forceusesession": "true"}
        reply = post(self._transport, url, "application/json", json.dumps(body).encode(), head)
        if reply.status in (404, 405):
            raise NeedsHuman("there is no Creatio login service at the CRM's address", "Check the CRM's url.")
        answer = _object(reply, "the CRM's login")
        if answer.get("Code") != 0:
            raise self._refusal.keep(_refused(answer))
        self._cookies.clear()
        self.absorb(reply)
        self._open = True


def _refused(answer: Mapping[str, Any]) -> SyncError:
    if answer.get("PasswordChangeUrl"):
        return NeedsHuman(
            "the CRM wants the password of its login changed", "Sign in to the CRM once as that user and change it."
        )
    if "Code" not in answer:
        return Unavailable("the CRM's login answered without a code")
    return WrongPassword(
        "the CRM refused the login", "Check user name and password, and that the user is active and licensed."
    )


class OAuthSession:
    """Client credentials of a confidential client; the token is renewed before it ends."""

    def __init__(self, settings: CreatioSettings, transport: Transport, monotonic: Callable[[], float]) -> None:
        self._settings, self._transport, self._monotonic = settings, transport, monotonic
        self._refusal = Refusal(monotonic)
        self._token, self._renew_at = "", 0.0

    wants_token = False

    def headers(self) -> dict[str, str]:
        if not self._token or self._monotonic() >= self._renew_at:
            self._fetch()
        return {"authorization": f"Bearer {self._token}"}

    def absorb(self, reply: Reply) -> None:
        """A bearer token needs no cookies."""

    def drop(self) -> None:
        self._token = ""

    def close(self) -> None:
        self._token = ""

    def _fetch(self) -> None:
        self._refusal.check()
        form = {
            "grant_type": "client_credentials",
            "client_id": self._settings.client_id,
            "client_secret": self._settings.client_secret,
        }
        url = self._settings.token_url or f"{self._settings.root}/connect/token"
        kind, begun = "application/x-www-form-urlencoded", self._monotonic()
        reply = post(self._transport, url, kind, urlencode(form).encode(), {})
        if reply.status == 404:
            raise NeedsHuman("there is no identity service at the token address", "Check the CRM's token_url.")
        answer = _object(reply, "the CRM's identity service")
        token = answer.get("access_token")
        if reply.status != 200 or not isinstance(token, str) or not token:
            fix = "Check client id and secret; the client must be confidential, not public."
            raise self._refusal.keep(WrongPassword("the CRM's identity service refused the client", fix))
        self._token = token
        self._renew_at = begun + RENEW_AT * float(answer.get("expires_in") or 180)


def session_for(settings: CreatioSettings, transport: Transport, monotonic: Callable[[], float]) -> Session:
    """The session the settings ask for."""
    kind = OAuthSession if settings.auth == "oauth" else FormsSession
    return kind(settings, transport, monotonic)
