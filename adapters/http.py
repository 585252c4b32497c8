"""One HTTP transport for all adapters: a request is sent exactly once. Retrying, signing in, redirects: the callers."""

from __future__ import annotations

import email.utils
import ipaddress
import json
import random
import ssl
import threading
import time
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from syncd.core.ports import ClockSample

MAX_BODY = 64 << 20
"""Bytes of a reply, on the wire and unpacked, that are taken at most."""

DRIFT = 50e-6
"""How far two clocks may drift apart, seconds per second."""

_CHUNK = 1 << 16
_LONGEST_WISH = 86_400.0


class NotSent(Exception):
    """Nothing was sent: the connection or its TLS handshake failed."""


class Unanswered(Exception):
    """The request was, or may have been, received; no whole reply came back."""


class Unreadable(Exception):
    """The reply is no JSON: empty, HTML, cut short."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply, unpacked. Header names are lower case; `cookies` are the Set-Cookie lines, one each."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: tuple[str, ...] = ()

    def json(self) -> Any:
        """The body as JSON; `Unreadable` when it is none."""
        return parse_json(self.body)


class Transport(Protocol):
    """Sends a request once. Raises `NotSent` or `Unanswered`, and nothing else. Thread-safe."""

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Reply:
        """The reply, whatever its status; redirects are replies too. `timeout` is seconds for the whole exchange."""

    @property
    def clock(self) -> ClockSample | None:
        """The clock of the server that answered last, from the `Date` headers of its replies so far."""


# ---------------------------------------------------------------------------------------------- JSON


def parse_json(body: bytes) -> Any:
    """JSON, also with a byte order mark or broken surrogates (which become U+FFFD); else `Unreadable`."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        text = body.decode("utf-8-sig", "replace")
        return _mended(json.loads(text, parse_constant=_no_constant))
    except (ValueError, RecursionError):
        raise Unreadable(f"{len(body)} bytes that are no JSON") from None


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [_mended(v) for v in value]
    if isinstance(value, dict):
        return {_mended(k): _mended(v) for k, v in value.items()}
    return value


# ---------------------------------------------------------------------------------------------- waiting


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The server's wish in seconds (0 to a day), None without one. A date is read against the reply's own `Date`."""
    wish = headers.get("retry-after", "").strip()
    if not wish:
        return None
    if wish.isdecimal():
        return min(float(wish), _LONGEST_WISH)
    until = _http_date(wish)
    if until is None:
        return None
    begin = _http_date(headers.get("date", ""))
    return min(max(until - (now if begin is None else begin), 0.0), _LONGEST_WISH)


def backoff(attempt: int, rng: random.Random) -> float:
    """Seconds before try `attempt` + 1 (the first is 0): full jitter under 1, 2, 4 … 32 s."""
    return rng.uniform(0.0, min(32.0, 2.0 ** min(attempt, 5)))


def _http_date(text: str) -> float | None:
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


# ---------------------------------------------------------------------------------------------- clocks


class _Clocks:
    """What the `Date` headers tell of each server's clock, as an interval that narrows with every reply."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._samples: dict[str, ClockSample] = {}
        self._last = ""

    def add(self, host: str, headers: Mapping[str, str], before: float, after: float) -> None:
        """A reply whose `Date` was written between these two times of ours. One from a cache tells nothing."""
        date = _http_date(headers.get("date", ""))
        with self._lock:
            self._last = host
            if date is None or "age" in headers or after < before:
                return
            fresh = ClockSample(date - after, date + 1.0 - before, after)
            self._samples[host] = narrowed(self._samples.get(host), fresh)

    @property
    def latest(self) -> ClockSample | None:
        with self._lock:
            return self._samples.get(self._last)


def narrowed(old: ClockSample | None, fresh: ClockSample) -> ClockSample:
    """Both samples' intersection, the old one widened by the drift since; the fresh one alone when they contradict."""
    if old is None:
        return fresh
    slack = abs(fresh.at - old.at) * DRIFT
    lo, hi = max(fresh.lo, old.lo - slack), min(fresh.hi, old.hi + slack)
    return ClockSample(lo, hi, fresh.at) if lo <= hi else fresh


# ---------------------------------------------------------------------------------------------- over the network


class _Phase(threading.local):
    connecting = False


_phase = _Phase()


class _Plain(HTTPConnection):
    def connect(self) -> None:
        _phase.connecting = True
        super().connect()
        _phase.connecting = False


class _Secure(HTTPSConnection):
    def connect(self) -> None:
        _phase.connecting = True
        super().connect()
        _phase.connecting = False


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


class HttpTransport:
    """Requests over kept-alive connections, certificates checked; the environment's proxy, but never for loopback.

    A cookie jar there is none. `wall` gives this machine's time in seconds since 1970.
    """

    def __init__(
        self, *, max_body: int = MAX_BODY, connections: int = 8, wall: Callable[[], float] = time.time
    ) -> None:
        self._max_body, self._wall = max_body, wall
        self._connections = connections
        self._clocks = _Clocks()
        self._lock = threading.Lock()
        self._pools: dict[str, urllib3.PoolManager] = {}

    @property
    def clock(self) -> ClockSample | None:
        return self._clocks.latest

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Reply:
        if urlsplit(url).scheme not in ("http", "https"):
            raise NotSent("no web address")
        head = {"accept-encoding": "gzip"} | {k.lower(): v for k, v in headers.items()}
        _phase.connecting = True
        deadline, before = time.monotonic() + timeout, self._wall()
        try:
            pool = self._pool_for(url)
            _phase.connecting = False  # a kept connection is used without `connect`
            response = pool.urlopen(
                method, url, body=body, headers=head, timeout=urllib3.Timeout(total=timeout),
                retries=False, redirect=False, preload_content=False, decode_content=False,
            )  # fmt: skip
        except (urllib3.exceptions.HTTPError, HTTPException, OSError, ValueError) as exc:
            raise self._named(exc) from exc
        reply_headers = {k.lower(): v for k, v in response.headers.items()}
        self._clocks.add(_host(url), reply_headers, before, self._wall())
        raw = self._whole_body(response, deadline)
        cookies = tuple(response.headers.getlist("set-cookie"))
        return Reply(response.status, reply_headers, _unpacked(raw, reply_headers, self._max_body), cookies)

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            for pool in self._pools.values():
                pool.clear()

    def _named(self, exc: Exception) -> NotSent | Unanswered:
        unsent = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError, ValueError)
        kind = NotSent if _phase.connecting or isinstance(exc, unsent) else Unanswered
        return kind(type(exc).__name__)

    def _pool_for(self, url: str) -> urllib3.PoolManager:
        proxy = _proxy_for(url)
        with self._lock:
            if proxy not in self._pools:
                self._pools[proxy] = self._new_pool(proxy)
            return self._pools[proxy]

    def _new_pool(self, proxy: str) -> urllib3.PoolManager:
        tls = ssl.create_default_context()  # one for all connections: loading the roots is what makes TLS dear
        pool = (
            urllib3.ProxyManager(proxy, maxsize=self._connections, ssl_context=tls)
            if proxy
            else urllib3.PoolManager(maxsize=self._connections, ssl_context=tls)
        )
        pool.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
        return pool

    def _whole_body(self, response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
        try:
            body = b"".join(self._chunks(response, deadline))
        except (urllib3.exceptions.HTTPError, HTTPException, OSError) as exc:
            response.close()
            raise Unanswered(type(exc).__name__) from exc
        except Unanswered:
            response.close()
            raise
        response.release_conn()
        return body

    def _chunks(self, response: urllib3.BaseHTTPResponse, deadline: float) -> Iterator[bytes]:
        size = 0
        while chunk := response.read1(_CHUNK, decode_content=False):
            size += len(chunk)
            if size > self._max_body:
                raise Unanswered("the reply is too long")
            if time.monotonic() > deadline:
                raise Unanswered("the reply takes too long")
            yield chunk
        told = response.headers.get("content-length", "")
        if size and told.isdecimal() and int(told) != size and "transfer-encoding" not in response.headers:
            raise Unanswered(f"{size} of {told} bytes")


def _unpacked(raw: bytes, headers: Mapping[str, str], cap: int) -> bytes:
    packing = headers.get("content-encoding", "identity").strip().lower()
    if packing in ("", "identity") or not raw:
        return raw
    if packing not in ("gzip", "x-gzip", "deflate"):
        raise Unanswered(f"packed as {packing[:20]}")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)  # 32: the header tells gzip from zlib
    try:
        body = unpacker.decompress(raw, cap + 1)
    except zlib.error as exc:
        raise Unanswered("badly packed") from exc
    if len(body) > cap or not unpacker.eof:
        raise Unanswered("badly packed, or too long")
    return body


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _proxy_for(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host) or urllib.request.proxy_bypass(host):
        return ""
    return urllib.request.getproxies().get(parts.scheme, "")


def is_loopback(host: str) -> bool:
    """Whether this host name is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# ---------------------------------------------------------------------------------------------- in process

Mounted = Callable[[str, str, Mapping[str, str], bytes | None], Reply]
"""(method, url, headers with lower-case names, body) -> reply; may raise `NotSent` or `Unanswered`."""


class HandlerTransport:
    """A server mounted as a function, for simulation. `wall` is the simulated time of this machine."""

    def __init__(self, handle: Mounted, *, wall: Callable[[], float] = time.time) -> None:
        self._handle, self._wall = handle, wall
        self._clocks = _Clocks()

    @property
    def clock(self) -> ClockSample | None:
        return self._clocks.latest

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Reply:
        before = self._wall()
        reply = self._handle(method, url, {k.lower(): v for k, v in headers.items()}, body)
        self._clocks.add(_host(url), reply.headers, before, self._wall())
        return reply
