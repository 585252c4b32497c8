"""Errors, named for what the caller must do. No HTTP or SQL exception leaves its client; it becomes one of these."""

from __future__ import annotations

from dataclasses import dataclass


class SyncError(Exception):
    """The root. `reason` is a stable word for logs; the message says what to do next."""

    reason = "error"


class RetryLater(SyncError):
    """Back off, then make the same call again. `after` is the server's wish in seconds."""

    reason = "unavailable"

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class RateLimited(RetryLater):
    """A quota is used up."""

    reason = "rate_limited"


class Unavailable(RetryLater):
    """The server did not answer, or not sensibly."""

    reason = "unavailable"


class Busy(RetryLater):
    """Somebody else holds the lease on this source."""

    reason = "busy"


class Replan(SyncError):
    """The world moved: read again, plan again."""

    reason = "replan"


class CursorExpired(Replan):
    """The change feed no longer knows our place: read everything."""

    reason = "cursor_expired"


class Incomplete(Replan):
    """A list was cut short, so nothing may be concluded from what it lacks."""

    reason = "incomplete"


class LeaseLost(Replan):
    """Another worker took the source over; nothing more may be written under this lease."""

    reason = "lease_lost"


class Claimed(Replan):
    """Somebody else is making the same contact now: leave these `items` of the call out, and look again later."""

    reason = "claimed"

    def __init__(self, message: str, items: tuple[int, ...]) -> None:
        super().__init__(message)
        self.items = items


class NeedsHuman(SyncError):
    """Pause this account and say so; `fix` is the sentence that tells what to do."""

    reason = "needs_human"

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix


class ConsentRevoked(NeedsHuman):
    """Google no longer accepts the stored grant; the user has to connect again."""

    reason = "consent_revoked"


class MissingRight(NeedsHuman):
    """The login lacks a right that syncd needs."""

    reason = "missing_right"


class WrongPassword(NeedsHuman):
    """The CRM refused the login."""

    reason = "wrong_password"


class TagMissing(NeedsHuman):
    """The tag does not exist and only its owner can make it."""

    reason = "tag_missing"


class PlanHeld(NeedsHuman):
    """The brake holds this plan until it is approved."""

    reason = "held"


class Fatal(SyncError):
    """Stop; no retry can help."""

    reason = "fatal"


class ContractBroken(Fatal):
    """A server or our own code did what the protocol rules out."""

    reason = "contract_broken"


class StateCorrupt(Fatal):
    """The state cannot be trusted, or is of a newer version."""

    reason = "state_corrupt"


@dataclass(frozen=True)
class Problem:
    """One fault in the configuration: the dotted key, what is wrong, and what to write instead."""

    key: str
    message: str
    suggestion: str = ""


class ConfigError(Fatal):
    """Every problem of the configuration at once."""

    reason = "config"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        lines = [f"{p.key}: {p.message}" + (f" ({p.suggestion})" if p.suggestion else "") for p in problems]
        super().__init__("\n".join(lines))
        self.problems = problems
