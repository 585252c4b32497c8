"""What Google's error replies mean: a kind for the whole call, and one for each item that a batch names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from adapters.google.shape import Json, dicts, number, text
from adapters.http import Unreadable, parse_json, retry_after
from syncd.core.errors import (
    ConsentRevoked,
    ContractBroken,
    CursorExpired,
    MissingRight,
    NeedsHuman,
    RateLimited,
    RetryLater,
    SyncError,
    Unavailable,
)

CONTACTS_SCOPE = "https://www.googleapis.com/auth/contacts"


class Kind(StrEnum):
    """What was wrong, by what can be done about it."""

    RATE = "rate_limited"
    SIGN_IN = "sign_in"
    NO_RIGHT = "no_right"
    API_OFF = "api_off"
    CURSOR = "cursor_expired"
    STALE = "stale"
    MISSING = "missing"
    FULL = "full"
    TAKEN = "taken"
    BUSY = "busy"
    SERVER = "server"
    INVALID = "invalid"


TRANSIENT = frozenset({Kind.RATE, Kind.BUSY, Kind.SERVER})

_RATE_REASONS = frozenset({
    "RATE_LIMIT_EXCEEDED", "rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded",
})  # fmt: skip
_API_OFF_REASONS = frozenset({"SERVICE_DISABLED", "accessNotConfigured"})
_GRPC_TO_HTTP = {3: 400, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 13: 500, 14: 503, 16: 401}
_BATCH_DETAILS = ("BatchCreateContactsErrorDetails", "BatchUpdateContactsErrorDetails")


@dataclass(frozen=True, slots=True)
class Denial:
    """One error reply. `word` says why, without any contact value; `items` are the batch items it names."""

    kind: Kind
    status: int
    word: str = ""
    after: float | None = None
    items: Mapping[str, Denial] = field(default_factory=dict)


class Denied(Exception):
    """The server answered with an error. For a mutation of any kind but `SERVER`: nothing was applied."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(f"{denial.status} {denial.kind} {denial.word}".rstrip())
        self.denial = denial


class Lost(Exception):
    """A mutation of which nobody knows whether it was applied; the text is a word for the log."""


# ---------------------------------------------------------------------------------------------- reading replies


def denial_of(status: int, headers: Mapping[str, str], body: bytes, now: float) -> Denial:
    """The meaning of an error reply. One that is not Google's own JSON is a server's fault, whatever its status."""
    after = retry_after(headers, now)
    error = _error_in(body)
    if error is None:
        kind = {401: Kind.SIGN_IN, 429: Kind.RATE}.get(status, Kind.SERVER)
        return Denial(kind, status, "unreadable", after)
    reasons = frozenset(_reasons(error))
    kind = _kind(status, text(error.get("status")), text(error.get("message")), reasons)
    return Denial(kind, status, _word(error), after, _items(error))


def item_denial(status: Json) -> Denial:
    """The meaning of a `google.rpc.Status` inside a reply."""
    http = _GRPC_TO_HTTP.get(number(status.get("code")), 400)
    reasons = frozenset(_reasons(status))
    name = "FAILED_PRECONDITION" if number(status.get("code")) == 9 else ""
    return Denial(_kind(http, name, text(status.get("message")), reasons), http, _word(status))


def _error_in(body: bytes) -> Json | None:
    try:
        reply = parse_json(body)
    except Unreadable:
        return None
    error = reply.get("error") if isinstance(reply, dict) else None
    return error if isinstance(error, dict) else None


def _kind(status: int, name: str, message: str, reasons: frozenset[str]) -> Kind:
    said = message.lower()
    if status >= 500 or status < 400 or status == 408:
        return Kind.SERVER
    if "my_contacts_overflow_count" in said:
        return Kind.FULL
    if status == 429 or name == "RESOURCE_EXHAUSTED" or reasons & _RATE_REASONS:
        return Kind.RATE
    if status in (401, 403):
        return Kind.SIGN_IN if status == 401 else Kind.API_OFF if reasons & _API_OFF_REASONS else Kind.NO_RIGHT
    if status == 410 or "EXPIRED_SYNC_TOKEN" in reasons or said.startswith("sync token"):
        return Kind.CURSOR
    if status == 404:
        return Kind.MISSING
    if status == 409:
        return Kind.TAKEN if name == "ALREADY_EXISTS" or "already exists" in said else Kind.BUSY
    return Kind.STALE if status == 412 or "is different than the current" in said else Kind.INVALID


def _reasons(error: Json) -> Iterable[str]:
    for detail in [*dicts(error.get("details")), *dicts(error.get("errors"))]:
        if isinstance(reason := detail.get("reason"), str):
            yield reason


def _word(error: Json) -> str:
    """The status and the fields it complains of; messages stay out, for they may quote what was sent."""
    violations = [v for d in dicts(error.get("details")) for v in dicts(d.get("fieldViolations"))]
    fields = sorted({str(v.get("field", "")) for v in violations} - {""})
    status = str(error.get("status") or error.get("code") or "refused").lower()
    return " ".join([status, *fields])[:120]


def _items(error: Json) -> dict[str, Denial]:
    found: dict[str, Denial] = {}
    for detail in dicts(error.get("details")):
        named = detail.get("contactErrors")
        if str(detail.get("@type", "")).endswith(_BATCH_DETAILS) and isinstance(named, dict):
            found |= {str(key): item_denial(status) for key, status in named.items() if isinstance(status, dict)}
    return found


# ---------------------------------------------------------------------------------------------- errors of ours


def error_of(denial: Denial) -> SyncError:
    """The error by which a whole call that was denied leaves the adapter."""
    said = f"Google answered {denial.status} {denial.word}".rstrip()
    match denial.kind:
        case Kind.RATE:
            return RateLimited("Google's quota is used up", denial.after)
        case Kind.SERVER:
            return Unavailable(said, denial.after)
        case Kind.BUSY:
            return RetryLater(said, denial.after)
        case Kind.SIGN_IN:
            return ConsentRevoked("Google no longer accepts this account's sign-in", "connect the account again")
        case Kind.CURSOR:
            return CursorExpired("Google has forgotten our place in its changes")
        case _:
            return _human_error(denial, said)


def _human_error(denial: Denial, said: str) -> SyncError:
    match denial.kind:
        case Kind.API_OFF:
            fix = "enable the People API in the Google Cloud project of the OAuth client"
            return MissingRight("The People API is not enabled in the project of the OAuth client", fix)
        case Kind.NO_RIGHT:
            fix = f"connect the account again and leave the box for contacts ticked ({CONTACTS_SCOPE})"
            return MissingRight(f"Google denies access to the contacts: {said}", fix)
        case Kind.FULL:
            fix = "the user has to delete contacts that are not needed and empty the trash of Google Contacts"
            return NeedsHuman("The Google account holds as many contacts as it can", fix)
        case _:
            return ContractBroken(said)
