"""The sign-in endpoints: consent, tokens, revocation, who am I, and the keys that id tokens are checked with."""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from cryptography.hazmat.primitives.asymmetric import rsa

from syncd.sandbox.google import keys
from syncd.sandbox.google.consent import authorize
from syncd.sandbox.google.grants import Access, Client, Grants, Refused
from syncd.sandbox.google.problems import page_not_found
from syncd.sandbox.google.users import User
from syncd.sandbox.google.world import World
from syncd.sandbox.wire import Reply, Request, json_reply

_NO_STORE = ("Cache-Control", "no-store")
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_EMAIL = "https://www.googleapis.com/auth/userinfo.email"
_ASSERTION_LIFETIME = 3600
_DEVICE_SCOPES = ("openid", "email", "profile")
_CONSENT_PATHS = ("/o/oauth2/v2/auth", "/o/oauth2/auth")


class SignIn:
    """Answers for its paths, None for others. `users` finds a user by sub or e-mail, or lists them all."""

    def __init__(self, world: World, users: Callable[[], list[User]], make_user: Callable[[str], User]) -> None:
        self._world = world
        self._users = users
        self._make_user = make_user
        self._lock = threading.RLock()
        self._service_accounts: dict[str, rsa.RSAPublicKey] = {}
        self.grants = Grants(world)
        self._paths: dict[tuple[str, str], Callable[[Request, float], Reply]] = {
            **{("GET", path): self._consent for path in _CONSENT_PATHS},
            ("POST", "/token"): self._token,
            ("POST", "/revoke"): self._revoke,
            ("GET", "/revoke"): self._revoke,
            ("POST", "/device/code"): self._device,
            ("GET", "/oauth2/v3/userinfo"): self._userinfo,
            ("GET", "/v1/userinfo"): self._userinfo,
            ("GET", "/oauth2/v2/userinfo"): self._userinfo,
            ("GET", "/oauth2/v3/certs"): lambda _, __: json_reply(200, keys.jwk_set()),
            ("GET", "/oauth2/v1/certs"): lambda _, __: json_reply(200, keys.certificates()),
        }

    def handle(self, request: Request, now: float) -> Reply | None:
        path = request.path
        endpoint = self._paths.get((request.method, path))
        if endpoint is None:
            known = any(path == known for _, known in self._paths)
            return page_not_found(path) if known else None
        with self._lock:
            return endpoint(request, now)

    def bearer(self, request: Request, now: float) -> Access | None:
        """The access token of a request, from its header or its query."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            token = dict(request.query).get("access_token", "")
        with self._lock:
            return self.grants.bearer(token.strip(), now)

    # By hand

    def issue(self, user: User, scopes: Iterable[str], client_id: str, now: float) -> dict[str, Any]:
        """Tokens without a browser: what a finished sign-in leaves behind."""
        with self._lock:
            granted = tuple(scopes)
            grant = self.grants.new_refresh(client_id, user.sub, granted, now)
            access = self.grants.new_access(client_id, user.sub, granted, now)
            self.grants.consents.setdefault((user.sub, client_id), set()).update(granted)
            return {"access_token": access.token, "refresh_token": grant.token, "expires": access.expires}

    def revoke_user(self, user: User) -> None:
        with self._lock:
            self.grants.revoke(user.sub)

    def expire_access(self, user: User | None = None) -> None:
        with self._lock:
            self.grants.expire_access(user.sub if user else None)

    def add_service_account(self, email: str, token_uri: str) -> dict[str, Any]:
        """A new service account; the content of its key file."""
        key = keys.new_key()
        with self._lock:
            self._service_accounts[email] = key.public_key()
        return {
            "type": "service_account",
            "project_id": "sandbox",
            "private_key_id": keys.key_id(key),
            "private_key": keys.private_pem(key),
            "client_email": email,
            "client_id": str(self._world.contact_id()),
            "token_uri": token_uri,
        }

    # Endpoints

    def _consent(self, request: Request, now: float) -> Reply:
        return authorize(request.query, self.grants, self._users(), now)

    def _token(self, request: Request, now: float) -> Reply:
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        try:
            return json_reply(200, self._tokens(form, request, now), _NO_STORE)
        except Refused as no:
            return json_reply(no.status, {"error": no.error, "error_description": no.description}, _NO_STORE)

    def _tokens(self, form: dict[str, str], request: Request, now: float) -> dict[str, Any]:
        kind = form.get("grant_type", "")
        if kind == _JWT_BEARER:
            return self._by_assertion(form.get("assertion", ""), now)
        if kind not in ("authorization_code", "refresh_token"):
            raise Refused(400, "unsupported_grant_type", f"Invalid grant_type: {kind}")
        client = self.grants.client(*_credentials(form, request))
        if kind == "refresh_token":
            return self._by_refresh(form, client, now)
        code = self.grants.redeem(
            form.get("code", ""), client, form.get("redirect_uri", ""), form.get("code_verifier", ""), now
        )
        answer = self._answer(client.id, code.sub, code.scopes, now, code.nonce)
        if code.offline:
            answer["refresh_token"] = self.grants.new_refresh(client.id, code.sub, code.scopes, now).token
        return answer

    def _by_refresh(self, form: dict[str, str], client: Client, now: float) -> dict[str, Any]:
        grant = self.grants.renew(form.get("refresh_token", ""), client, now)
        asked = tuple(form.get("scope", "").split()) or grant.scopes
        if set(asked) - set(grant.scopes):
            raise Refused(400, "invalid_scope", "Bad Request")
        return self._answer(client.id, grant.sub, asked, now)

    def _by_assertion(self, assertion: str, now: float) -> dict[str, Any]:
        # "aud" is Google's real address whatever the key file says, and "exp" follows the client's clock, not this one.
        claims = keys.claims_unchecked(assertion) or {}
        email = str(claims.get("iss", ""))
        key = self._service_accounts.get(email)
        if key is None:
            raise Refused(400, "invalid_grant", "Invalid grant: account not found")
        if not keys.signed_by(assertion, key):
            raise Refused(400, "invalid_grant", "Invalid JWT Signature.")
        if not 0 < claims.get("exp", 0) - claims.get("iat", 0) <= _ASSERTION_LIFETIME:
            raise Refused(400, "invalid_grant", "Invalid JWT: Token must be a short-lived token (60 minutes)")
        scopes = tuple(str(claims.get("scope", "")).split())
        user = self._impersonated(email, str(claims.get("sub") or email), scopes)
        answer = self._answer(email, user.sub, scopes, now)
        return {k: answer[k] for k in ("access_token", "expires_in", "token_type")}

    def _impersonated(self, service_account: str, subject: str, scopes: tuple[str, ...]) -> User:
        if subject == service_account:  # without a subject it works in its own address book, which nobody sees
            return self._make_user(service_account)
        user = self._find(subject)
        if user is None:
            raise Refused(400, "invalid_grant", "Invalid email or User ID")
        delegation = self._world.switches.delegation
        allowed = {*delegation.get(subject, ()), *delegation.get("*", ())}
        if not scopes or set(scopes) - allowed:
            text = (
                "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any "
                "of the scopes requested."
            )
            raise Refused(401, "unauthorized_client", text)
        return user

    def _answer(self, client: str, sub: str, scopes: tuple[str, ...], now: float, nonce: str = "") -> dict[str, Any]:
        access = self.grants.new_access(client, sub, scopes, now)
        lifetime = self._world.switches.access_token_lifetime
        answer: dict[str, Any] = {"access_token": access.token, "expires_in": lifetime}
        answer |= {"scope": " ".join(scopes), "token_type": "Bearer"}
        if "openid" in scopes:
            answer["id_token"] = keys.sign(self._claims(client, sub, scopes, now, nonce))
        return answer

    def _claims(self, client: str, sub: str, scopes: tuple[str, ...], now: float, nonce: str) -> dict[str, Any]:
        claims: dict[str, Any] = {"iss": "https://accounts.google.com", "azp": client, "aud": client, "sub": sub}
        user = self._find(sub)
        if user is not None and _EMAIL in scopes:
            claims |= {"email": user.email, "email_verified": True}
        claims |= {"iat": int(now), "exp": int(now) + 3600}
        return {**claims, "nonce": nonce} if nonce else claims

    def _find(self, sub_or_email: str) -> User | None:
        return next((u for u in self._users() if sub_or_email in (u.sub, u.email)), None)

    def _revoke(self, request: Request, _: float) -> Reply:
        form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
        token = form.get("token") or dict(request.query).get("token", "")
        if self.grants.revoke_token(token):
            return json_reply(200, {})
        return json_reply(400, {"error": "invalid_token", "error_description": "Token expired or revoked"})

    def _device(self, request: Request, _: float) -> Reply:
        scopes = dict(parse_qsl(request.body.decode("utf-8", "replace"))).get("scope", "").split()
        barred = [s for s in scopes if s not in _DEVICE_SCOPES]
        if not barred:
            return json_reply(400, {"error": "invalid_client", "error_description": "Invalid client type."})
        return json_reply(
            400, {"error": "invalid_scope", "error_description": f"Invalid device flow scope: {' '.join(barred)}"}
        )

    def _userinfo(self, request: Request, now: float) -> Reply:
        access = self.bearer(request, now)
        user = self._find(access.sub) if access else None
        if access is None or user is None or not access.scopes & {"openid", _EMAIL}:
            return json_reply(401, {"error": "invalid_request", "error_description": "Invalid Credentials"})
        if request.path == "/oauth2/v2/userinfo":
            return json_reply(200, {"id": user.sub, "email": user.email, "verified_email": True, "name": user.name})
        return json_reply(200, {"sub": user.sub, "name": user.name, "email": user.email, "email_verified": True})


def _credentials(form: dict[str, str], request: Request) -> tuple[str, str]:
    """Client id and secret, from the Basic header or from the body."""
    kind, _, encoded = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return unquote_plus(client_id), unquote_plus(secret)
