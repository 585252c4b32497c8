"""The transport over real sockets: sent once, whole or not at all, and honest about which."""

from __future__ import annotations

import gzip
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from adapters.http import HandlerTransport, HttpTransport, NotSent, Reply, Unanswered, Unreadable
from syncd.sandbox import wire
from syncd.sandbox.faults import Faults, Rule
from syncd.sandbox.shell import Served


@dataclass
class Server:
    """A server that echoes the target, with faults in front; `seen` are the requests that came in."""

    url: str = ""
    faults: Faults = field(default_factory=Faults)
    seen: list[wire.Request] = field(default_factory=list)
    clock: wire.Clock = field(default_factory=wire.Clock)
    answer: Callable[[wire.Request], wire.Reply] = lambda request: wire.json_reply(200, {"target": request.target})

    def handle(self, request: wire.Request, clock: wire.Clock) -> wire.Reply:
        self.seen.append(request)
        return self.faults.around(lambda r, _: self.answer(r))(request, clock)


@pytest.fixture
def server() -> Iterator[Server]:
    """A fresh server on a loopback port."""
    made = Server()
    with Served(made.handle, made.clock) as served:
        made.url = served.url
        yield made


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    """A fresh transport."""
    made = HttpTransport()
    yield made
    made.close()


def get(transport: HttpTransport, url: str, timeout: float = 5.0) -> Reply:
    """A plain GET."""
    return transport.send("GET", url, {}, None, timeout)


def test_request_arrives_as_given_and_the_reply_comes_back_whole(server: Server, transport: HttpTransport) -> None:
    """Method, target, headers and body; status, lower-case headers, JSON."""
    reply = transport.send("PATCH", server.url + "/a%20b?c=d%2Ce", {"X-Own": "1"}, b'{"a":1}', 5.0)
    (request,) = server.seen
    assert (request.method, request.target, request.body) == ("PATCH", "/a%20b?c=d%2Ce", b'{"a":1}')
    assert (request.headers["x-own"], request.headers["content-length"]) == ("1", "7")
    assert reply.json() == {"target": "/a%20b?c=d%2Ce"}
    assert reply.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("kind", ["drop", "reset", "truncate", "gzip_garbage", "big"])
@pytest.mark.parametrize("method", ["POST", "GET", "PATCH"])
def test_request_without_a_whole_reply_is_unanswered_and_sent_once(
    server: Server, transport: HttpTransport, kind: str, method: str
) -> None:
    """On a fresh connection and on a kept one, nothing is ever sent again."""
    for warm in (False, True):
        if warm:
            get(transport, server.url)
        server.seen.clear()
        server.faults.add(Rule(kind))
        with pytest.raises(Unanswered):
            transport.send(method, server.url, {}, b"{}" if method != "GET" else None, 5.0)
        assert len(server.seen) == 1


def test_slow_reply_is_unanswered_after_the_timeout(server: Server, transport: HttpTransport) -> None:
    """The request was received, and perhaps carried out."""
    server.faults.add(Rule("hang", delay=1.0))
    with pytest.raises(Unanswered):
        transport.send("POST", server.url, {}, b"{}", 0.2)
    assert len(server.seen) == 1


def test_timeout_is_for_the_whole_exchange(server: Server, transport: HttpTransport) -> None:
    """A reply that drips in is not waited for longer, though each byte comes in time."""
    server.answer = lambda _: wire.Reply(200, b"x" * 200)
    server.faults.add(Rule("drip"))
    with pytest.raises(Unanswered, match="too long"):
        get(transport, server.url, 0.3)


def test_dripping_reply_in_time_is_a_reply(server: Server, transport: HttpTransport) -> None:
    """Slow is not wrong."""
    server.faults.add(Rule("drip"))
    assert get(transport, server.url).json() == {"target": "/"}


@pytest.mark.parametrize("kind", ["redirect", "503", "html", "empty"])
def test_any_whole_reply_is_a_reply(server: Server, transport: HttpTransport, kind: str) -> None:
    """Redirects are not followed, statuses not judged; what is no JSON says so when it is read."""
    server.faults.add(Rule(kind, body="/elsewhere" if kind == "redirect" else None))
    reply = get(transport, server.url)
    assert len(server.seen) == 1
    if kind == "503":
        assert reply.status == 503
    else:
        with pytest.raises(Unreadable):
            reply.json()


def test_refused_connection_was_not_sent(transport: HttpTransport) -> None:
    """Nobody listens: nothing can have been applied."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with pytest.raises(NotSent):
            transport.send("POST", f"http://127.0.0.1:{held.getsockname()[1]}/", {}, b"{}", 2.0)


def test_failed_handshake_was_not_sent(server: Server, transport: HttpTransport) -> None:
    """TLS against a server that speaks none."""
    with pytest.raises(NotSent):
        transport.send("POST", server.url.replace("http:", "https:"), {}, b"{}", 2.0)
    assert not server.seen


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1/", "http://", "http://127.0.0.1:99999/"])
def test_address_that_makes_no_sense_was_not_sent(transport: HttpTransport, url: str) -> None:
    """An error of ours, not a mystery of the network's."""
    with pytest.raises(NotSent):
        get(transport, url)


def test_kept_connection_that_the_server_closed_is_replaced(server: Server, transport: HttpTransport) -> None:
    """An idle connection that went away costs no request."""
    server.answer = lambda _: wire.Reply(200, b"{}", (("Connection", "close"),))
    for _ in range(3):
        assert transport.send("POST", server.url, {}, b"{}", 5.0).status == 200
    assert len(server.seen) == 3


def test_threads_share_a_transport_without_crossing_wires(server: Server, transport: HttpTransport) -> None:
    """Each thread gets the answer to its own request."""
    with ThreadPoolExecutor(8) as pool:
        replies = pool.map(lambda i: (i, get(transport, f"{server.url}/{i}").json()["target"]), range(160))
        assert all(target == f"/{i}" for i, target in replies)


def test_proxy_of_the_environment_is_not_used_for_loopback(
    server: Server, transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server on this machine is asked directly; others go by the proxy."""
    monkeypatch.setenv("http_proxy", server.url)
    assert get(transport, server.url + "/direct").json() == {"target": "/direct"}
    assert get(transport, "http://crm.example.test/by-proxy").json() == {"target": "http://crm.example.test/by-proxy"}


def test_every_cookie_line_is_kept_apart(server: Server, transport: HttpTransport) -> None:
    """Set-Cookie lines cannot be joined by commas."""
    cookies = (("Set-Cookie", "a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT"), ("Set-Cookie", "b=2"))
    server.answer = lambda _: wire.Reply(200, b"{}", cookies)
    assert get(transport, server.url).cookies == (cookies[0][1], "b=2")


# ---------------------------------------------------------------------------------------------- bodies


@pytest.mark.parametrize("name", ["gzip", "deflate"])
def test_packed_reply_is_unpacked(server: Server, transport: HttpTransport, name: str) -> None:
    """gzip and deflate; gzip is what is asked for."""
    packed = gzip.compress(b'{"a":1}') if name == "gzip" else zlib.compress(b'{"a":1}')
    server.answer = lambda _: wire.Reply(200, packed, (("Content-Encoding", name),))
    assert get(transport, server.url).json() == {"a": 1}
    assert server.seen[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b"x" * 5000)[:-9], gzip.compress(b"x" * 50_000), b"\x00"],
    ids=["cut", "too large", "garbage"],
)
def test_reply_that_does_not_unpack_whole_is_unanswered(server: Server, body: bytes) -> None:
    """Cut off, or larger than what is taken."""
    server.answer = lambda _: wire.Reply(200, body, (("Content-Encoding", "gzip"),))
    transport = HttpTransport(max_body=20_000)
    with pytest.raises(Unanswered):
        get(transport, server.url)
    transport.close()


def test_unknown_packing_is_unanswered(server: Server, transport: HttpTransport) -> None:
    """It was not asked for and cannot be read."""
    server.answer = lambda _: wire.Reply(200, b"x", (("Content-Encoding", "br"),))
    with pytest.raises(Unanswered):
        get(transport, server.url)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        ('{"a":"👩‍🚀"}'.encode(), {"a": "👩‍🚀"}),
        (b'{"a":"\\ud83d x"}', {"a": "� x"}),
        (b'{"a":"\xed\xa0\x80"}', {"a": "���"}),
        (b"null", None),
    ],
)
def test_json_is_read_also_with_marks_and_broken_letters(body: bytes, expected: object) -> None:
    """Half a surrogate pair must not stop a whole list; it becomes a replacement letter that can be stored."""
    found = Reply(200, {}, body).json()
    assert found == expected
    str(found).encode()


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":', b"NaN", b'{"a":Infinity}', b"[" * 100_000])
def test_what_is_no_json_is_unreadable(body: bytes) -> None:
    """Never a text, never None."""
    with pytest.raises(Unreadable):
        Reply(200, {}, body).json()


# ---------------------------------------------------------------------------------------------- clocks


def test_clock_of_the_server_is_learnt_from_its_replies(server: Server) -> None:
    """An interval around the true offset that narrows with every reply."""
    transport = HttpTransport()
    server.clock.advance(3600)
    samples = []
    for _ in range(5):
        get(transport, server.url)
        assert transport.clock is not None
        samples.append(transport.clock)
    assert all(s.lo <= 3600 <= s.hi for s in samples)
    assert samples[-1].hi - samples[-1].lo <= samples[0].hi - samples[0].lo <= 1.5
    transport.close()


def test_reply_from_a_cache_or_without_a_date_tells_nothing(server: Server) -> None:
    """Its date is of another time."""
    transport = HttpTransport()
    server.answer = lambda _: wire.Reply(200, b"{}", (("Age", "60"),))
    get(transport, server.url)
    assert transport.clock is None
    transport.close()


def test_mounted_function_is_a_transport() -> None:
    """For simulation: the same headers and clock, no socket."""
    seen: list[tuple[str, str, dict[str, str], bytes | None]] = []

    def handle(method: str, url: str, headers: object, body: bytes | None) -> Reply:
        assert isinstance(headers, dict)
        seen.append((method, url, headers, body))
        return Reply(200, {"date": "Sun, 22 Nov 2026 00:00:10 GMT"}, b"{}")

    transport = HandlerTransport(handle, wall=lambda: 1_795_305_600.0)
    assert transport.send("POST", "http://x/y", {"X-A": "1"}, b"b", 1.0).json() == {}
    assert seen == [("POST", "http://x/y", {"x-a": "1"}, b"b")]
    assert transport.clock is not None
    assert (transport.clock.lo, transport.clock.hi) == (10.0, 11.0)


def test_transport_closes_what_it_kept(server: Server) -> None:
    """No connection is left behind."""
    transport = HttpTransport()
    before = threading.active_count()
    get(transport, server.url)
    transport.close()
    assert get(transport, server.url).status == 200
    transport.close()
    assert threading.active_count() <= before + 2
