"""The sandbox Google server as one function: sign-in, People API, faults around both, and `/_sandbox` beside them."""

from __future__ import annotations

import gzip
import hashlib
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Any

from syncd.sandbox.faults import Faults
from syncd.sandbox.google import admin
from syncd.sandbox.google.calls import Call
from syncd.sandbox.google.grants import Client
from syncd.sandbox.google.oauth import SignIn
from syncd.sandbox.google.problems import (
    ApiError,
    Json,
    aborted,
    api_disabled,
    bad_payload,
    page_not_found,
    scope_missing,
    unauthenticated,
    unavailable,
)
from syncd.sandbox.google.quota import PROJECT
from syncd.sandbox.google.routes import CONTACTS, Method, route
from syncd.sandbox.google.switches import Switches
from syncd.sandbox.google.users import User
from syncd.sandbox.google.world import World
from syncd.sandbox.wire import Clock, Reply, Request, json_reply

__all__ = ["GoogleSandbox", "Switches", "User"]

_LOG_KEPT = 100_000
_GZIP_FROM = 1024
_RETRY_WINDOW = 0.1
_FORM = "application/x-www-form-urlencoded"
_VARY = ("Vary", "Origin, X-Origin, Referer")


class GoogleSandbox:
    """State of one sandbox. `handle` may be mounted in process or put on a port with `shell.Served`."""

    def __init__(
        self,
        clock: Clock,
        switches: Switches | None = None,
        *,
        client_id: str = "sandbox-client",
        client_secret: str = "sandbox-secret",
        seed: int = 1,
    ) -> None:
        self.clock = clock
        self.switches = switches or Switches()
        self.faults = Faults()
        self.world = World(self.switches, Random(seed))
        self.log: list[dict[str, Any]] = []
        self.calls: Counter[str] = Counter()
        self._client_id = client_id
        self._users: dict[str, User] = {}
        self._lock = threading.RLock()
        self._thread = threading.local()
        self._sign_in = SignIn(self.world, lambda: self.users, self.add_user)
        self._sign_in.grants.clients[client_id] = Client(client_id, client_secret)
        self._faulty = self.faults.around(self._serve)

    # Setting up

    @property
    def users(self) -> list[User]:
        with self._lock:
            return list(self._users.values())

    @property
    def violations(self) -> list[dict[str, Any]]:
        """What clients did that Google asks them not to do, in order: kind, user, time."""
        return self.world.violations

    def add_user(self, email: str, name: str = "") -> User:
        """The user with that address, made when there is none."""
        with self._lock:
            known = next((u for u in self._users.values() if u.email == email), None)
            if known is not None:
                return known
            sub = f"1{self.world.dice.randrange(10**20):020d}"
            self._users[sub] = User(self.world, self.clock, sub, email, name)
            return self._users[sub]

    def user(self, email: str) -> User:
        """The user with that address; KeyError when there is none."""
        for user in self.users:
            if user.email == email:
                return user
        raise KeyError(email)

    def client_secrets(
        self, base_url: str, kind: str = "installed", redirect_uris: Iterable[str] = ()
    ) -> dict[str, dict[str, Any]]:
        """The content of client_secret.json. A web client is registered with exactly these redirect addresses."""
        client = self._sign_in.grants.clients[self._client_id]
        uris = tuple(redirect_uris) or ("http://localhost",)
        if kind != "installed":
            client = Client(f"{self._client_id}-{kind}", client.secret, kind, uris)
            self._sign_in.grants.clients[client.id] = client
        inner = {
            "client_id": client.id,
            "project_id": "sandbox",
            "auth_uri": f"{base_url}/o/oauth2/v2/auth",
            "token_uri": f"{base_url}/token",
            "auth_provider_x509_cert_url": f"{base_url}/oauth2/v1/certs",
            "client_secret": client.secret,
            "redirect_uris": list(uris),
        }
        return {kind: inner}

    def add_service_account(self, email: str, base_url: str) -> dict[str, Any]:
        """A service account; the content of its key file. `switches.delegation` says for whom it may speak."""
        return self._sign_in.add_service_account(email, f"{base_url}/token")

    def issue_tokens(self, email: str, scopes: Iterable[str] = (CONTACTS,)) -> dict[str, Any]:
        """`access_token`, `refresh_token` and `expires` of a finished sign-in, without a browser."""
        return self._sign_in.issue(self.user(email), scopes, self._client_id, self.clock.now())

    def revoke(self, email: str) -> None:
        """The user withdraws consent: every token dies."""
        self._sign_in.revoke_user(self.user(email))

    def expire_access(self, email: str | None = None) -> None:
        """Access tokens die now; refresh tokens live on."""
        self._sign_in.expire_access(self.user(email) if email else None)

    def reset_log(self) -> None:
        self.log.clear()
        self.calls.clear()
        self.violations.clear()

    # Serving

    def handle(self, request: Request, clock: Clock) -> Reply:
        """Answer one request. Neither `/_sandbox` nor the overview at `/` is logged or goes wrong by a fault."""
        path = request.path
        if path == "/" or path.startswith("/_sandbox/"):
            return admin.handle(self, request, clock)
        entry: dict[str, Any] = {"method": request.method, "path": path, "user": None, "api": None, "executed": 0}
        self._thread.entry = entry
        reply = self._faulty(request, clock)
        entry |= {"status": reply.status, "at": clock.now(), "cut": reply.cut.value}
        with self._lock:
            self.log.append(entry)
            if len(self.log) > _LOG_KEPT:
                del self.log[: _LOG_KEPT // 2]
        return reply

    def _serve(self, request: Request, clock: Clock) -> Reply:
        request, now = _unwrapped(request), clock.now()
        reply = self._sign_in.handle(request, now)
        if reply is not None:
            return reply
        try:
            answer = self._api(request, now)
        except ApiError as problem:
            return problem.reply(legacy_list=self.switches.legacy_errors_list)
        if answer is None:
            return page_not_found(request.path)
        return self._packed(json_reply(200, answer, _VARY), request)

    def _api(self, request: Request, now: float) -> Json | None:
        found = route(request.method, request.path)
        if found is None:
            return None
        method, args = found
        entry = self._thread.entry
        entry |= {"method": request.method, "api": method.api}
        if self.switches.api_disabled:
            raise api_disabled(PROJECT)
        user = self._caller(request, method, now)
        entry |= {"user": user.email, "executed": entry["executed"] + 1}
        with self._lock:
            self.calls[method.api] += 1
        call = Call(user, now, args, _parameters(request, method), request.body)
        with user.lock:
            user.meter.charge(method.access.cost, now)
        if not method.writes:
            with user.lock:
                return method.act(call)
        return self._write(method, call, request)

    def _caller(self, request: Request, method: Method, now: float) -> User:
        access = self._sign_in.bearer(request, now)
        user = self._users.get(access.sub) if access else None
        if access is None or user is None:
            raise unauthenticated()
        if not any(access.scopes.issuperset(together) for together in method.access.scopes):
            raise scope_missing(method.rpc)
        return user

    def _write(self, method: Method, call: Call, request: Request) -> Json:
        user, s = call.user, self.switches
        self._watch_retries(user, request, call.now)
        with self._lock:
            user.in_flight += 1
            overlapping = user.in_flight > 1
        try:
            if overlapping:
                self.world.note("overlapping-writes", user.email, call.now, {"api": method.api})
                if self.world.dice.random() < s.overlap_rejected:
                    raise aborted() if s.overlap_status == 409 else unavailable()
            if s.mutate_latency > 0:
                time.sleep(s.mutate_latency)
            with user.lock:
                return method.act(call)
        finally:
            with self._lock:
                user.in_flight -= 1

    def _watch_retries(self, user: User, request: Request, now: float) -> None:
        """A client that sends one POST more than twice within a moment makes duplicates."""
        if request.method != "POST":
            return
        key = hashlib.sha256(request.target.encode() + b"\0" + request.body).digest()
        recent = user.recent_posts
        repeats = sum(1 for at, other in recent if other == key and now - at <= _RETRY_WINDOW)
        recent.append((now, key))
        if repeats > 1:
            self.world.note("post-repeated", user.email, now, {"path": request.path})

    def _packed(self, reply: Reply, request: Request) -> Reply:
        wanted = "gzip" in request.headers.get("accept-encoding", "")
        if not (self.switches.gzip and wanted and len(reply.body) >= _GZIP_FROM):
            return reply
        body = gzip.compress(reply.body, compresslevel=1, mtime=0)
        return replace(reply, body=body, headers=(*reply.headers, ("Content-Encoding", "gzip")))


def _unwrapped(request: Request) -> Request:
    """The request that was meant by a POST with X-HTTP-Method-Override; a long GET has its query in the body."""
    verb = request.headers.get("x-http-method-override", "").upper()
    if request.method != "POST" or not verb:
        return request
    if verb == "GET" and request.headers.get("content-type", "").startswith(_FORM):
        joint = "&" if "?" in request.target else "?"
        target = request.target + joint + request.body.decode("utf-8", "replace")
        return replace(request, method="GET", target=target, body=b"")
    return replace(request, method=verb)


def _parameters(request: Request, method: Method) -> dict[str, list[str]]:
    parameters: dict[str, list[str]] = {}
    for name, value in request.query:
        if name not in method.allowed:
            text = (
                f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter. '
                f"Field '{name}' could not be found in request message."
            )
            raise bad_payload(text)
        parameters.setdefault(name, []).append(value)
    return parameters
