"""Google's error replies by meaning, over every captured body and the fault catalogue."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.google.denial import Denial, Kind, denial_of, error_of, item_denial
from syncd.core import errors

STALE = "Request person.etag is different than the current person.etag. Clear local cache and get the latest person."
STALE_SOURCE = "Request person.metadata.sources.etag is different than the current person.metadata.sources.etag."
EXPIRED = "Sync token is expired. Clear local cache and retry call without the sync token."
BATCH = "type.googleapis.com/google.people.v1.BatchUpdateContactsErrorDetails"


def denied(status: int, name: str = "", message: str = "", **error: Any) -> Denial:
    """The meaning of an error in Google's envelope."""
    body = {"error": {"code": status, "status": name, "message": message, **error}}
    return denial_of(status, {}, json.dumps(body).encode(), 0.0)


@pytest.mark.parametrize(
    ("status", "name", "message", "reason", "kind"),
    [
        (400, "FAILED_PRECONDITION", EXPIRED, "EXPIRED_SYNC_TOKEN", Kind.CURSOR),
        (400, "INVALID_ARGUMENT", EXPIRED, "", Kind.CURSOR),
        (400, "FAILED_PRECONDITION", "", "EXPIRED_SYNC_TOKEN", Kind.CURSOR),
        (410, "", "Gone", "", Kind.CURSOR),
        (400, "FAILED_PRECONDITION", STALE, "", Kind.STALE),
        (400, "FAILED_PRECONDITION", STALE_SOURCE, "failedPrecondition", Kind.STALE),
        (412, "", "", "", Kind.STALE),
        (400, "INVALID_ARGUMENT", "Request contains an invalid argument.", "badRequest", Kind.INVALID),
        (400, "FAILED_PRECONDITION", "Must be a G Suite domain user.", "", Kind.INVALID),
        (400, "FAILED_PRECONDITION", "… MY_CONTACTS_OVERFLOW_COUNT", "", Kind.FULL),
        (429, "RESOURCE_EXHAUSTED", "… MY_CONTACTS_OVERFLOW_COUNT", "", Kind.FULL),
        (401, "UNAUTHENTICATED", "", "", Kind.SIGN_IN),
        (403, "PERMISSION_DENIED", "", "ACCESS_TOKEN_SCOPE_INSUFFICIENT", Kind.NO_RIGHT),
        (403, "PERMISSION_DENIED", "", "SERVICE_DISABLED", Kind.API_OFF),
        (403, "", "", "userRateLimitExceeded", Kind.RATE),
        (403, "", "", "quotaExceeded", Kind.RATE),
        (404, "NOT_FOUND", "Requested entity was not found.", "", Kind.MISSING),
        (409, "ALREADY_EXISTS", "", "", Kind.TAKEN),
        (409, "", "Contact group name already exists.", "", Kind.TAKEN),
        (409, "ABORTED", "Contact group etag is outdated.", "", Kind.BUSY),
        (429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric", "RATE_LIMIT_EXCEEDED", Kind.RATE),
        (408, "", "", "", Kind.SERVER),
        (500, "INTERNAL", "Internal error encountered.", "", Kind.SERVER),
        (503, "UNAVAILABLE", "The service is currently unavailable.", "", Kind.SERVER),
    ],
)
def test_error_has_its_meaning(status: int, name: str, message: str, reason: str, kind: Kind) -> None:
    """By reason first, then by text where there is no other sign, else by status."""
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}]
    assert denied(status, name, message, details=details).kind is kind
    assert denied(status, name, message, errors=[{"reason": reason, "domain": "global"}]).kind is kind


@pytest.mark.parametrize("body", [b"", b"<html>Error 404</html>", b"[]", b'{"error":"text"}', b"{", b"\xff"])
@pytest.mark.parametrize(
    ("status", "kind"),
    [(302, Kind.SERVER), (400, Kind.SERVER), (403, Kind.SERVER), (404, Kind.SERVER), (502, Kind.SERVER)],
)
def test_reply_that_is_not_googles_own_is_a_servers_fault(status: int, kind: Kind, body: bytes) -> None:
    """A proxy's page says nothing about the contact or the consent."""
    assert denial_of(status, {}, body, 0.0).kind is kind


def test_sign_in_and_quota_are_known_by_status_alone() -> None:
    """Even without a readable body."""
    assert denial_of(401, {}, b"", 0.0).kind is Kind.SIGN_IN
    assert denial_of(429, {"retry-after": "3"}, b"<html>", 0.0) == Denial(Kind.RATE, 429, "unreadable", 3.0)


def test_batch_details_name_their_items() -> None:
    """By resource name or index, each with its own meaning."""
    items = {
        "people/c1": {"code": 9, "message": STALE},
        "people/c2": {"code": 5, "message": "Requested entity was not found."},
        "people/c3": {"code": 3, "message": "Cannot have more than one person.names per source."},
        "people/c4": {"code": 9, "message": "Request must set person.etag"},
    }
    denial = denied(400, "FAILED_PRECONDITION", "…", details=[{"@type": BATCH, "contactErrors": items}])
    kinds = {name: item.kind for name, item in denial.items.items()}
    assert kinds == {
        "people/c1": Kind.STALE,
        "people/c2": Kind.MISSING,
        "people/c3": Kind.INVALID,
        "people/c4": Kind.INVALID,
    }


def test_item_status_of_every_code_has_a_meaning() -> None:
    """gRPC codes inside batch replies."""
    kinds = {code: item_denial({"code": code}).kind for code in (3, 5, 7, 8, 9, 10, 13, 14, 16, 99)}
    assert kinds == {
        3: Kind.INVALID, 5: Kind.MISSING, 7: Kind.NO_RIGHT, 8: Kind.RATE, 9: Kind.INVALID, 10: Kind.BUSY,
        13: Kind.SERVER, 14: Kind.SERVER, 16: Kind.SIGN_IN, 99: Kind.INVALID,
    }  # fmt: skip


def test_reason_word_never_quotes_what_was_sent() -> None:
    """Google's messages may repeat a contact's values; the word for history and logs does not."""
    details = [{"fieldViolations": [{"field": "person.birthdays", "description": "Invalid value 'Ada'"}]}]
    denial = denied(400, "INVALID_ARGUMENT", "Invalid value 'Ada' at person", details=details)
    assert denial.word == "invalid_argument person.birthdays"
    assert "Ada" not in str(error_of(denial))


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (Kind.RATE, errors.RateLimited),
        (Kind.SIGN_IN, errors.ConsentRevoked),
        (Kind.NO_RIGHT, errors.MissingRight),
        (Kind.API_OFF, errors.MissingRight),
        (Kind.CURSOR, errors.CursorExpired),
        (Kind.FULL, errors.NeedsHuman),
        (Kind.BUSY, errors.RetryLater),
        (Kind.SERVER, errors.Unavailable),
        (Kind.STALE, errors.ContractBroken),
        (Kind.MISSING, errors.ContractBroken),
        (Kind.TAKEN, errors.ContractBroken),
        (Kind.INVALID, errors.ContractBroken),
    ],
)
def test_every_kind_leaves_as_one_of_our_errors(kind: Kind, error: type[Exception]) -> None:
    """Named for what the caller must do."""
    assert type(error_of(Denial(kind, 400))) is error
