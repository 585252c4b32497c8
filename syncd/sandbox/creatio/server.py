"""The server: routes requests to sign-in, OData, `$batch` and the back door, and applies the limits around them."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from syncd.sandbox.creatio import auth
from syncd.sandbox.creatio.admin import PREFIX, Admin
from syncd.sandbox.creatio.auth import Caller
from syncd.sandbox.creatio.batch import CONTINUE, Batch, Part, json_answers, read_parts
from syncd.sandbox.creatio.crm import Crm
from syncd.sandbox.creatio.errors import Refused, html_reply
from syncd.sandbox.creatio.multipart import multipart_answers, read_multipart
from syncd.sandbox.creatio.odata import Call, Service
from syncd.sandbox.creatio.profile import Profile
from syncd.sandbox.creatio.rights import SECURITY, User
from syncd.sandbox.faults import Faults
from syncd.sandbox.wire import Clock, Reply, Request, json_reply

DAY = 86_400
LOG_SIZE = 100_000
LOGIN = "/ServiceModel/AuthService.svc/Login"
LOGOUT = "/ServiceModel/AuthService.svc/Logout"
USER_INFO = "/ServiceModel/UserInfoService.svc/GetCurrentUserInfo"
LOGIN_PAGES = ("/Login/NuiLogin.aspx", "/Login/Login.html")


@dataclass(frozen=True)
class LogEntry:
    """One request as it went over the wire; `session` is a name, never a secret."""

    at: float
    method: str
    path: str
    target: str
    status: int
    session: str
    cut: str


class CreatioSandbox(Crm):
    """A Creatio to talk to: `handle` is the whole server, the other methods are its people and its operator."""

    def __init__(self, clock: Clock, profile: Profile | None = None) -> None:
        super().__init__(clock, profile)
        self.faults = Faults()
        self.log: deque[LogEntry] = deque(maxlen=LOG_SIZE)
        self.counters: Counter[str] = Counter()
        self._calls: Counter[tuple[str, int]] = Counter()
        self._service = Service(self.store, self.saver, self.rng)
        self._admin = Admin(self)
        self._faulty = self.faults.around(self._serve)

    @property
    def base(self) -> str:
        return "/0" if self.profile.runtime == "framework" else ""

    def handle(self, request: Request, clock: Clock) -> Reply:
        """Answer one request. Faults act on everything but the back door under `/_sandbox`."""
        if request.path == PREFIX or request.path.startswith(PREFIX + "/"):
            return self._admin.answer(request)
        reply = self._faulty(request, clock)
        name = self._session_name(request)
        path, target = request.path, request.target
        self.log.append(LogEntry(clock.now(), request.method, path, target, reply.status, name, reply.cut.value))
        return reply

    def _session_name(self, request: Request) -> str:
        session = self.gate.session_of(request)
        if session is not None:
            return session.name
        return "bearer" if "authorization" in request.headers else ""

    def _serve(self, request: Request, clock: Clock) -> Reply:
        if self._too_long(request.target):
            return html_reply(404, "404 - File or directory not found.", "Not found")
        verb = request.headers.get("x-http-method-override")
        if request.method == "POST" and verb:
            request = replace(request, method=verb.upper())
        path = request.path
        root = self.base + "/odata"
        if path == root or path.startswith(root + "/"):
            return self._odata(request, clock, path.removeprefix(root).strip("/"))
        return self._site(request, clock, path)

    def _too_long(self, target: str) -> bool:
        query = target.partition("?")[2]
        return len(target) > self.profile.max_url or len(query) > self.profile.max_query

    def _site(self, request: Request, clock: Clock, path: str) -> Reply:
        if path == LOGIN:
            self.counters["login"] += 1
            with self.lock:
                return self.gate.login(request, clock.now())
        if path == LOGOUT and request.method == "POST":
            return self.gate.logout(request)
        if path in ("/connect/token", self.base + "/connect/token"):
            self.counters["token"] += 1
            with self.lock:
                return self.gate.token(request, clock.now())
        if path in (LOGIN_PAGES if request.method == "GET" else ()):
            return auth.login_page(core=self.profile.runtime == "core")
        if path == "/0" + LOGIN:
            return Reply(401)
        if path == self.base + USER_INFO:
            return self._user_info(request, clock)
        if path.rstrip("/") == self.base and request.method == "GET":
            return self._application(request, clock)
        return html_reply(404, "404 - File or directory not found.", "Not found")

    def _user_info(self, request: Request, clock: Clock) -> Reply:
        if request.method != "POST":
            return Reply(405, b"", (("Allow", "POST"),))
        caller = self.gate.identify(request, clock.now())
        if caller is None:
            return json_reply(401, auth.UNAUTHENTICATED)
        if self.gate.forged(request, caller):
            return auth.forbidden_csrf()
        contact = self.store.rows("Contact").get(caller.user.contact_id, {})
        return auth.user_info(caller, contact.get("Name", ""))

    def _application(self, request: Request, clock: Clock) -> Reply:
        """The application's page, whose first load issues a late CSRF cookie."""
        caller = self.gate.identify(request, clock.now())
        if caller is None:
            plain = {k: v for k, v in request.headers.items() if k != "forceusesession"}
            return self.gate.challenge(replace(request, headers=plain))
        return _with_headers(html_reply(200, "Creatio", "Creatio"), caller.set_cookies)

    # OData

    def _odata(self, request: Request, clock: Clock, resource: str) -> Reply:
        caller = self.gate.identify(request, clock.now())
        if caller is None:
            return self.gate.challenge(request)
        if self.gate.forged(request, caller):
            return auth.forbidden_csrf()
        with self._turn(caller), self.lock:
            refusal = self._over_quota(caller.user, clock) or self._no_access(caller.user)
            reply = refusal or self._carry_out(request, clock, resource, caller)
        return _with_headers(reply, caller.set_cookies)

    @contextmanager
    def _turn(self, caller: Caller) -> Iterator[None]:
        """Requests of one session wait for each other, as they do on ASP.NET."""
        if caller.session is None:
            time.sleep(self.profile.latency)
            yield
            return
        if not caller.session.lock.acquire(blocking=False):
            self.counters["waited"] += 1
            caller.session.lock.acquire()
        try:
            time.sleep(self.profile.latency)
            yield
        finally:
            caller.session.lock.release()

    def _over_quota(self, user: User, clock: Clock) -> Reply | None:
        now = clock.now()
        today = (user.id, int(now // DAY))
        self._calls[today] += 1
        if not self.profile.daily_calls or self._calls[today] <= self.profile.daily_calls:
            return None
        left = str(int(DAY - now % DAY) + 1)
        reply = Refused(self.profile.daily_status, "The daily limit of API calls is exhausted.").reply()
        return _with_headers(reply, (("Retry-After", left),) if reply.status == 429 else ())  # too many

    def _no_access(self, user: User) -> Reply | None:
        if user.odata:
            return None
        text = "Current user does not have sufficient permissions to use OData."
        if self.profile.no_odata == "403":
            return Refused(403, text, SECURITY).reply()
        return html_reply(403 if self.profile.no_odata == "html403" else 200, "Access Denied", text)

    def _carry_out(self, request: Request, clock: Clock, resource: str, caller: Caller) -> Reply:
        plain = Part("", request.method, resource, request.query, request.headers, request.body)
        if resource == "$batch":
            return self._batch(request, clock, caller)
        self._count(plain)
        return self._service.execute(self._call(plain, request, clock, caller, in_batch=False))

    def _count(self, part: Part, prefix: str = "") -> None:
        self.counters[f"{prefix}{part.method} {part.resource.partition('(')[0].partition('/')[0]}"] += 1

    def _call(self, part: Part, request: Request, clock: Clock, caller: Caller, *, in_batch: bool) -> Call:
        scheme = request.headers.get("x-forwarded-proto", "http")
        root = f"{scheme}://{request.headers.get('host', 'creatio.sandbox')}{self.base}/odata"
        now, seen = self.node_now(clock), clock.now()
        return Call(
            *(part.method, part.resource, part.query, part.headers, part.body, caller.user, now, seen, root, in_batch)
        )

    def _batch(self, request: Request, clock: Clock, caller: Caller) -> Reply:
        if request.method != "POST":
            return json_reply(405, {"Message": "The resource does not support this method."}, ("Allow", "POST"))
        kind, limit = request.headers.get("content-type", ""), self.profile.batch_limit
        root = self.base + "/odata"

        def run(part: Part) -> Reply:
            self._count(part, "$batch ")
            over = self._over_quota(caller.user, clock) if self.profile.batch_parts_count else None
            return over or self._service.execute(self._call(part, request, clock, caller, in_batch=True))

        batch = Batch(self.store, self.profile, run, self.saver.new_id)
        go_on = CONTINUE in request.headers.get("prefer", "")
        if not kind.lower().startswith(("multipart/mixed", "application/json")):
            return Refused(self.profile.bad_body_status, f"The media type '{kind}' is not supported.").reply()
        try:
            if kind.lower().startswith("multipart/mixed"):
                parts = read_multipart(kind, request.body, root, limit)
                return multipart_answers(batch.answers(parts, go_on=go_on), self.saver.new_id())
            return json_answers(batch.answers(read_parts(request.body, root, limit), go_on=go_on))
        except Refused as refused:
            return refused.reply()

    # the operator

    @property
    def warnings(self) -> int:
        """Queries that filtered by a column they did not select."""
        return self._service.warnings.unselected

    def reset_log(self) -> None:
        self.log.clear()
        self.counters.clear()

    def expire_sessions(self, user: User | str | None = None) -> int:
        """End all sessions and tokens, or those of one user; how many."""
        return self.gate.expire(None if user is None else self.user(user))

    def revoke(self, user: User | str, **rights: Any) -> User:
        """Set rights of a user: fields of `User`; `unreadable` objects and `hidden` records are replaced."""
        found = self.user(user)
        for name, value in rights.items():
            if name in ("id", "name", "contact_id") or not hasattr(found, name):
                raise ValueError(f"no right {name!r}")
            setattr(found, name, set(value) if name in ("unreadable", "hidden") else value)
        return found


def _with_headers(reply: Reply, headers: tuple[tuple[str, str], ...]) -> Reply:
    return replace(reply, headers=(*reply.headers, *headers)) if headers else reply
