"""An OAuth client as the operator hands it over: client secrets files, and authorised-user files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from adapters.http import is_loopback
from syncd.core.errors import ConfigError, Problem

Json = dict[str, Any]

AUTH_URI = "https://accounts.google.com/o/oauth2/v2/auth"
TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 -- an address
REVOKE_URI = "https://oauth2.googleapis.com/revoke"
USERINFO_URI = "https://openidconnect.googleapis.com/v1/userinfo"


@dataclass(frozen=True, slots=True)
class ClientSecrets:
    """An OAuth client as Google's console exports it. `kind` is `installed` (loopback redirects) or `web`."""

    kind: str
    client_id: str
    client_secret: str = field(repr=False)
    auth_uri: str = AUTH_URI
    token_uri: str = TOKEN_URI
    revoke_uri: str = REVOKE_URI
    userinfo_uri: str = USERINFO_URI
    redirect_uris: tuple[str, ...] = ()


def client_secrets(text: str | bytes, key: str = "google.client_secrets") -> ClientSecrets:
    """The client in a client secrets file. Raises `ConfigError`, naming `key`."""
    content = json_file(text, key)
    kind = next((k for k in ("installed", "web") if isinstance(content.get(k), dict)), "")
    told = content.get(kind, {})
    if not (kind and told.get("client_id") and told.get("client_secret")):
        fix = (
            "download the JSON of an OAuth client of type Desktop app or Web application from the Google Cloud console"
        )
        raise ConfigError((Problem(key, "this is no client secrets file", fix),))
    token_uri = safe_uri(told.get("token_uri") or TOKEN_URI, key)
    return ClientSecrets(
        kind=kind,
        client_id=str(told["client_id"]),
        client_secret=str(told["client_secret"]),
        auth_uri=safe_uri(told.get("auth_uri") or AUTH_URI, key),
        token_uri=token_uri,
        revoke_uri=safe_uri(told.get("revoke_uri") or _sibling(token_uri, "/revoke", REVOKE_URI), key),
        userinfo_uri=safe_uri(
            told.get("userinfo_uri") or _sibling(token_uri, "/oauth2/v3/userinfo", USERINFO_URI), key
        ),
        redirect_uris=tuple(str(u) for u in told.get("redirect_uris") or ()),
    )


def json_file(text: str | bytes, key: str) -> Json:
    """The object in a JSON file. Raises `ConfigError`, naming `key`."""
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise ConfigError((Problem(key, "this is no JSON file"),))
    return content


def safe_uri(uri: object, key: str) -> str:
    """The address as it is, if it is https, or http on this machine itself."""
    parts = urlsplit(str(uri))
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        return str(uri)
    raise ConfigError((Problem(key, "an address in it is not https", "use the file as Google gave it"),))


def _sibling(token_uri: str, path: str, of_google: str) -> str:
    """Where another endpoint is: Google's own address, or beside a token endpoint that is not Google's."""
    parts = urlsplit(token_uri)
    if (parts.hostname or "").endswith(".googleapis.com") or parts.hostname == "accounts.google.com":
        return of_google
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def authorized_user(text: str | bytes, key: str = "google.authorized_user") -> tuple[ClientSecrets, str]:
    """The client and the refresh token in an authorised-user file, as Google's own tools write it."""
    content = json_file(text, key)
    if not all(content.get(k) for k in ("client_id", "client_secret", "refresh_token")):
        raise ConfigError((Problem(key, "this is no authorised-user file"),))
    told = {k: content[k] for k in ("client_id", "client_secret", "token_uri", "revoke_uri") if k in content}
    return client_secrets(json.dumps({"installed": told}), key), str(content["refresh_token"])
