"""What one run did, in the shape `syncd sync --json` prints."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class RunOutcome(StrEnum):
    """How a run ended; `busy` also when a server asked to come back later."""

    OK = "ok"
    HELD = "held"
    FAILED = "failed"
    NEEDS_CONSENT = "needs_consent"
    BUSY = "busy"


class CrmCounts(msgspec.Struct):
    """What was written to the CRM."""

    created: int = 0
    updated: int = 0
    tagged: int = 0
    untagged: int = 0


class GoogleCounts(msgspec.Struct):
    """What was written to Google."""

    created: int = 0
    updated: int = 0
    grouped: int = 0
    ungrouped: int = 0


class Requests(msgspec.Struct):
    """Requests sent, sign-in apart."""

    crm: int = 0
    google: int = 0


class Report(msgspec.Struct):
    """One account's run. `reason` and `message` say why it did not end `ok`.

    `retry_after` is the server's wish in seconds.
    """

    account: str
    outcome: RunOutcome = RunOutcome.OK
    run: str = ""
    full: bool = False
    crm: CrmCounts = msgspec.field(default_factory=CrmCounts)
    google: GoogleCounts = msgspec.field(default_factory=GoogleCounts)
    linked: int = 0
    conflicts: int = 0
    held: int = 0
    rejected: int = 0
    in_doubt: int = 0
    requests: Requests = msgspec.field(default_factory=Requests)
    seconds: float = 0.0
    reason: str = ""
    message: str = ""
    retry_after: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Reason, message and the wish to wait only where there is one to tell."""
        body: dict[str, Any] = msgspec.to_builtins(self)
        for key in ("reason", "message", "retry_after"):
            if not body[key]:
                del body[key]
        return body
