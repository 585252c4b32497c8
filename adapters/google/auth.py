"""A user's consent without any page: where to send the user, what the code is worth, who it was; and giving it back."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn
from urllib.parse import urlencode, urlsplit, urlunsplit

from google.auth.exceptions import GoogleAuthError

from adapters.google.client_secrets import TOKEN_URI, ClientSecrets, authorized_user, client_secrets
from adapters.google.denial import CONTACTS_SCOPE
from adapters.google.sign_in import FORM, json_of, send, trouble
from adapters.google.tokens import RECONNECT, AccessTokens, delegated_tokens, user_tokens
from adapters.http import Transport
from syncd.core.errors import ConsentRevoked, MissingRight, NeedsHuman, Unavailable

__all__ = [
    "CONTACTS_SCOPE", "SCOPES", "AccessTokens", "ClientSecrets", "Consent", "Grant", "authorized_user", "begin_consent",
    "check_same_user", "check_scopes", "client_secrets", "delegated_tokens", "finish_consent", "revoke",
    "token_to_keep", "user_tokens",
]  # fmt: skip

Json = dict[str, Any]

EMAIL_SCOPE = "https://www.googleapis.com/auth/userinfo.email"
SCOPES = ("openid", EMAIL_SCOPE, CONTACTS_SCOPE)
"""Asked for in full spelling: Google answers a short `email` with the long one, which looks like another scope."""

ISSUERS = ("https://accounts.google.com", "accounts.google.com")


@dataclass(frozen=True, slots=True)
class Consent:
    """A consent that was begun. `state` and `verifier` are secrets to keep until the code comes, and to use once."""

    url: str
    redirect_uri: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Grant:
    """What the user granted, and who it was. `refresh_token` is "" when Google gave none."""

    sub: str
    email: str
    scopes: tuple[str, ...]
    refresh_token: str = field(repr=False)


def begin_consent(secrets: ClientSecrets, redirect_uri: str, *, login_hint: str = "") -> Consent:
    """Where to send the user: offline access, consent asked anew (else there is no refresh token), PKCE with S256."""
    from google_auth_oauthlib.flow import Flow  # noqa: PLC0415 -- 100 ms that only a sign-in is worth

    real = urlsplit(secrets.auth_uri)
    config = {secrets.kind: {
        "client_id": secrets.client_id, "client_secret": secrets.client_secret, "token_uri": TOKEN_URI,
        "auth_uri": urlunsplit(real._replace(scheme="https")),
    }}  # fmt: skip
    flow = Flow.from_client_config(config, scopes=SCOPES, redirect_uri=redirect_uri, autogenerate_code_verifier=True)
    hint = {"login_hint": login_hint} if login_hint else {}
    url, state = flow.authorization_url(access_type="offline", prompt="consent", **hint)
    # The library refuses http whatever the host; here only loopback can be http, see `client_secrets.py`.
    return Consent(urlunsplit(urlsplit(url)._replace(scheme=real.scheme)), redirect_uri, state, flow.code_verifier)


def finish_consent(
    transport: Transport, secrets: ClientSecrets, consent: Consent, *, state: str, code: str, error: str = ""
) -> Grant:
    """Trade the code for a grant, and check whose it is and what was granted.

    Raises `MissingRight` for a refusal or an unticked scope, `NeedsHuman` for an answer to another question,
    `ConsentRevoked` for a code that is spent or expired.
    """
    if not hmac.compare_digest(state.encode(), consent.state.encode()):
        raise NeedsHuman("This answer belongs to another sign-in", "begin anew, and use the newest link")
    if error or not code:
        raise MissingRight(f"Google did not grant access: {error[:40] or 'no code'}", "sign in again and allow access")
    tokens = _post(
        transport, secrets.token_uri,
        {
            "grant_type": "authorization_code", "code": code, "redirect_uri": consent.redirect_uri,
            "client_id": secrets.client_id, "client_secret": secrets.client_secret, "code_verifier": consent.verifier,
        },
    )  # fmt: skip
    scopes = tuple(str(tokens.get("scope", "")).split())
    check_scopes(scopes)
    access = str(tokens.get("access_token", ""))
    sub, email = _who(transport, secrets, access, str(tokens.get("id_token") or ""))
    return Grant(sub, email, scopes, str(tokens.get("refresh_token") or ""))


def check_scopes(granted: tuple[str, ...]) -> None:
    """`MissingRight` naming each scope that the user left unticked."""
    missing = [s for s in SCOPES if s not in granted]
    if missing:
        raise MissingRight(f"The user did not grant {', '.join(missing)}", "sign in again and leave every box ticked")


def check_same_user(grant: Grant, known_sub: str) -> None:
    """`NeedsHuman` when another Google user than the known one signed in; "" for a first sign-in."""
    if known_sub and grant.sub != known_sub:
        raise NeedsHuman(
            "Another Google user signed in than this account belongs to",
            "sign in as the user that was connected before, or disconnect the account first",
        )


def token_to_keep(grant: Grant, stored: str) -> str:
    """The refresh token to store: the new one, else the stored one. `NeedsHuman` when there is neither."""
    if kept := grant.refresh_token or stored:
        return kept
    raise NeedsHuman(
        "Google gave no refresh token",
        "remove syncd's access at https://myaccount.google.com/connections and connect again",
    )


def _who(transport: Transport, secrets: ClientSecrets, access: str, id_token: str) -> tuple[str, str]:
    """Who signed in, as Google says. The id token came straight from the token endpoint, so its claims suffice."""
    reply = send(transport, "GET", secrets.userinfo_uri, {"authorization": f"Bearer {access}"}, None)
    told = json_of(reply) if reply.status == 200 else {}
    sub = str(told.get("sub") or "")
    if not sub:
        raise Unavailable(f"Google does not say who signed in: {reply.status}")
    if id_token:
        _check_claims(_claims(id_token), secrets.client_id, sub)
    return sub, str(told.get("email") or "")


def _claims(id_token: str) -> Json:
    from google.auth import jwt  # noqa: PLC0415 -- only a sign-in needs it

    decode: Callable[..., Mapping[str, Any]] = jwt.decode
    try:
        claims = decode(id_token, verify=False)
    except (ValueError, GoogleAuthError) as exc:
        raise Unavailable("Google's id token makes no sense") from exc
    return dict(claims)


def _check_claims(claims: Json, client_id: str, sub: str) -> None:
    audience = claims.get("aud")
    if claims.get("iss") not in ISSUERS or audience not in (client_id, [client_id]) or claims.get("sub") != sub:
        raise NeedsHuman("The id token was not made for this sign-in", RECONNECT)


def revoke(transport: Transport, secrets: ClientSecrets, refresh_token: str) -> None:
    """Give the grant back. A token that Google does not know (any more) counts as given back."""
    reply = send(transport, "POST", secrets.revoke_uri, FORM, urlencode({"token": refresh_token}).encode())
    if reply.status not in (200, 400):
        raise trouble(reply)


def _post(transport: Transport, url: str, form: Mapping[str, str]) -> Json:
    reply = send(transport, "POST", url, FORM, urlencode(form).encode())
    if reply.status == 200:
        return json_of(reply)
    if reply.status >= 500 or reply.status == 429:
        raise trouble(reply)
    _refused(str(json_of(reply).get("error", ""))[:40])


def _refused(word: str) -> NoReturn:
    if word == "invalid_grant":
        raise ConsentRevoked("The code of this sign-in is spent or too old", "sign in again")
    raise NeedsHuman(f"Google refuses the OAuth client ({word})", "check the client secrets file")
