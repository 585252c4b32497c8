"""Access tokens of one Google user, got by google-auth over our transport."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import google.auth.transport
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError, RefreshError
from google.oauth2 import credentials as user_credentials
from google.oauth2 import service_account

from adapters.google.client_secrets import TOKEN_URI, ClientSecrets, json_file, safe_uri
from adapters.google.denial import CONTACTS_SCOPE
from adapters.google.sign_in import json_of, send, trouble
from adapters.http import Reply, Transport
from syncd.core.errors import ConfigError, ConsentRevoked, MissingRight, NeedsHuman, Problem, SyncError, Unavailable

RECONNECT = "connect the account again"

_DEAD_GRANT = frozenset({"invalid_grant", "invalid_rapt", "rapt_required", "access_denied"})


class AccessTokens:
    """Access tokens of one grant, renewed by one thread at a time. Raises the classes of `errors.py`."""

    def __init__(self, credentials: Credentials, transport: Transport) -> None:
        self._credentials: Any = credentials  # google-auth is typed in part
        self._transport = transport
        self._lock = threading.Lock()

    def bearer(self) -> str:
        with self._lock:
            if not self._credentials.valid:
                self._refresh()
            return str(self._credentials.token)

    def renewed(self, refused: str) -> str:
        with self._lock:
            if self._credentials.token == refused:
                self._refresh()
            return str(self._credentials.token)

    def _refresh(self) -> None:
        try:
            self._credentials.refresh(_GoogleRequest(self._transport))
        except RefreshError as exc:
            raise _refresh_error(exc) from None  # the chain would carry the token endpoint's reply into logs
        except (GoogleAuthError, ValueError) as exc:
            raise Unavailable(f"no access token: {type(exc).__name__}") from None


def user_tokens(secrets: ClientSecrets, refresh_token: str, transport: Transport) -> AccessTokens:
    """Access tokens of a user who connected."""
    make: Callable[..., Credentials] = user_credentials.Credentials
    made = make(
        token=None,
        refresh_token=refresh_token,
        token_uri=secrets.token_uri,
        client_id=secrets.client_id,
        client_secret=secrets.client_secret,
    )
    return AccessTokens(made, transport)


def delegated_tokens(
    text: str | bytes, user: str, transport: Transport, key: str = "google.service_account"
) -> AccessTokens:
    """Access tokens of a Workspace user, by a service account with domain-wide delegation for the contacts scope."""
    content = json_file(text, key)
    safe_uri(content.get("token_uri") or TOKEN_URI, key)
    make: Callable[..., Credentials] = service_account.Credentials.from_service_account_info
    try:
        made = make(content, scopes=[CONTACTS_SCOPE], subject=user)
    except (ValueError, GoogleAuthError) as exc:
        problem = Problem(key, "this is no service account key file", "download a JSON key of the service account")
        raise ConfigError((problem,)) from exc
    return AccessTokens(made, transport)


class _GoogleReply(google.auth.transport.Response):
    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    @property
    def status(self) -> int:
        return self._reply.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._reply.headers

    @property
    def data(self) -> bytes:
        return self._reply.body


class _GoogleRequest(google.auth.transport.Request):
    """google-auth's way out, over our transport. A server's fault is raised here: the library would sleep and retry."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: object,
    ) -> _GoogleReply:
        reply = send(self._transport, method, url, headers or {}, body)
        if not 200 <= reply.status < 500 or reply.status in (301, 302, 303, 307, 308, 408, 429):
            raise trouble(reply)
        json_of(reply)
        return _GoogleReply(reply)


def _refresh_error(exc: RefreshError) -> SyncError:
    told = exc.args[1] if len(exc.args) > 1 and isinstance(exc.args[1], dict) else {}
    word = str(told.get("error") or str(exc).partition(":")[0])[:40]
    if word in _DEAD_GRANT or str(told.get("error_subtype", "")) in _DEAD_GRANT:
        return ConsentRevoked(f"Google no longer accepts the stored grant ({word})", RECONNECT)
    if word == "unauthorized_client":
        fix = f"let the Workspace admin delegate {CONTACTS_SCOPE} to the client id of the service account"
        return MissingRight("The service account may not act for this user", fix)
    if word in ("invalid_client", "deleted_client", "disabled_client"):
        return NeedsHuman(f"Google refuses the OAuth client ({word})", "check the client secrets file")
    return NeedsHuman(f"Google gives no access token ({word})", RECONNECT)
