"""Faults as a handler around a server: rules that say which requests go wrong, how, and how often."""

from __future__ import annotations

import re
import threading
from collections import Counter
from dataclasses import dataclass, field, replace

from syncd.sandbox.wire import Clock, Cut, Handler, Reply, Request, json_reply


@dataclass
class Rule:
    """`kind` happens to the next `count` requests whose method and target match, after `skip` of them.

    Kinds: a status as digits (`"503"`), with `after=True` once the request was carried out; `drop`, `reset`,
    `truncate`, `truncate_silent`, `drip`, `hang` (carried out first unless `after=False`); `html`, `empty`,
    `gzip_garbage`,
    `big` (64 MB), `redirect` (not carried out unless `after=True`); `duplicate` (done twice).
    `body` replaces the error body; `headers` are added (`Retry-After`); `delay` is real seconds before the reply.
    """

    kind: str
    method: str = ".*"
    target: str = ".*"
    count: int = 1
    skip: int = 0
    after: bool | None = None
    body: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0

    def matches(self, request: Request) -> bool:
        verb = request.headers.get("x-http-method-override", request.method)
        return bool(re.fullmatch(self.method, verb) and re.search(self.target, request.target))


class Faults:
    """The switchboard: rules are taken in order, the first live one that matches acts. Hits are counted by kind."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.rules: list[Rule] = []
        self.hits: Counter[str] = Counter()

    def add(self, rule: Rule) -> None:
        re.compile(rule.method), re.compile(rule.target)
        with self._lock:
            self.rules.append(rule)

    def clear(self) -> None:
        with self._lock:
            self.rules.clear()

    def take(self, request: Request) -> Rule | None:
        """The rule that acts on this request, counted down; None when all is well."""
        with self._lock:
            for rule in self.rules:
                if rule.count <= 0 or not rule.matches(request):
                    continue
                if rule.skip > 0:
                    rule.skip -= 1
                    continue
                rule.count -= 1
                self.hits[rule.kind] += 1
                return rule
        return None

    def around(self, handler: Handler) -> Handler:
        def faulty(request: Request, clock: Clock) -> Reply:
            rule = self.take(request)
            return handler(request, clock) if rule is None else _act(rule, handler, request, clock)

        return faulty


_CUTS = {c.value: c for c in Cut if c is not Cut.NONE}


def _act(rule: Rule, handler: Handler, request: Request, clock: Clock) -> Reply:
    extra = tuple(rule.headers.items())
    if rule.kind == "duplicate":
        handler(request, clock)
        return handler(request, clock)
    if rule.kind in _CUTS:
        applied = handler(request, clock) if rule.after is not False else Reply(503)
        return replace(applied, cut=_CUTS[rule.kind], delay=rule.delay)
    if rule.after:
        handler(request, clock)
    return replace(_spoilt(rule, extra), delay=rule.delay)


def _spoilt(rule: Rule, extra: tuple[tuple[str, str], ...]) -> Reply:
    """A reply that no server should give."""
    if rule.kind == "html":
        page = (rule.body or "<html><head><title>Sign in</title></head><body>Captive portal</body></html>").encode()
        return Reply(200, page, (("Content-Type", "text/html; charset=utf-8"), *extra))
    if rule.kind == "empty":
        return Reply(200, b"", (("Content-Type", "application/json"), *extra))
    if rule.kind == "gzip_garbage":
        head = (("Content-Type", "application/json"), ("Content-Encoding", "gzip"))
        return Reply(200, b"\x1f\x8b\x08garbage", (*head, *extra))
    if rule.kind == "big":
        return Reply(200, b"[" + b" " * (64 << 20) + b"]", (("Content-Type", "application/json"), *extra))
    if rule.kind == "redirect":
        return Reply(302, b"", (("Location", rule.body or "/elsewhere"), *extra))
    return _refused(rule, extra)


def _refused(rule: Rule, extra: tuple[tuple[str, str], ...]) -> Reply:
    status = int(rule.kind)
    if rule.body is not None:
        kind = "application/json" if rule.body.lstrip().startswith(("{", "[")) else "text/html"
        return Reply(status, rule.body.encode(), (("Content-Type", kind), *extra))
    envelope = {"error": {"code": status, "message": f"Injected fault {status}.", "status": "UNAVAILABLE"}}
    return json_reply(status, envelope, *extra)
