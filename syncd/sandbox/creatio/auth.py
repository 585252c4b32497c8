"""Sign-in: forms sessions with their cookies and CSRF token, OAuth client credentials, and who a request comes from."""

from __future__ import annotations

import base64
import json
import random
import threading
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, quote

from syncd.sandbox.creatio.errors import html_reply
from syncd.sandbox.creatio.profile import Profile
from syncd.sandbox.creatio.rights import User
from syncd.sandbox.wire import Reply, Request, json_reply

UNAUTHENTICATED = {
    "Message": "Authentication failed.",
    "StackTrace": None,
    "ExceptionType": "System.InvalidOperationException",
}
_BAD_LOGIN = "Invalid username or password specified, or your user account is inactive."
_EXPIRED = "The password has expired."


@dataclass
class Session:
    """One signed-in cookie jar. Its requests are carried out one after the other."""

    name: str
    user: User
    csrf: str
    loader: str
    last_used: float
    csrf_told: bool
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Token:
    """What a bearer token stands for."""

    user: User
    expires: float


@dataclass(frozen=True)
class Caller:
    """An authenticated request's user; `session` is None for a bearer token."""

    user: User
    session: Session | None = None
    set_cookies: tuple[tuple[str, str], ...] = ()


class Gate:
    """Sessions and tokens. Times are the clock's seconds."""

    def __init__(self, profile: Profile, rng: random.Random) -> None:
        self.profile, self._rng = profile, rng
        self.users: dict[str, User] = {}
        self.clients: dict[str, tuple[str, User]] = {}
        self.sessions: dict[str, Session] = {}
        self.tokens: dict[str, Token] = {}

    def _secret(self, size: int = 20) -> str:
        return base64.urlsafe_b64encode(self._rng.randbytes(size)).decode().rstrip("=")

    # forms

    def login(self, request: Request, now: float) -> Reply:
        """The reply of AuthService.svc/Login: status 200 whatever the password."""
        if request.method != "POST":
            return Reply(405, b"", (("Allow", "POST"),))
        body = _json_object(request)
        if body is None:
            return json_reply(400, {"Message": "The request body could not be read."})
        user = self.users.get(str(body.get("UserName")))
        if user is None or not user.active or self._wrong(user, body.get("UserPassword")):
            return _login_reply(1, _BAD_LOGIN)
        if user.password_expired:
            return _login_reply(1, _EXPIRED, change_url="/Login/ChangePassword.html")
        user.failed_logins = 0
        return _login_reply(0, "", cookies=self._open(user, now))

    def _wrong(self, user: User, password: object) -> bool:
        if password == user.password:
            return False
        user.failed_logins += 1
        if self.profile.lockout_after and user.failed_logins >= self.profile.lockout_after:
            user.active = False
        return True

    def _open(self, user: User, now: float) -> list[tuple[str, str]]:
        key, first, loader = self._secret(), self._secret(), self._secret()
        told = not self.profile.late_csrf
        session = Session(self._secret(9), user, self._secret(12), loader, now, told)
        self.sessions[key] = session
        encoded = "|".join(str(ord(c)) for c in user.name)
        cookies = [
            f".ASPXAUTH={key}; path=/; HttpOnly; SameSite=Lax",
            *([f"BPMCSRF={session.csrf}; path=/; SameSite=Lax"] if told else []),
            f"BPMLOADER={first}; path=/; HttpOnly; SameSite=Lax",
            f"BPMLOADER={loader}; path=/; HttpOnly; SameSite=Lax",
            f"BPMSESSIONID={session.name}; path=/; HttpOnly; SameSite=Lax",
            f"UserName={encoded}; path=/; HttpOnly; max-age=604800",
            "UserType=General; path=/",
            "TimeZone=0; path=/",
        ]
        if self.profile.runtime == "core":
            cookies.append(f"CsrfToken={self._secret(12)}; path=/; HttpOnly")
        return [("Set-Cookie", cookie) for cookie in cookies]

    def logout(self, request: Request) -> Reply:
        self.sessions.pop(_cookies(request).get(".ASPXAUTH", ""), None)
        return json_reply(200, {"Code": 0})

    # OAuth

    def token(self, request: Request, now: float) -> Reply:
        """The reply of connect/token for client credentials in a form body."""
        if request.method != "POST":
            return Reply(405, b"", (("Allow", "POST"),))
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return json_reply(400, {"error": "invalid_request"})
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        secret, user = self.clients.get(form.get("client_id", ""), ("", None))
        if user is None or secret != form.get("client_secret"):
            return json_reply(400, {"error": "invalid_client"})
        if form.get("grant_type") != "client_credentials":
            return json_reply(400, {"error": "unsupported_grant_type" if "grant_type" in form else "invalid_request"})
        value, ttl = self._secret(32), self.profile.token_ttl
        self.tokens[value] = Token(user, now + ttl)
        return json_reply(200, {"access_token": value, "expires_in": ttl, "token_type": "Bearer"})

    def expire(self, user: User | None = None) -> int:
        """End the sessions and tokens of one user, or all. Returns how many."""
        sessions = [k for k, s in self.sessions.items() if user in (None, s.user)]
        tokens = [k for k, t in self.tokens.items() if user in (None, t.user)]
        for key in sessions:
            del self.sessions[key]
        for key in tokens:
            del self.tokens[key]
        return len(sessions) + len(tokens)

    # who is it

    def identify(self, request: Request, now: float) -> Caller | None:
        """The caller of a request, its idle time started anew; None when it is nobody."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            token = self.tokens.get(value.strip())
            valid = token is not None and token.expires > now and token.user.active
            return Caller(token.user) if token is not None and valid else None
        jar = _cookies(request)
        key = jar.get(".ASPXAUTH", "")
        session = self.sessions.get(key)
        if session is None or jar.get("BPMLOADER") != session.loader or not session.user.active:
            return None
        if now - session.last_used > self.profile.session_idle:
            self.sessions.pop(key, None)
            return None
        session.last_used = now
        late: tuple[tuple[str, str], ...] = ()
        if not session.csrf_told and request.method == "GET":
            session.csrf_told = True
            late = (("Set-Cookie", f"BPMCSRF={session.csrf}; path=/; SameSite=Lax"),)
        return Caller(session.user, session, late)

    def session_of(self, request: Request) -> Session | None:
        """The session a request's cookies name, live or idle too long."""
        return self.sessions.get(_cookies(request).get(".ASPXAUTH", ""))

    def challenge(self, request: Request) -> Reply:
        """What an OData request without a live sign-in gets: 401, or the way to the login page."""
        if "authorization" in request.headers:
            head = (("WWW-Authenticate", "Bearer"),) if self.profile.bearer_challenge else ()
            return Reply(401, b"", head)
        if request.headers.get("forceusesession", "").lower() == "true":
            return Reply(401)
        page = "/Login/NuiLogin.aspx" if self.profile.runtime == "framework" else "/Login/Login.html"
        back = quote(request.target, safe="").replace("%2F", "%2f")
        return Reply(302, b"", (("Location", f"{page}?ReturnUrl={back}"),))

    def forged(self, request: Request, caller: Caller) -> bool:
        """Whether a writing request under cookies lacks the session's CSRF token."""
        if caller.session is None or not self.profile.csrf or request.method == "GET":
            return False
        return request.headers.get("bpmcsrf") != caller.session.csrf


def forbidden_csrf() -> Reply:
    return html_reply(403, "403 - Forbidden", "Forbidden. It may be caused by an invalid BPMCSRF cookie.")


def login_page(*, core: bool) -> Reply:
    marker = "<script>require(['bootstrap.login'])</script>" if core else "<div id='loginContainer'></div>"
    return html_reply(200, "Login", f"Sign in{marker}")


def user_info(caller: Caller, contact_name: str) -> Reply:
    """The reply of UserInfoService.svc/GetCurrentUserInfo."""
    user = caller.user
    body: dict[str, Any] = {
        "userId": user.id, "contactId": user.contact_id, "userName": user.name, "contactName": contact_name,
        "cultureName": "en-US",
    }  # fmt: skip
    return json_reply(200, body)


def _login_reply(
    code: int, message: str, *, change_url: str | None = None, cookies: list[tuple[str, str]] | None = None
) -> Reply:
    exception = {
        "HelpLink": None, "InnerException": None, "Message": message, "StackTrace": None,
        "Type": "System.Security.SecurityException",
    }  # fmt: skip
    body = {
        "Code": code,
        "Message": message,
        "Exception": exception if code else None,
        "PasswordChangeUrl": change_url,
        "RedirectUrl": None,
    }
    return json_reply(200, body, *(cookies or []))


def _cookies(request: Request) -> dict[str, str]:
    try:
        jar = SimpleCookie(request.headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def _json_object(request: Request) -> dict[str, Any] | None:
    try:
        body = json.loads(request.body)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
