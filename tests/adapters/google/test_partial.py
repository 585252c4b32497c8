"""What `fields` asks for is enough: replies cut down to it give the same records, groups and outcomes.

The sandbox sends whole replies, so they are cut here, by a small reading of Google's rules for partial responses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from adapters.google.adapter import GooglePeople
from adapters.http import HttpTransport, Reply
from syncd.core.ports import ScopeWish
from tests.adapters.google.conftest import World, interest, person, read

Selector = dict[str, "Selector"]


def parse(text: str) -> Selector:
    """`a,b/c,d(e,f)` as nested dicts; empty means everything below."""
    tokens = iter(re.findall(r"[\w]+|[(),/]", text))
    return _parse_list(tokens)


def _parse_list(tokens: Iterator[str]) -> Selector:
    found: Selector = {}
    at = found
    for token in tokens:
        if token == "(":
            at.update(_parse_list(tokens))
        elif token == ")":
            return found
        elif token == ",":
            at = found
        elif token != "/":
            at = at.setdefault(token, {})
    return found


def prune(value: Any, wanted: Selector) -> Any:
    """The value without what was not asked for; objects that lose everything are dropped."""
    if not wanted:
        return value
    if isinstance(value, list):
        return [kept for item in value if (kept := prune(item, wanted)) != {}]
    if isinstance(value, dict):
        kept = {k: prune(v, wanted[k]) for k, v in value.items() if k in wanted}
        return {k: v for k, v in kept.items() if v not in ({}, [])}
    return value


@dataclass
class Pruning:
    """A transport that cuts each reply down to the `fields` of its request."""

    inner: HttpTransport
    pruned: int = 0

    @property
    def clock(self) -> Any:
        return self.inner.clock

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Reply:
        reply = self.inner.send(method, url, headers, body, timeout)
        overridden = headers.get("x-http-method-override") == "GET"
        query = parse_qs((body or b"").decode() if overridden else urlsplit(url).query)
        if "fields" not in query or reply.status != 200:
            return reply
        self.pruned += 1
        small = json.dumps(prune(reply.json(), parse(query["fields"][0]))).encode()
        return Reply(200, {k: v for k, v in reply.headers.items() if k != "content-length"}, small)


FULL: dict[str, Any] = {
    "names": [{"givenName": "Ada", "familyName": "L", "honorificPrefix": "Dr.", "phoneticGivenName": "eida"}],
    "organizations": [{"name": "A", "title": "T", "current": True, "costCenter": "7"}, {"name": "B", "type": "school"}],
    "birthdays": [{"date": {"month": 1, "day": 2}}],
    "biographies": [{"value": "n"}],
    "emailAddresses": [{"value": "a@x.org", "type": "My label", "displayName": "Ada"}, {"value": "b@x.org"}],
    "phoneNumbers": [{"value": "555 0100", "type": "mobile"}, {"value": "555 0101", "type": "pager"}],
    "addresses": [{"streetAddress": "S", "poBox": "9", "countryCode": "US", "type": "home"}],
    "urls": [{"value": "http://x.example", "type": "homePage"}],
    "imClients": [{"username": "ada", "protocol": "skype", "type": "home"}],
    "userDefined": [{"key": "K", "value": "V"}],
    "nicknames": [{"value": "Ace", "type": "SHORT_NAME"}],
    "clientData": [{"key": "syncd", "value": "1/t/c/i"}, {"key": "x", "value": "y"}],
}


def test_partial_replies_say_the_same(world: World, remote: GooglePeople) -> None:
    """Lists, deltas, point reads and groups: nothing that counts is cut away."""
    pruning = Pruning(world.transport)
    small = replace(world, transport=pruning).adapter(custom=("nicknames",))  # type: ignore[arg-type]  # a transport
    want = interest(custom=("nicknames",))
    known, goes = world.add(**FULL), world.add(names=[{"givenName": "B"}])
    whole, cut = read(remote, want=want), read(small, want=want)
    assert cut.records == whole.records
    assert small.fetch([known]) == remote.fetch([known])
    group = small.resolve(ScopeWish("Creatio"))
    assert remote.resolve(ScopeWish("Creatio")) == group
    world.user.delete(f"people/c{int(goes, 16)}")
    world.user.edit(f"people/c{int(known, 16)}", phoneNumbers=[{"value": f"5 {i}"} for i in range(120)])
    small.send((person("C", scopes=[group]),))
    later, cut_later = read(remote, whole.ending.cursor, want=want), read(small, cut.ending.cursor, want=want)
    assert (cut_later.records, cut_later.gone) == (later.records, later.gone)
    assert (len(cut_later.records), cut_later.gone) == (2, {goes})
    assert pruning.pruned == 5


def test_selectors_are_understood_as_google_does() -> None:
    """The reading of `fields` that the other test relies on."""
    selector = parse("a(b,c/d),e/f(g),h")
    assert selector == {"a": {"b": {}, "c": {"d": {}}}, "e": {"f": {"g": {}}}, "h": {}}
    assert prune({"a": [{"b": 1, "x": 2}, {"x": 1}], "h": {"z": 1}, "y": 0}, selector) == {
        "a": [{"b": 1}],
        "h": {"z": 1},
    }
