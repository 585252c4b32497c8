"""Exit codes, and which reason leads to which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """The exit codes. `status` has its own: see `Health`."""

    OK = 0
    FAILED = 1
    WAITS = 2  # held, or the user has to connect again
    USAGE = 64
    LATER = 75  # busy or temporary
    NO_RIGHT = 77
    CONFIG = 78
    STOPPED = 130


class Health(IntEnum):
    """The exit codes of `status`, as monitors understand them."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


OF_REASON = {
    "config": Exit.CONFIG,
    "missing_right": Exit.NO_RIGHT,
    "held": Exit.WAITS,
    "consent_revoked": Exit.WAITS,
    **dict.fromkeys(("rate_limited", "unavailable", "busy", "already_running", "disk_full"), Exit.LATER),
    **dict.fromkeys(("replan", "cursor_expired", "incomplete", "lease_lost"), Exit.LATER),
}
OF_OUTCOME = {"ok": Exit.OK, "held": Exit.WAITS, "needs_consent": Exit.WAITS, "busy": Exit.LATER}
PRECEDENCE = (Exit.CONFIG, Exit.NO_RIGHT, Exit.FAILED, Exit.WAITS, Exit.LATER, Exit.OK)


def of_reason(reason: str) -> Exit:
    """The exit code when a command ends for this reason (the `reason` of an error class)."""
    return OF_REASON.get(reason, Exit.FAILED)


def of_report(row: Mapping[str, Any]) -> Exit:
    """The exit code of one account's run."""
    outcome = str(row.get("outcome", ""))
    return OF_OUTCOME[outcome] if outcome in OF_OUTCOME else of_reason(str(row.get("reason", "")))


def first_that_applies(codes: Iterable[Exit]) -> Exit:
    """The exit code of several accounts together."""
    given = set(codes)
    return next((code for code in PRECEDENCE if code in given), Exit.OK)
