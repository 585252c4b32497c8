"""Requests to Google's sign-in endpoints: sent once, their failures named. Not the People API."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from adapters.http import NotSent, Reply, Transport, Unanswered, Unreadable, retry_after
from syncd.core.errors import RateLimited, SyncError, Unavailable

Json = dict[str, Any]

FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}

_TIMEOUT = 30.0


def send(transport: Transport, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
    """The reply, whatever its status. Raises `Unavailable`."""
    try:
        return transport.send(method, url, headers, body, _TIMEOUT)
    except (NotSent, Unanswered) as exc:
        raise Unavailable(f"Google's sign-in does not answer: {exc}") from exc


def json_of(reply: Reply) -> Json:
    """The object in a reply, empty when it is JSON of another kind. Raises `Unavailable`."""
    try:
        content = reply.json()
    except Unreadable as exc:
        raise Unavailable(f"Google's sign-in makes no sense: {reply.status}") from exc
    return content if isinstance(content, dict) else {}


def trouble(reply: Reply) -> SyncError:
    """The error for a reply that is the server's own fault, or its wish for peace."""
    after = retry_after(reply.headers, time.time())
    if reply.status == 429:
        return RateLimited("Google's sign-in is asked too often", after)
    return Unavailable(f"Google's sign-in answered {reply.status}", after)
