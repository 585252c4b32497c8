"""The page where a user picks an account and says yes or no; scripts answer it with `_user` and `_allow` in the URL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from syncd.sandbox.google.grants import Client, Code, Grants, full_scopes
from syncd.sandbox.google.users import User
from syncd.sandbox.wire import Reply

_OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem}"
    "fieldset{border:1px solid #ccc;border-radius:8px;margin:1rem 0}label{display:block;margin:.4rem 0}"
    "td{padding:.2rem 1rem .2rem 0;vertical-align:top}"
    "button{font:inherit;padding:.5rem 1.2rem;border-radius:1.2rem;border:1px solid #0b57d0;background:#fff}"
    "button.yes{background:#0b57d0;color:#fff}small{color:#555}"
)
_MEANINGS = {
    "openid": "Know who you are",
    "https://www.googleapis.com/auth/userinfo.email": "See your e-mail address",
    "https://www.googleapis.com/auth/userinfo.profile": "See your name",
    "https://www.googleapis.com/auth/contacts": "See, edit, download, and permanently delete your contacts",
    "https://www.googleapis.com/auth/contacts.readonly": "See and download your contacts",
    "https://www.googleapis.com/auth/contacts.other.readonly": "See and download your “other contacts”",
}


@dataclass(frozen=True)
class _Asked:
    """The request of a client, checked."""

    client: Client
    redirect_uri: str
    scopes: tuple[str, ...]
    query: dict[str, str]


def html_page(status: int, title: str, body: str) -> Reply:
    """A page without scripts; the caller has escaped what came from outside."""
    head_part = f"<meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
    page = f"<!DOCTYPE html><html lang=en>{head_part}{body}</html>"
    head = (
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"),
        ("Cache-Control", "no-store"),
        ("X-Frame-Options", "DENY"),
    )
    return Reply(status, page.encode("utf-8", "replace"), head)


def _error_page(status: int, error: str, text: str) -> Reply:
    shown = f"<h1>Access blocked</h1><p>{escape(text)}</p><p><small>Error {status}: {escape(error)}</small></p>"
    return html_page(status, "Access blocked", shown)


def authorize(query: Sequence[tuple[str, str]], grants: Grants, users: Sequence[User], now: float) -> Reply:
    """The whole endpoint: errors as pages, the form, and the way back to the client."""
    asked = _checked(dict(query), grants)
    if isinstance(asked, Reply):
        return asked
    allow = asked.query.get("_allow")
    if allow is None:
        return _form(asked, users)
    user = _chosen(asked, users)
    if allow != "1" or user is None:
        return _back(asked, {"error": "access_denied"})
    scopes = _ticked(asked, query)
    if not scopes:
        return _back(asked, {"error": "access_denied"})
    code = grants.consent(_code(asked, user, scopes, now), asked_again="consent" in asked.query.get("prompt", ""))
    return _back(asked, {"code": code, "scope": " ".join(scopes), "authuser": "0", "prompt": "consent"})


def _checked(query: dict[str, str], grants: Grants) -> _Asked | Reply:
    client = grants.clients.get(query.get("client_id", ""))
    if client is None:
        return _error_page(401, "invalid_client", "The OAuth client was not found.")
    redirect_uri = query.get("redirect_uri", "")
    if redirect_uri == _OUT_OF_BAND:
        return _error_page(400, "invalid_request", "The out-of-band (OOB) flow has been blocked.")
    if not client.accepts(redirect_uri):
        return _error_page(400, "redirect_uri_mismatch", "The redirect address does not belong to this application.")
    if query.get("response_type") != "code":
        return _error_page(400, "unsupported_response_type", "Only response_type=code is served here.")
    if query.get("code_challenge_method", "S256") not in ("S256", "plain"):
        return _error_page(400, "invalid_request", "code_challenge_method is not supported.")
    scopes = full_scopes(query.get("scope", ""))
    if not scopes:
        return _error_page(400, "invalid_request", "Missing required parameter: scope")
    return _Asked(client, redirect_uri, scopes, query)


def _code(asked: _Asked, user: User, scopes: tuple[str, ...], now: float) -> Code:
    query = asked.query
    return Code(
        asked.client.id,
        user.sub,
        scopes,
        asked.redirect_uri,
        query.get("code_challenge", ""),
        query.get("code_challenge_method", "plain"),
        query.get("access_type") == "offline",
        now,
        query.get("nonce", ""),
    )


def _chosen(asked: _Asked, users: Sequence[User]) -> User | None:
    wanted = asked.query.get("_user") or asked.query.get("login_hint")
    if wanted is None and len(users) == 1:
        return users[0]
    return next((u for u in users if wanted in (u.email, u.sub)), None)


def _ticked(asked: _Asked, query: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """What the user left ticked. Who you are cannot be unticked."""
    if asked.query.get("_form"):
        ticked = {value for name, value in query if name == "_tick"} | {"openid"}
        return tuple(s for s in asked.scopes if s in ticked)
    unticked = {full for name, value in query if name == "_untick" for full in full_scopes(value) if full != "openid"}
    return tuple(s for s in asked.scopes if s not in unticked)


def _back(asked: _Asked, answer: dict[str, str]) -> Reply:
    if "state" in asked.query:
        answer = {"state": asked.query["state"], **answer}
    parts = urlsplit(asked.redirect_uri)
    query = urlencode([*parse_qsl(parts.query), *answer.items()])
    location = urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))
    return Reply(302, b"", (("Location", location), ("Cache-Control", "no-store")))


def _form(asked: _Asked, users: Sequence[User]) -> Reply:
    hint = asked.query.get("login_hint")
    hidden = "".join(
        f'<input type=hidden name="{escape(k)}" value="{escape(v)}">'
        for k, v in asked.query.items()
        if not k.startswith("_")
    )
    people = "".join(
        f'<label><input type=radio name=_user value="{escape(u.email)}" required'
        f"{' checked' if hint in (u.email, u.sub) or len(users) == 1 else ''}> "
        f"{escape(u.name)} <small>{escape(u.email)}</small></label>"
        for u in users
    )
    scopes = "".join(
        f'<label><input type=checkbox name=_tick value="{escape(s)}" checked> {escape(_MEANINGS.get(s, s))}</label>'
        for s in asked.scopes
    )
    body = (
        "<h1>Sign in to the sandbox</h1><p>This is not Google. It stands in for it on this computer.</p>"
        f"<form method=get>{hidden}<input type=hidden name=_form value=1>"
        f"<fieldset><legend>Account</legend>{people or '<p>No users yet.</p>'}</fieldset>"
        f"<fieldset><legend><b>{escape(asked.client.id)}</b> wants to</legend>{scopes}</fieldset>"
        "<button class=yes name=_allow value=1>Allow</button> "
        "<button name=_allow value=0 formnovalidate>Deny</button></form>"
    )
    return html_page(200, "Sign in to the sandbox", body)
