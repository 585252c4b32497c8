"""What every sandbox server is made of: requests, replies, a virtual clock. No socket here; `shell.py` adds one.

A server is a function `(Request, Clock) -> Reply`. Faults are handlers around it (`faults.py`), HTTP is a shell around
both (`shell.py`), and a test may mount the function directly as an adapter's transport.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

JSON_TYPE = "application/json; charset=UTF-8"


@dataclass(frozen=True)
class Request:
    """One HTTP request. `target` is path and query as sent; header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)


class Cut(Enum):
    """How the transport spoils a reply. The shell acts it out; an in-process transport raises the like."""

    NONE = "none"
    DROP = "drop"  # close the connection without a reply
    RESET = "reset"  # close it with a TCP reset
    TRUNCATE = "truncate"  # send the headers with the full length, then half of the body
    TRUNCATE_SILENT = "truncate_silent"  # no length header: half of the body, then close
    DRIP = "drip"  # one byte at a time
    HANG = "hang"  # answer only after `Reply.delay`


@dataclass(frozen=True)
class Reply:
    """One HTTP reply; `cut` and `delay` (seconds of real time) are what the network does to it."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    cut: Cut = Cut.NONE
    delay: float = 0.0

    def header(self, name: str) -> str | None:
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    def json(self) -> Any:
        return json.loads(self.body)


def json_reply(status: int, body: Any, *headers: tuple[str, str], content_type: str = JSON_TYPE) -> Reply:
    """A JSON reply, compact, non-ASCII kept."""
    raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return Reply(status, raw, (("Content-Type", content_type), *headers))


class Clock:
    """A server's clock: real time plus what was advanced, plus a skew that only its own stamps show.

    `freeze=True` stops real time, so a test alone moves it.
    """

    def __init__(self, start: float | None = None, *, freeze: bool = False, skew: float = 0.0) -> None:
        self._lock = threading.Lock()
        self._frozen = start if start is not None else time.time()
        self._offset = 0.0 if start is None else start - time.time()
        self._freeze = freeze
        self.skew = skew

    def now(self) -> float:
        """Seconds since 1970 (UTC) by this server's clock."""
        with self._lock:
            base = self._frozen if self._freeze else time.time() + self._offset
            return base + self.skew

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._frozen += seconds
            self._offset += seconds


Handler = Callable[[Request, Clock], Reply]
